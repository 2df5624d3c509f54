// Limits log lines that peers can cause: a number of lines per minute for each key; further ones are dropped.

import { BoundedMap } from './flow/index.ts';

export interface LogRateOptions {
  /** Lines per minute for one key. */
  readonly lines: number;
  /** Keys that are remembered; beyond that, the one whose minute began first is forgotten. */
  readonly maxKeys: number;
  /** A monotonic clock, in ms. Default: `performance.now`. */
  readonly elapsed?: () => number;
}

const MINUTE_MS = 60_000;

/** Added to the fields of the last line of a minute. */
export const LAST_LINE = { note: 'further lines like this one are not written until the minute ends' };

export class LogRate {
  readonly #options: LogRateOptions;
  /** The current minute of each key: when it began, and the lines taken since. */
  readonly #minutes: BoundedMap<string, { readonly at: number; lines: number }>;

  constructor(options: LogRateOptions) {
    this.#options = options;
    this.#minutes = new BoundedMap(options.maxKeys);
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#minutes.size;
  }

  /** Counts a line, and returns how to write it: not at all, as the last one of the minute, or unchanged. */
  take(key: string): 'none' | 'last' | 'line' {
    const left = this.#options.lines - this.#minute(key).lines++;
    if (left < 1) return 'none';
    return left === 1 ? 'last' : 'line';
  }

  #minute(key: string): { lines: number } {
    const now = (this.#options.elapsed ?? (() => performance.now()))();
    const known = this.#minutes.get(key);
    if (known && now - known.at < MINUTE_MS) return known;
    const minute = { at: now, lines: 0 };
    this.#minutes.set(key, minute);
    return minute;
  }
}
