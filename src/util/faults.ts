// Unexpected exceptions. Each is contained by the nearest owner (docs/adr/0024): it costs one connection, stanza,
// timer or lookup, is logged with its stack, and counted.

import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

/** Where an exception was contained, and what the log says. The keys are values of a metric's label. */
const MESSAGES = {
  connection: 'connection failed',
  stream: 'stream handler failed',
  handler: 'handler failed',
  task: 'task failed',
  timer: 'timer failed',
  work: 'background work failed',
  lookup: 'connection attempt failed',
  command: 'command failed',
  storage: 'storage thread failed',
  stop: 'step of the stop failed',
  unowned: 'internal error',
} as const;

export type FaultPlace = keyof typeof MESSAGES;

/** Log lines a minute and place; a peer that triggers one fault again and again must not fill the disk, nor hide others. */
const MAX_LINES = 20;
const MINUTE_MS = 60_000;

/** What all `Faults` of a server share. */
interface Tally {
  readonly counts: Map<FaultPlace, number>;
  /** Lines logged since `at`. */
  readonly minutes: Map<FaultPlace, { at: number; lines: number }>;
}

export class Faults {
  readonly #log: Logger;
  readonly #tally: Tally;

  constructor(log: Logger, tally: Tally = { counts: new Map(), minutes: new Map() }) {
    this.#log = log;
    this.#tally = tally;
  }

  /** One with the same counts, and the fields of another logger. */
  loggedBy(log: Logger): Faults {
    return new Faults(log, this.#tally);
  }

  /** How many exceptions were contained since the start, by place. */
  get counts(): ReadonlyMap<FaultPlace, number> {
    return this.#tally.counts;
  }

  /** Logs what was thrown, with its stack, and counts it. Beyond 20 lines a minute it is only counted. Never throws. */
  report(place: FaultPlace, error: unknown, fields: object = {}): void {
    const { counts } = this.#tally;
    counts.set(place, (counts.get(place) ?? 0) + 1);
    const left = this.#linesLeft(place);
    if (left < 1) return;
    const last = left === 1 ? { next: 'more of these are only counted for a minute' } : {};
    this.#log.error(MESSAGES[place], { ...fields, error, ...last });
  }

  /** Runs a task that has no caller who could take its exception. */
  contain(place: FaultPlace, task: () => void, fields?: object): void {
    try {
      task();
    } catch (error) {
      this.report(place, error, fields);
    }
  }

  /** Reports the rejection of a promise that nobody waits for. */
  watch(place: FaultPlace, work: Promise<unknown>): void {
    work.catch((error: unknown) => this.report(place, error));
  }

  #linesLeft(place: FaultPlace): number {
    const now = performance.now();
    const known = this.#tally.minutes.get(place);
    const minute = known && now - known.at < MINUTE_MS ? known : { at: now, lines: 0 };
    this.#tally.minutes.set(place, minute);
    return MAX_LINES - minute.lines++;
  }
}

/** A clock whose tasks are contained: one that throws costs nothing but itself. */
export function containedClock(clock: Clock, faults: Faults): Clock {
  return {
    now: () => clock.now(),
    after: (delayMs, task) => clock.after(delayMs, () => faults.contain('timer', task)),
  };
}
