// Lists of items that modules provide to other modules, such as the features that disco announces.

import type { Items as ItemTypes } from '../api/module.ts';

export class Items {
  readonly #lists = new Map<string, readonly unknown[]>();

  /** Adds an item; the returned function removes it. */
  add<K extends keyof ItemTypes>(list: K, item: ItemTypes[K]): () => void {
    const entry = { item };
    this.#lists.set(list, [...(this.#lists.get(list) ?? []), entry]);
    return () =>
      this.#lists.set(
        list,
        (this.#lists.get(list) ?? []).filter((other) => other !== entry),
      );
  }

  /** The item that was added first. For each stanza: it allocates nothing. */
  first<K extends keyof ItemTypes>(list: K): ItemTypes[K] | undefined {
    return (this.#lists.get(list)?.[0] as { item: ItemTypes[K] } | undefined)?.item;
  }

  get<K extends keyof ItemTypes>(list: K): readonly ItemTypes[K][] {
    return ((this.#lists.get(list) ?? []) as { item: ItemTypes[K] }[]).map(({ item }) => item);
  }
}
