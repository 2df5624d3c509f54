// A map with a bound: beyond it, the entry that was set first is dropped.

/** Iterates from the oldest to the newest entry; setting a key again makes its entry the newest. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #max: number;

  /** @param max number of entries */
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
