// Time, as something that can be passed in: tests turn the hands themselves.

export interface Timer {
  /** Idempotent; a timer that has fired may be cancelled too. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970: for what is stored, shown or sent. The administrator may set it back. */
  now(): number;
  /** Milliseconds since an arbitrary moment, for back-offs, rates and caches: it never goes back. */
  elapsed(): number;
  /** Runs `task` once, at the earliest `delayMs` from now. Never keeps the process alive. */
  after(delayMs: number, task: () => void): Timer;
}

/** A clock without the wall clock: setting that back by a day changes nothing. */
export type ElapsedClock = Omit<Clock, 'now'>;

/** Longest delay that the runtime's timers take; beyond it they would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Converts a time of `clock.elapsed` to ms since 1970. */
export function wallTime(clock: Clock, elapsedAt: number): number {
  return clock.now() - (clock.elapsed() - elapsedAt);
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, Math.min(Math.max(delayMs, 0), MAX_DELAY_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
