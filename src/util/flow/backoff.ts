// Pauses between attempts: each twice as long as the one before, up to a bound, and never in step with those of others.

export interface BackoffOptions {
  readonly firstMs: number;
  /** Before the random part is added. */
  readonly longestMs: number;
  /** The random part, as a share of the pause by which it may be shorter or longer; 0 for none. */
  readonly jitter: number;
  /** From 0 to 1. Default: `Math.random`. */
  readonly random?: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Attempts that have failed in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failed attempt, and returns the pause before the next one in ms. */
  failed(): number {
    const { firstMs, longestMs, jitter, random = Math.random } = this.#options;
    const pauseMs = Math.min(firstMs * 2 ** this.#failures++, longestMs);
    return pauseMs * (1 - jitter + 2 * jitter * random());
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
