// A keyval store in memory, so that routing can read without waiting.
//
// With a driver that has no owner loader, an opened table holds all its owners, which suits a small site. A table does not
// notice writes of another process, so the command line uses the admin socket while the server runs.

import { StorageError } from './error.ts';
import type { KeyvalStore, OwnerLoader, OwnerRows, Table } from './stores.ts';

/** Loads all owners of the store; none if there is a loader, which brings them into memory one by one. */
export async function openTable<V>(
  store: KeyvalStore<V>,
  batches: TableBatches = { current: undefined },
  loader?: OwnerLoader,
): Promise<MemoryTable<V>> {
  const rows = new Map<string, V>();
  if (!loader) for await (const [owner, value] of store.entries()) rows.set(owner, value);
  const table = new MemoryTable(store, rows, batches, loader);
  await loader?.add(table);
  return table;
}

/**
 * The batch that is collecting writes, if any. A table write in it waits for `outcome` and adds itself to `followers`, for
 * which the batch waits in turn: so memory is consistent when the batch resolves.
 */
export interface TableBatches {
  current: { readonly outcome: Promise<void>; readonly followers: Promise<void>[] } | undefined;
}

export class MemoryTable<V> implements Table<V>, OwnerRows {
  readonly #store: KeyvalStore<V>;
  readonly #rows: Map<string, V>;
  /** The last write of each owner that is still on its way. */
  readonly #writes = new Map<string, Promise<void>>();
  readonly #batches: TableBatches;
  readonly #loader: OwnerLoader | undefined;
  /** With a loader: the owners in memory, with or without a row. */
  readonly #loaded = new Set<string>();

  /** Takes over `rows`; the caller must not change it any more. */
  constructor(store: KeyvalStore<V>, rows: Map<string, V>, batches: TableBatches, loader?: OwnerLoader) {
    this.#store = store;
    this.#rows = rows;
    this.#batches = batches;
    this.#loader = loader;
  }

  get(owner: string): V | undefined {
    this.#assertLoaded(owner);
    return this.#rows.get(owner);
  }

  async set(owner: string, value: V): Promise<void> {
    this.#assertLoaded(owner);
    this.#rows.set(owner, value);
    await this.#follow(owner, this.#store.set(owner, value));
  }

  async delete(owner: string): Promise<void> {
    this.#assertLoaded(owner);
    this.#rows.delete(owner);
    await this.#follow(owner, this.#store.delete(owner));
  }

  /** Removes the owner's row from memory while `removal` deletes all data of the owner on disk. */
  async forget(owner: string, removal: Promise<void>): Promise<void> {
    this.#rows.delete(owner);
    await this.#follow(owner, removal);
  }

  async load(owner: string): Promise<void> {
    const value = await this.#store.get(owner);
    if (value !== undefined) this.#rows.set(owner, value);
    this.#loaded.add(owner);
  }

  unload(owner: string): void {
    this.#loaded.delete(owner);
    this.#rows.delete(owner);
  }

  #assertLoaded(owner: string): void {
    if (!this.#loader || this.#loaded.has(owner)) return;
    const message = `"${owner}" is not in memory: await \`host.ready\` before reading what another owner has`;
    throw new StorageError('not-loaded', message, { driver: 'table' });
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
    // The outcome of the batch decides, and only the promise of the batch rejects.
    const follower = this.#settle(owner, batch.outcome).catch(() => {});
    batch.followers.push(follower);
    return follower;
  }

  async #settle(owner: string, write: Promise<void>): Promise<void> {
    this.#writes.set(owner, write);
    const release = this.#loader?.hold(owner);
    try {
      await write;
    } catch (error) {
      await this.#restore(owner, write);
      throw error;
    } finally {
      if (this.#writes.get(owner) === write) this.#writes.delete(owner);
      release?.();
    }
  }

  /** After a failed write, reloads the row from the driver, unless a newer write has replaced it. */
  async #restore(owner: string, failed: Promise<void>): Promise<void> {
    if (this.#writes.get(owner) !== failed) return;
    const value = await this.#store.get(owner).catch(() => this.#rows.get(owner));
    if (this.#writes.get(owner) !== failed) return;
    if (value === undefined) this.#rows.delete(owner);
    else this.#rows.set(owner, value);
  }
}
