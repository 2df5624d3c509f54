// Limits log lines that peers can cause: at most a number of lines per minute for each key.

import { BoundedMap } from './flow/index.ts';

export interface LogRateOptions {
  /** Lines per minute for one key. */
  readonly lines: number;
  /** The most keys; beyond that, the key whose minute began first is removed. */
  readonly maxKeys: number;
  /** A monotonic clock, in ms. Default: `performance.now`. */
  readonly elapsed?: () => number;
}

const MINUTE_MS = 60_000;

/** Added to the fields of the last line of a minute. */
export const LAST_LINE = { note: 'further lines like this one are dropped until the minute ends' };

export class LogRate {
  readonly #options: LogRateOptions;
  /** The current minute of each key: its start, and the lines written since. */
  readonly #minutes: BoundedMap<string, { readonly at: number; lines: number }>;

  constructor(options: LogRateOptions) {
    this.#options = options;
    this.#minutes = new BoundedMap(options.maxKeys);
  }

  /** The number of keys. */
  get size(): number {
    return this.#minutes.size;
  }

  /** Counts a line, and returns whether to write it, and whether it is the last one of the minute. */
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
