// The way into storage: a driver for the whole server, and the stores of one host on it.

import type { Clock } from '../util/clock.ts';
import type { Faults } from '../util/faults.ts';
import { MemoryStorage } from './drivers/memory.ts';
import { SqliteStorage } from './drivers/sqlite.ts';
import type {
  ArchiveStore,
  KeyvalStore,
  MapStore,
  OwnerLoader,
  StorageDriver,
  Stores,
  Table,
} from './stores.ts';
import { type MemoryTable, openTable, type TableBatches } from './table.ts';

export { damageOf } from './drivers/sqlite.ts';

export type DriverName = 'sqlite' | 'memory';

export interface StorageOptions {
  readonly driver: DriverName;
  /** The directory of the database; made when missing. Unused by `memory`. */
  readonly dataPath: string;
  /** Reports failures of its threads. */
  readonly faults?: Faults;
  readonly clock?: Clock;
}

/**
 * Opens the storage of the server, bringing an older database up to date.
 * @throws StorageError 'newer-database' when a newer version wrote it; 'failed' when it cannot be opened.
 */
export async function openStorage({ driver, dataPath, ...options }: StorageOptions): Promise<StorageDriver> {
  if (driver === 'memory') return new MemoryStorage();
  return SqliteStorage.open(dataPath, options);
}

interface Driven {
  readonly hosts: Map<string, Stores>;
  readonly batches: TableBatches;
}

const DRIVEN = new WeakMap<StorageDriver, Driven>();

/** The stores of a host: one object per driver and host, since tables are shared. */
export function storesFor(driver: StorageDriver, host: string): Stores {
  const driven = DRIVEN.get(driver) ?? { hosts: new Map(), batches: { current: undefined } };
  DRIVEN.set(driver, driven);
  const { hosts, batches } = driven;
  const stores = hosts.get(host) ?? new HostStores(driver, host, batches);
  hosts.set(host, stores);
  return stores;
}

class HostStores implements Stores {
  readonly #driver: StorageDriver;
  readonly #host: string;
  readonly #batches: TableBatches;
  readonly #tables = new Map<string, Promise<MemoryTable<unknown>>>();
  /** Absent: tables are loaded whole. */
  readonly #owners: OwnerLoader | undefined;

  constructor(driver: StorageDriver, host: string, batches: TableBatches) {
    this.#driver = driver;
    this.#host = host;
    this.#batches = batches;
    this.#owners = driver.ownerLoader?.(host);
  }

  // The type of the values is the caller's word: what a store holds was put there by the same module.

  keyval<V>(name: string): KeyvalStore<V> {
    return this.#driver.keyval(this.#host, name) as KeyvalStore<V>;
  }

  map<V>(name: string): MapStore<V> {
    return this.#driver.map(this.#host, name) as MapStore<V>;
  }

  archive(name: string): ArchiveStore {
    return this.#driver.archive(this.#host, name);
  }

  async table<V>(name: string): Promise<Table<V>> {
    let table = this.#tables.get(name);
    if (!table) {
      table = openTable(this.keyval<unknown>(name), this.#batches, this.#owners);
      this.#tables.set(name, table);
      table.catch(() => this.#tables.delete(name)); // The next one to ask tries again.
    }
    return (await table) as MemoryTable<V>;
  }

  ready(owner: string): true | Promise<void> {
    return this.#owners?.ready(owner) ?? true;
  }

  hold(owner: string): (() => void) | undefined {
    return this.#owners?.hold(owner);
  }

  async purge(owner: string): Promise<void> {
    const opened = await Promise.allSettled(this.#tables.values());
    const removal = this.#driver.purge(this.#host, owner);
    const forgotten = opened.map((table) =>
      table.status === 'fulfilled' ? table.value.forget(owner, removal) : undefined,
    );
    await Promise.allSettled(forgotten);
    await removal;
  }

  async batch(write: () => void): Promise<void> {
    if (this.#batches.current) return write();
    const { promise: outcome, resolve, reject } = Promise.withResolvers<void>();
    outcome.catch(() => {}); // Perhaps no table follows.
    const followers: Promise<void>[] = [];
    this.#batches.current = { outcome, followers };
    const written = this.#driver.batch(write);
    this.#batches.current = undefined;
    await written.then(resolve, reject);
    await Promise.all(followers);
    await outcome;
  }
}
