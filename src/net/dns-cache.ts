// Caches answers while they are valid. Bounded: the oldest entry is removed first.

import type { Clock } from '../util/clock.ts';
import { BoundedMap } from '../util/flow/index.ts';

interface Entry<T> {
  value: Promise<T>;
  expiresAt: number;
}

/** Lookups by key; simultaneous lookups of one key share one request. */
export class LookupCache<T> {
  readonly #clock: Clock;
  readonly #entries: BoundedMap<string, Entry<T>>;

  constructor(clock: Clock, maxEntries: number) {
    this.#clock = clock;
    this.#entries = new BoundedMap(maxEntries);
  }

  /** `lookUp` resolves with the value and its lifetime in ms. Failed lookups are not cached. */
  get(key: string, lookUp: () => Promise<{ value: T; ttlMs: number }>): Promise<T> {
    const known = this.#entries.get(key);
    if (known !== undefined && known.expiresAt > this.#clock.elapsed()) return known.value;
    this.#entries.delete(key);
    const entry: Entry<T> = { expiresAt: Number.POSITIVE_INFINITY, value: this.#run(key, lookUp) };
    this.#entries.set(key, entry);
    return entry.value;
  }

  async #run(key: string, lookUp: () => Promise<{ value: T; ttlMs: number }>): Promise<T> {
    let expiresAt = 0;
    try {
      const { value, ttlMs } = await lookUp();
      expiresAt = this.#clock.elapsed() + ttlMs;
      return value;
    } finally {
      const entry = this.#entries.get(key);
      if (entry !== undefined) entry.expiresAt = expiresAt;
    }
  }
}
