// A token bucket for each key, such as an address.

import type { ElapsedClock } from '../clock.ts';
import { BoundedMap } from './bounded-map.ts';
import { TokenBucket, type TokenRate } from './token-bucket.ts';

/** A `size` of 0 means no limit. */
export interface TokenBucketsOptions extends TokenRate {
  /** The most keys; beyond that, the key that has not taken a token for the longest time is removed. */
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

  /** The number of keys. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Whether a token is left for the key. */
  has(key: string): boolean {
    const bucket = this.#buckets.get(key);
    return bucket === undefined || bucket.waitMs(1) === 0;
  }

  /**
   * Takes a token, into debt if none is left, because events are counted after they have happened. Returns whether it
   * was the last token.
   */
  spend(key: string): boolean {
    if (this.#options.size === 0) return false;
    const had = this.has(key);
    this.#take(key);
    return had && !this.has(key);
  }

  /** Takes a token if the wait for it is at most `maxWaitMs`, and returns that wait; otherwise takes none. */
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
