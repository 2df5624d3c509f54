// Logs and counts unexpected exceptions. The nearest owner catches each (docs/adr/0024): an exception ends one
// connection, stanza, timer or lookup, never the process.

import type { Clock } from './clock.ts';
import { LAST_LINE, LogRate } from './log-rate.ts';
import type { Logger } from './logger.ts';
import { OperatorError } from './operator-error.ts';

/** Log messages by the place that caught an exception. The places are values of a metric's label. */
const MESSAGES = {
  connection: 'connection failed',
  stream: 'stream handler failed',
  handler: 'handler failed',
  task: 'task failed',
  timer: 'timer failed',
  work: 'background work failed',
  lookup: 'lookup or connection attempt failed',
  command: 'command failed',
  storage: 'storage failed',
  stop: 'step of the stop failed',
  uncaught: 'internal error',
} as const;

export type FaultPlace = keyof typeof MESSAGES;

/**
 * Log lines per minute and place, so that a peer that repeats a fault neither fills the disk nor hides other faults.
 */
const MAX_LINES = 20;
const MAX_PLACES = Object.keys(MESSAGES).length;

/** State that all `Faults` of one server share. */
interface Tally {
  readonly counts: Map<FaultPlace, number>;
  /** Keyed by place. */
  readonly rate: LogRate;
}

export class Faults {
  readonly #log: Logger;
  readonly #tally: Tally;

  constructor(log: Logger, tally: Tally = newTally()) {
    this.#log = log;
    this.#tally = tally;
  }

  /** Returns one that shares the counts and logs through another logger. */
  loggedBy(log: Logger): Faults {
    return new Faults(log, this.#tally);
  }

  /** The number of exceptions since the start, by place. */
  get counts(): ReadonlyMap<FaultPlace, number> {
    return this.#tally.counts;
  }

  /**
   * Counts the exception and logs it with its stack, at most 20 lines a minute per place. A failure of storage counts as
   * such, wherever it was contained. Never throws.
   */
  report(where: FaultPlace, error: unknown, fields: object = {}): void {
    const { counts, rate } = this.#tally;
    const place = error instanceof OperatorError && error.isOfStorage ? 'storage' : where;
    counts.set(place, (counts.get(place) ?? 0) + 1);
    const verdict = rate.take(place);
    if (verdict === 'none') return;
    this.#log.error(MESSAGES[place], { ...fields, error, ...(verdict === 'last' ? LAST_LINE : {}) });
  }

  /** Runs a task and reports its exception. */
  contain(place: FaultPlace, task: () => void, fields?: object): void {
    try {
      task();
    } catch (error) {
      this.report(place, error, fields);
    }
  }

  /** Reports the rejection of a promise that is not awaited. */
  watch(place: FaultPlace, work: Promise<unknown>, fields?: object): void {
    work.catch((error: unknown) => this.report(place, error, fields));
  }
}

function newTally(): Tally {
  return { counts: new Map(), rate: new LogRate({ lines: MAX_LINES, maxKeys: MAX_PLACES }) };
}

/** Returns a clock that reports the exceptions of its tasks. */
export function containedClock(clock: Clock, faults: Faults): Clock {
  return {
    now: () => clock.now(),
    elapsed: () => clock.elapsed(),
    after: (delayMs, task) => clock.after(delayMs, () => faults.contain('timer', task)),
  };
}
