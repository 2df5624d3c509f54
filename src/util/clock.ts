// The clock as a dependency, so that tests control the time.

export interface Timer {
  /** Idempotent; a timer that has fired may be cancelled too. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970, for times that are stored, shown or sent. The administrator may set this clock back. */
  now(): number;
  /** Milliseconds since an arbitrary moment, for back-offs, rates and caches. Monotonic. */
  elapsed(): number;
  /** Runs `task` once, at the earliest `delayMs` from now. Never keeps the process alive. */
  after(delayMs: number, task: () => void): Timer;
}

/** A clock without the wall clock, for code that must not depend on it. */
export type ElapsedClock = Omit<Clock, 'now'>;

/** The longest delay of the runtime's timers; with a longer one they would fire immediately. */
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
