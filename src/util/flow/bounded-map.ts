// A map with a bound: when it is full, `set` drops the oldest entry.

/** Iterates from the oldest to the newest entry; `set` with a known key makes its entry the newest. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #max: number;

  /** @param max the most entries */
  constructor(max: number) {
    super();
    this.#max = max;
  }

  override set(key: K, value: V): this {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.#max) this.#dropOldest();
    return this;
  }

  #dropOldest(): void {
    for (const key of this.keys()) {
      this.delete(key);
      return;
    }
  }
}
