// Bounds what others can make us log: a number of lines a minute for each key, and more are only counted.

export interface LogRateOptions {
  /** Lines a minute for one key. */
  readonly lines: number;
  /** More keys are not remembered; the one that was heard of first goes first. */
  readonly maxKeys: number;
  /** Milliseconds on a clock that never goes back. */
  readonly elapsed?: () => number;
}

const MINUTE_MS = 60_000;

/** Fields for the last line that is written within a minute. */
export const LAST_LINE = { note: 'more of these are only counted until the minute ends' };

export class LogRate {
  readonly #options: LogRateOptions;
  /** Lines asked for since `at`. */
  readonly #minutes = new Map<string, { readonly at: number; lines: number }>();

  constructor(options: LogRateOptions) {
    this.#options = options;
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#minutes.size;
  }

  /** Counts a line. Returns whether it is to be written: not at all, as the last one of the minute, or as it is. */
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
    this.#minutes.delete(key);
    this.#minutes.set(key, minute);
    const [oldest] = this.#minutes.keys();
    if (oldest !== undefined && this.#minutes.size > this.#options.maxKeys) this.#minutes.delete(oldest);
    return minute;
  }
}
