// The interfaces of storage: `Stores` for modules (re-exported by api), `StorageDriver` for drivers.
//
// - Values are JSON and are copied: the caller may change a value after storing it, and owns a value that it has read.
// - A read sees every write that was issued before it on the same driver, committed or not.
// - A write resolves once it is committed. A rejected write has not happened, unless the writing thread ended during it (the
//   cause has the code WRITER_GONE): then it may have happened.
// - A key with U+0000 is refused with a TypeError.

import type { ArchiveStore } from './archive.ts';

export interface StoreOptions {
  /**
   * Set if the first key is not an owner (a user, a room, a node) but, for example, the token of an invitation. `purge` does
   * not change such a store, and its table is always in memory.
   */
  readonly shared?: boolean;
  /**
   * For an archive: whether its rows are indexed by the words of their bodies. Searches of other archives read all rows.
   * Absent: it stays as another user of the archive has set it.
   */
  readonly isSearchable?: boolean;
}

/** One JSON value per key. The first key of every store is its owner: a username or a room's localpart. */
export interface KeyvalStore<V> {
  get(owner: string): Promise<V | undefined>;
  set(owner: string, value: V): Promise<void>;
  delete(owner: string): Promise<void>;
  /** In no particular order; an owner that comes or goes meanwhile may or may not be seen. */
  owners(): AsyncIterable<string>;
  /** All owners with their values, read in pages. A value that changes meanwhile may be the old or the new one. */
  entries(): AsyncIterable<readonly [owner: string, value: V]>;
  /**
   * Reads, changes and writes one value, without another write to it in between. `edit` is synchronous and owns its argument;
   * `undefined` means no value, as argument and as result. Resolves when committed. Inside a batch, it makes the batch fail.
   * @throws StorageError; the exception of `edit`, and then nothing is written
   */
  change(owner: string, edit: (value: V | undefined) => V | undefined): Promise<void>;
}

/** Many small values per owner, written one by one. */
export interface MapStore<V> {
  get(owner: string, key: string): Promise<V | undefined>;
  set(owner: string, key: string, value: V): Promise<void>;
  delete(owner: string, key: string): Promise<void>;
  entries(owner: string): Promise<ReadonlyMap<string, V>>;
  /** Owners with at least one entry, in no particular order. */
  owners(): AsyncIterable<string>;
  /** All owners with all their entries, read in pages. An entry that changes meanwhile may be the old or the new one. */
  all(): AsyncIterable<readonly [owner: string, entries: ReadonlyMap<string, V>]>;
}

/**
 * A keyval store in memory: synchronous reads for routing, writes that go through to the driver. An owner is in memory
 * while a session of it is bound, while a stanza to it is routed and while the work of that stanza lasts; anyone else
 * awaits `Stores.ready` first. A value read from it is shared and must not be edited: `set` a changed copy.
 */
export interface Table<V> extends Iterable<[owner: string, value: V]> {
  /** @throws StorageError 'not-loaded' when the owner is not in memory: `undefined` would mean that it has no value */
  get(owner: string): V | undefined;
  /**
   * Changes memory immediately; resolves when committed. When it rejects, memory has the value of the driver.
   * @throws StorageError 'not-loaded'
   */
  set(owner: string, value: V): Promise<void>;
  /** @throws StorageError 'not-loaded' */
  delete(owner: string): Promise<void>;
  /** The owners in memory, which need not be all. For all owners, iterate the keyval store. */
  keys(): IterableIterator<string>;
}

/** The rows of one table, as they come into memory and leave it again. */
export interface OwnerRows {
  /** Reads the owner's row. @throws StorageError */
  load(owner: string): Promise<void>;
  unload(owner: string): void;
}

/** Brings the owners of one host into memory one by one, for a driver whose tables are too large to be loaded whole. */
export interface OwnerLoader {
  /** `true`: the rows of all tables are in memory until the end of this turn. Otherwise resolves once they are. */
  ready(owner: string): true | Promise<void>;
  /** Keeps the rows in memory from now, or from when they are loaded, until the returned function is called. */
  hold(owner: string): () => void;
  /** Another table was opened. Resolves when its rows of all owners in memory are there. @throws StorageError */
  add(rows: OwnerRows): Promise<void>;
}

/** Limits of a batch: it is never split, and nothing else is written meanwhile. */
export const MAX_BATCH_WRITES = 1_000;
export const MAX_BATCH_BYTES = 2 * 1024 * 1024;

/** `module.store`: opens stores of this module's host. */
export interface Stores {
  /** @throws Error when the store was opened with another `shared` before; so do the other three. */
  keyval<V>(name: string, options?: StoreOptions): KeyvalStore<V>;
  map<V>(name: string, options?: StoreOptions): MapStore<V>;
  archive(name: string, options?: StoreOptions): ArchiveStore;
  /** The keyval store of that name as a table: one table for all callers on this host. */
  table<V>(name: string, options?: StoreOptions): Promise<Table<V>>;
  /**
   * Brings what the tables of this host have of an owner into memory. `true`: it is there, until the end of this turn.
   * Otherwise resolves once it is. @throws StorageError
   */
  ready(owner: string): true | Promise<void>;
  /** Keeps an owner in memory until the returned function is called. `undefined`: owners never leave it. */
  hold(owner: string): (() => void) | undefined;
  /** Removes all data of an owner in the stores and tables of this host, except shared ones, in one transaction. */
  purge(owner: string): Promise<void>;
  /**
   * Commits all writes that `write` issues, in stores and tables of any host, together or not at all: at most 1,000 writes
   * of 2 MiB. `write` is synchronous. The promises of the single writes resolve when the batch has settled, whether or not
   * it was committed; a batch inside another one belongs to it.
   * @throws StorageError; whatever `write` throws, and then nothing is written
   */
  batch(write: () => void): Promise<void>;
}

/** The interface of a driver (memory, sqlite): the three kinds of stores, batches, and the removal of an owner. */
export interface StorageDriver {
  readonly name: string;
  /** Bytes of writes not yet committed, for backpressure. Beyond `maxQueuedBytes` writes are refused. */
  readonly queuedBytes: number;
  readonly maxQueuedBytes: number;
  keyval(host: string, name: string, options?: StoreOptions): KeyvalStore<unknown>;
  map(host: string, name: string, options?: StoreOptions): MapStore<unknown>;
  archive(host: string, name: string, options?: StoreOptions): ArchiveStore;
  /** Absent from a driver whose tables are loaded whole: then all owners are always in memory. */
  ownerLoader?(host: string): OwnerLoader;
  /**
   * Removes all data of an owner in the host's stores, except shared ones, in one transaction. Call `Stores.purge`, which
   * also updates the tables in memory.
   */
  purge(host: string, owner: string): Promise<void>;
  /** See `Stores.batch`, which also updates the tables in memory. */
  batch(write: () => void): Promise<void>;
  /** Commits queued writes, then closes. Idempotent; every later call is refused with 'closed'. */
  close(): Promise<void>;
}
