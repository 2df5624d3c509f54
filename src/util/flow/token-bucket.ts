// A token bucket, kept as a single time: when it is full again (the generic cell rate algorithm).

import type { ElapsedClock } from '../clock.ts';

export interface TokenRate {
  /** Tokens in a full bucket: what may be taken in one go. */
  readonly size: number;
  /** The time in which an empty bucket fills up, evenly. */
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

  /** How long until it holds so many tokens, up to `size`, in whole milliseconds; with 0, until it is out of debt. */
  waitMs(tokens: number): number {
    const { size, windowMs } = this.#rate;
    const untilFull = Math.max(0, this.#fullAt - this.#clock.elapsed());
    return Math.max(0, Math.ceil(untilFull - windowMs + (tokens * windowMs) / size));
  }

  /** Takes tokens even if they are not there. Returns whether they were; if not, the bucket is in debt. */
  take(tokens = 1): boolean {
    const now = this.#clock.elapsed();
    const { size, windowMs } = this.#rate;
    this.#fullAt = Math.max(this.#fullAt, now) + (tokens * windowMs) / size;
    return this.#fullAt - now <= windowMs;
  }

  /** Takes one token that is there or will be in time, and returns how long to wait for it; takes none otherwise. */
  reserve(maxWaitMs: number): number | undefined {
    const waitMs = this.waitMs(1);
    if (waitMs > maxWaitMs) return undefined;
    this.take();
    return waitMs;
  }
}
