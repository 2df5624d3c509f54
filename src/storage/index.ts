// Opens the storage: one driver for the server, and the stores of each host on it.

import type { Clock } from '../util/clock.ts';
import type { Faults } from '../util/faults.ts';
import type { Logger } from '../util/logger.ts';
import type { ArchiveStore } from './archive.ts';
import { MemoryStorage } from './drivers/memory.ts';
import { SqliteStorage } from './drivers/sqlite.ts';
import type {
  KeyvalStore,
  MapStore,
  OwnerLoader,
  StorageDriver,
  StoreOptions,
  Stores,
  Table,
} from './stores.ts';
import { type MemoryTable, openTable, type TableBatches } from './table.ts';

export { damageOf, newestFromFuture } from './drivers/sqlite.ts';

export type DriverName = 'sqlite' | 'memory';

export interface StorageOptions {
  readonly driver: DriverName;
  /** The directory of the database; made when missing. Unused by `memory`. */
  readonly dataPath: string;
  /** Reports failures of its threads. */
  readonly faults?: Faults;
  readonly clock?: Clock;
  /** Whether a copy is made before an old database is brought up to date. Default: true. */
  readonly isBackedUp?: boolean;
  /** Warns of a full disk, a large write-ahead log and a wrong clock. Absent: nobody is warned. */
  readonly log?: Logger;
  /** With less free space, the administrator is warned. */
  readonly warnFreeBytes?: number;
}

/**
 * Opens the storage of the server, bringing an older database up to date.
 * @throws StorageError 'newer-database' when a newer version wrote it; 'failed' when it cannot be opened.
 */
export async function openStorage({ driver, dataPath, ...options }: StorageOptions): Promise<StorageDriver> {
  if (driver === 'memory') return new MemoryStorage(options.clock);
  return SqliteStorage.open(dataPath, options);
}

/** The state that all stores on one driver share. */
interface SharedState {
  /** By domain. */
  readonly hosts: Map<string, Stores>;
  readonly batches: TableBatches;
}

const SHARED = new WeakMap<StorageDriver, SharedState>();

/** The stores of a host: one object per driver and host, since tables are shared. */
export function storesFor(driver: StorageDriver, host: string): Stores {
  const state = SHARED.get(driver) ?? { hosts: new Map(), batches: { current: undefined } };
  SHARED.set(driver, state);
  const { hosts, batches } = state;
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
  /** Whether each store that was opened is shared, by kind and name. */
  readonly #shared = new Map<string, boolean>();

  constructor(driver: StorageDriver, host: string, batches: TableBatches) {
    this.#driver = driver;
    this.#host = host;
    this.#batches = batches;
    this.#owners = driver.ownerLoader?.(host);
  }

  // The caller declares the type of the values: the same module has stored them.

  keyval<V>(name: string, options: StoreOptions = {}): KeyvalStore<V> {
    this.#checkShared('keyval', name, options);
    return this.#driver.keyval(this.#host, name, options) as KeyvalStore<V>;
  }

  map<V>(name: string, options: StoreOptions = {}): MapStore<V> {
    this.#checkShared('map', name, options);
    return this.#driver.map(this.#host, name, options) as MapStore<V>;
  }

  archive(name: string, options: StoreOptions = {}): ArchiveStore {
    this.#checkShared('archive', name, options);
    return this.#driver.archive(this.#host, name, options);
  }

  /** @throws Error if the store was opened with another `shared` before, which would decide whether `purge` empties it */
  #checkShared(kind: string, name: string, { shared = false }: StoreOptions): void {
    const key = `${kind} ${name}`;
    const before = this.#shared.get(key) ?? shared;
    this.#shared.set(key, before);
    if (before === shared) return;
    throw new Error(`The ${kind} store "${name}" was opened with { shared: ${before} } before`);
  }

  async table<V>(name: string, options: StoreOptions = {}): Promise<Table<V>> {
    const store = this.keyval<unknown>(name, options);
    let table = this.#tables.get(name);
    if (!table) {
      table = openTable(store, this.#batches, options.shared ? undefined : this.#owners);
      this.#tables.set(name, table);
      table.catch(() => this.#tables.delete(name)); // The next call tries again.
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
    const owned = [...this.#tables].filter(([name]) => !this.#shared.get(`keyval ${name}`));
    const opened = await Promise.allSettled(owned.map(([, table]) => table));
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
    outcome.catch(() => {}); // If no table awaits it, its rejection would be unhandled.
    const followers: Promise<void>[] = [];
    this.#batches.current = { outcome, followers };
    const written = this.#driver.batch(write);
    this.#batches.current = undefined;
    await written.then(resolve, reject);
    await Promise.all(followers);
    await outcome;
  }
}
