// A token bucket for each key, such as an address.

import type { ElapsedClock } from '../clock.ts';
import { BoundedMap } from './bounded-map.ts';
import { TokenBucket, type TokenRate } from './token-bucket.ts';

/** A `size` of 0 means no limit. */
export interface TokenBucketsOptions extends TokenRate {
  /** Keys that are remembered; beyond that, the one that has not taken a token for longest is forgotten. */
  readonly maxKeys: number;
}

export class TokenBuckets {
  readonly #clock: Pick<ElapsedClock, 'elapsed'>;
  readonly #options: TokenBucketsOptions;
  /** In the order in which tokens were last taken. */
  readonly #buckets: BoundedMap<string, TokenBucket>;

  constructor(clock: Pick<ElapsedClock, 'elapsed'>, options: TokenBucketsOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#buckets = new BoundedMap(options.maxKeys);
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Whether there is a token left. */
  has(key: string): boolean {
    const bucket = this.#buckets.get(key);
    return bucket === undefined || bucket.waitMs(1) === 0;
  }

  /**
   * Takes one, even if none is left: simultaneous events are counted after they have happened, and the key then waits
   * longer. Returns whether this was the last one.
   */
  spend(key: string): boolean {
    if (this.#options.size === 0) return false;
    const had = this.has(key);
    this.#take(key);
    return had && !this.has(key);
  }

  /** Takes one that is there or will be in time, and returns how long to wait for it; takes none otherwise. */
  reserve(key: string, maxWaitMs: number): number | undefined {
    if (this.#options.size === 0) return 0;
    const waitMs = this.#buckets.get(key)?.waitMs(1) ?? 0;
    if (waitMs > maxWaitMs) return undefined;
    this.#take(key);
    return waitMs;
  }

  forget(key: string): void {
    this.#buckets.delete(key);
  }

  #take(key: string): void {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#options, this.#clock);
    bucket.take();
    this.#buckets.set(key, bucket);
  }
}
