// Exponential back-off with jitter: each pause is twice as long as the one before, up to a bound.

export interface BackoffOptions {
  readonly firstMs: number;
  /** The longest pause, before jitter. */
  readonly longestMs: number;
  /** The fraction by which a pause is randomly shorter or longer; 0 for none. */
  readonly jitter: number;
  /** Returns a number from 0 to 1. Default: `Math.random`. */
  readonly random?: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** The number of attempts that have failed in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failed attempt, and returns the pause before the next attempt in ms. */
  failed(): number {
    const { firstMs, longestMs, jitter, random = Math.random } = this.#options;
    const pauseMs = Math.min(firstMs * 2 ** this.#failures++, longestMs);
    return pauseMs * (1 - jitter + 2 * jitter * random());
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
