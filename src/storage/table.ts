// A keyval store kept in memory, so that routing can read without waiting.
//
// For now an opened table holds all its owners: right for a small site, and invisible in the interface, which
// promises only the owners in use. Another process that writes to the same store is not noticed: the command line
// goes through the admin socket while the server runs.

import type { KeyvalStore, Table } from './stores.ts';

/** Loads every owner of the store. */
export async function openTable<V>(
  store: KeyvalStore<V>,
  batches: TableBatches = { current: undefined },
): Promise<MemoryTable<V>> {
  const rows = new Map<string, V>();
  for await (const owner of store.owners()) {
    const value = await store.get(owner);
    if (value !== undefined) rows.set(owner, value);
  }
  return new MemoryTable(store, rows, batches);
}

/** The batch in which tables write at the moment, if any. */
export interface TableBatches {
  current: { readonly outcome: Promise<void>; readonly followers: Promise<void>[] } | undefined;
}

export class MemoryTable<V> implements Table<V> {
  readonly #store: KeyvalStore<V>;
  readonly #rows: Map<string, V>;
  /** The last write of each owner that is still on its way. */
  readonly #writes = new Map<string, Promise<void>>();
  readonly #batches: TableBatches;

  /** Owns `rows` from here on. */
  constructor(store: KeyvalStore<V>, rows: Map<string, V>, batches: TableBatches) {
    this.#store = store;
    this.#rows = rows;
    this.#batches = batches;
  }

  get(owner: string): V | undefined {
    return this.#rows.get(owner);
  }

  async set(owner: string, value: V): Promise<void> {
    this.#rows.set(owner, value);
    await this.#follow(owner, this.#store.set(owner, value));
  }

  async delete(owner: string): Promise<void> {
    this.#rows.delete(owner);
    await this.#follow(owner, this.#store.delete(owner));
  }

  /** The owner's row is being removed by `removal`, with whatever else the owner has. */
  async forget(owner: string, removal: Promise<void>): Promise<void> {
    this.#rows.delete(owner);
    await this.#follow(owner, removal);
  }

  keys(): IterableIterator<string> {
    return this.#rows.keys();
  }

  [Symbol.iterator](): IterableIterator<[string, V]> {
    return this.#rows.entries();
  }

  #follow(owner: string, write: Promise<void>): Promise<void> {
    const batch = this.#batches.current;
    if (!batch) return this.#settle(owner, write);
    // The batch decides, and it alone tells of a failure.
    const follower = this.#settle(owner, batch.outcome).catch(() => {});
    batch.followers.push(follower);
    return follower;
  }

  async #settle(owner: string, write: Promise<void>): Promise<void> {
    this.#writes.set(owner, write);
    try {
      await write;
    } catch (error) {
      await this.#restore(owner, write);
      throw error;
    } finally {
      if (this.#writes.get(owner) === write) this.#writes.delete(owner);
    }
  }

  /** After a failed write memory follows the driver again, unless a newer write has decided since. */
  async #restore(owner: string, failed: Promise<void>): Promise<void> {
    if (this.#writes.get(owner) !== failed) return;
    const value = await this.#store.get(owner).catch(() => this.#rows.get(owner));
    if (this.#writes.get(owner) !== failed) return;
    if (value === undefined) this.#rows.delete(owner);
    else this.#rows.set(owner, value);
  }
}
