// A token bucket, stored as the single time at which it is full again (the generic cell rate algorithm).

import type { ElapsedClock } from '../clock.ts';

export interface TokenRate {
  /** Tokens in a full bucket, the largest burst. */
  readonly size: number;
  /** The time in which an empty bucket fills up at a constant rate. */
  readonly windowMs: number;
}

export class TokenBucket {
  readonly #rate: TokenRate;
  readonly #clock: Pick<ElapsedClock, 'elapsed'>;
  #fullAt = Number.NEGATIVE_INFINITY;

  constructor(rate: TokenRate, clock: Pick<ElapsedClock, 'elapsed'>) {
    this.#rate = rate;
    this.#clock = clock;
  }

  get isFull(): boolean {
    return this.#fullAt <= this.#clock.elapsed();
  }

  /** The time in whole ms until the bucket holds `tokens` (up to `size`); with 0, until it has no debt. */
  waitMs(tokens: number): number {
    const { size, windowMs } = this.#rate;
    const untilFull = Math.max(0, this.#fullAt - this.#clock.elapsed());
    return Math.max(0, Math.ceil(untilFull - windowMs + (tokens * windowMs) / size));
  }

  /** Takes tokens, into debt if necessary. Returns whether the bucket held enough. */
  take(tokens = 1): boolean {
    const now = this.#clock.elapsed();
    const { size, windowMs } = this.#rate;
    this.#fullAt = Math.max(this.#fullAt, now) + (tokens * windowMs) / size;
    return this.#fullAt - now <= windowMs;
  }

  /** Takes one token if the wait for it is at most `maxWaitMs`, and returns that wait; otherwise takes none. */
  reserve(maxWaitMs: number): number | undefined {
    const waitMs = this.waitMs(1);
    if (waitMs > maxWaitMs) return undefined;
    this.take();
    return waitMs;
  }
}
