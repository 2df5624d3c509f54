// The driver `memory`: for tests, and for servers whose data may be lost at exit. Every call takes effect before it returns,
// so a read sees all earlier writes.

import { inBatch, StorageError } from '../error.ts';
import { decode, encode } from '../json.ts';
import { checkKey } from '../keys.ts';
import {
  type ArchiveEntry,
  type ArchivePage,
  type ArchiveQuery,
  type ArchiveStore,
  type KeyvalStore,
  MAX_BATCH_BYTES,
  MAX_BATCH_WRITES,
  type MapStore,
  type StorageDriver,
  type StoreOptions,
} from '../stores.ts';

const DRIVER = 'memory';

/** A store, as the driver uses it. */
interface MemoryStore {
  readonly isShared: boolean;
  /** Removes the data of an owner. Returns the function that undoes this. */
  purge(owner: string): () => void;
}

/** The driver, as a store uses it. */
interface Driver {
  readonly isBatching: boolean;
  /** @throws StorageError 'closed' */
  check(): void;
  /** Runs a change; `act` returns the function that undoes it. `size`: its bytes, for the limit of a batch. */
  change(size: () => number, act: () => () => void): Promise<void>;
}

/** The changes of one batch, so that they can be undone. */
interface Batch {
  readonly undo: (() => void)[];
  bytes: number;
  error?: { readonly cause: unknown };
}

export class MemoryStorage implements StorageDriver {
  readonly name = DRIVER;
  readonly queuedBytes = 0;
  readonly maxQueuedBytes = Number.POSITIVE_INFINITY;
  readonly #hosts = new Map<string, Map<string, MemoryStore>>();
  #closed = false;
  #batch: Batch | undefined;

  keyval(host: string, name: string, { shared = false }: StoreOptions = {}): KeyvalStore<unknown> {
    return this.#store(host, 'keyval', name, () => new MemoryKeyval(this.#driverOf(name), shared));
  }

  map(host: string, name: string, { shared = false }: StoreOptions = {}): MapStore<unknown> {
    return this.#store(host, 'map', name, () => new MemoryMap(this.#driverOf(name), shared));
  }

  archive(host: string, name: string, { shared = false }: StoreOptions = {}): ArchiveStore {
    return this.#store(host, 'archive', name, () => new MemoryArchive(name, this.#driverOf(name), shared));
  }

  purge(host: string, owner: string): Promise<void> {
    return this.#change(
      undefined,
      () => owner.length,
      () => {
        const owned = [...(this.#hosts.get(host)?.values() ?? [])].filter(({ isShared }) => !isShared);
        const undo = owned.map((store) => store.purge(owner));
        return () => {
          for (const step of undo) step();
        };
      },
    );
  }

  async batch(write: () => void): Promise<void> {
    this.#check();
    if (this.#batch) return write();
    const batch: Batch = { undo: [], bytes: 0 };
    this.#batch = batch;
    try {
      write();
      if (batch.error) throw batch.error.cause;
    } catch (error) {
      for (const step of batch.undo.reverse()) step();
      throw error;
    } finally {
      this.#batch = undefined;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#hosts.clear();
  }

  #store<S extends MemoryStore>(host: string, kind: string, name: string, create: () => S): S {
    const stores = this.#hosts.get(host) ?? new Map<string, MemoryStore>();
    this.#hosts.set(host, stores);
    const key = `${kind} ${name}`;
    const store = stores.get(key) ?? create();
    stores.set(key, store);
    return store as S; // The kind is part of the key, and decides the class.
  }

  #driverOf(store: string): Driver {
    const driver = this;
    return {
      get isBatching() {
        return driver.#batch !== undefined;
      },
      check: () => this.#check(store),
      change: (size, act) => this.#change(store, size, act),
    };
  }

  async #change(store: string | undefined, size: () => number, act: () => () => void): Promise<void> {
    const batch = this.#batch;
    if (!batch) {
      this.#check(store);
      act();
      return;
    }
    try {
      this.#check(store);
      batch.undo.push(act());
      batch.bytes += size();
      if (batch.undo.length > MAX_BATCH_WRITES || batch.bytes > MAX_BATCH_BYTES) throw tooLarge();
    } catch (cause) {
      batch.error ??= { cause };
    }
  }

  #check(store?: string): void {
    if (this.#closed) throw new StorageError('closed', 'The storage is closed', { driver: DRIVER, store });
  }
}

class MemoryKeyval implements KeyvalStore<unknown>, MemoryStore {
  readonly isShared: boolean;
  readonly #values = new Map<string, string>();
  readonly #driver: Driver;

  constructor(driver: Driver, isShared: boolean) {
    this.#driver = driver;
    this.isShared = isShared;
  }

  async get(owner: string): Promise<unknown> {
    this.#driver.check();
    return this.#read(owner);
  }

  #read(owner: string): unknown {
    const text = this.#values.get(checkKey(owner));
    return text === undefined ? undefined : decode(text);
  }

  set(owner: string, value: unknown): Promise<void> {
    return this.#driver.change(
      () => sizeOf(value),
      () => replaceEntry(this.#values, checkKey(owner), encode(value)),
    );
  }

  change(owner: string, edit: (value: unknown) => unknown): Promise<void> {
    return this.#driver.change(
      () => 0,
      () => {
        if (this.#driver.isBatching) throw inBatch(DRIVER);
        const next = edit(this.#read(owner));
        return replaceEntry(this.#values, owner, next === undefined ? undefined : encode(next));
      },
    );
  }

  delete(owner: string): Promise<void> {
    return this.#driver.change(
      () => 0,
      () => this.purge(checkKey(owner)),
    );
  }

  async *owners(): AsyncGenerator<string> {
    this.#driver.check();
    yield* [...this.#values.keys()];
  }

  async *entries(): AsyncGenerator<[string, unknown]> {
    this.#driver.check();
    for (const [owner, text] of [...this.#values]) yield [owner, decode(text)];
  }

  purge(owner: string): () => void {
    return replaceEntry(this.#values, owner, undefined);
  }
}

class MemoryMap implements MapStore<unknown>, MemoryStore {
  readonly isShared: boolean;
  readonly #values = new Map<string, Map<string, string>>();
  readonly #driver: Driver;

  constructor(driver: Driver, isShared: boolean) {
    this.#driver = driver;
    this.isShared = isShared;
  }

  async get(owner: string, key: string): Promise<unknown> {
    this.#driver.check();
    const [row, column] = [checkKey(owner), checkKey(key)];
    const text = this.#values.get(row)?.get(column);
    return text === undefined ? undefined : decode(text);
  }

  set(owner: string, key: string, value: unknown): Promise<void> {
    return this.#driver.change(
      () => sizeOf(value),
      () => this.#replace(checkKey(owner), checkKey(key), encode(value)),
    );
  }

  delete(owner: string, key: string): Promise<void> {
    return this.#driver.change(
      () => 0,
      () => this.#replace(checkKey(owner), checkKey(key), undefined),
    );
  }

  #replace(owner: string, key: string, text: string | undefined): () => void {
    const entries = this.#values.get(owner) ?? new Map<string, string>();
    this.#values.set(owner, entries);
    const undo = replaceEntry(entries, key, text);
    if (entries.size === 0) this.#values.delete(owner);
    return () => {
      this.#values.set(owner, entries);
      undo();
      if (entries.size === 0) this.#values.delete(owner);
    };
  }

  async entries(owner: string): Promise<ReadonlyMap<string, unknown>> {
    this.#driver.check();
    return decodeAll(this.#values.get(checkKey(owner)) ?? new Map());
  }

  async *owners(): AsyncGenerator<string> {
    this.#driver.check();
    yield* [...this.#values.keys()];
  }

  async *all(): AsyncGenerator<[string, ReadonlyMap<string, unknown>]> {
    this.#driver.check();
    for (const [owner, entries] of [...this.#values]) yield [owner, decodeAll(entries)];
  }

  purge(owner: string): () => void {
    return replaceEntry(this.#values, owner, undefined);
  }
}

function decodeAll(entries: ReadonlyMap<string, string>): ReadonlyMap<string, unknown> {
  return new Map([...entries].map(([key, text]) => [key, decode(text)]));
}

/** An entry and its place among those of its millisecond. */
interface Row {
  readonly entry: ArchiveEntry;
  readonly sequence: number;
}

class MemoryArchive implements ArchiveStore, MemoryStore {
  readonly isShared: boolean;
  /** Rows in order of time, then of appending. */
  readonly #rows = new Map<string, Row[]>();
  readonly #name: string;
  readonly #driver: Driver;
  #sequence = 0;

  constructor(name: string, driver: Driver, isShared: boolean) {
    this.isShared = isShared;
    this.#name = name;
    this.#driver = driver;
  }

  append(owner: string, entry: ArchiveEntry): Promise<void> {
    return this.#driver.change(
      () => sizeOf(entry),
      () => this.#insert(checkKey(owner), entry),
    );
  }

  #insert(owner: string, { id, at, with: peer, xml }: ArchiveEntry): () => void {
    const rows = [...(this.#rows.get(owner) ?? [])];
    const old = rows.findIndex((row) => row.entry.id === id);
    const [replaced] = old === -1 ? [] : rows.splice(old, 1);
    const row = { entry: { id, at, with: peer, xml }, sequence: replaced?.sequence ?? this.#sequence++ };
    const place = rows.findLastIndex((other) => compare(other, row) < 0);
    rows.splice(place + 1, 0, row);
    return replaceEntry(this.#rows, owner, rows);
  }

  async query(owner: string, query: ArchiveQuery): Promise<ArchivePage> {
    this.#driver.check();
    const { rows, complete, total } = this.#select(owner, query);
    return { entries: rows.map((row) => row.entry), complete, total };
  }

  async delete(owner: string, query: ArchiveQuery): Promise<number> {
    let count = 0;
    await this.#driver.change(
      () => 0,
      () => {
        const removed = new Set(this.#select(owner, query).rows);
        const rest = (this.#rows.get(owner) ?? []).filter((row) => !removed.has(row));
        count = removed.size;
        return replaceEntry(this.#rows, owner, rest.length === 0 ? undefined : rest);
      },
    );
    return count;
  }

  async *owners(): AsyncGenerator<string> {
    this.#driver.check();
    yield* [...this.#rows.keys()];
  }

  purge(owner: string): () => void {
    return replaceEntry(this.#rows, owner, undefined);
  }

  #select(owner: string, query: ArchiveQuery): { rows: Row[]; complete: boolean; total: number } {
    const { start = -Infinity, end = Infinity, limit = Infinity } = query;
    const ids = query.ids && new Set(query.ids);
    const all = this.#rows.get(owner) ?? [];
    const after = this.#named(all, query.after);
    const before = this.#named(all, query.before);
    const matching = all.filter(
      ({ entry }) =>
        entry.at >= start &&
        entry.at <= end &&
        (query.with === undefined || entry.with === query.with) &&
        (ids === undefined || ids.has(entry.id)),
    );
    const range = matching.filter(
      (row) => (!after || compare(row, after) > 0) && (!before || compare(row, before) < 0),
    );
    if (query.newestFirst) range.reverse();
    return { rows: range.slice(0, limit), complete: range.length <= limit, total: matching.length };
  }

  #named(rows: readonly Row[], id: string | undefined): Row | undefined {
    if (id === undefined) return undefined;
    const row = rows.find(({ entry }) => entry.id === id);
    if (row) return row;
    throw new StorageError('item-not-found', `No entry ${id}`, { driver: DRIVER, store: this.#name });
  }
}

function compare(a: Row, b: Row): number {
  return a.entry.at - b.entry.at || a.sequence - b.sequence;
}

/** Sets an entry; `undefined` deletes it. Returns the function that undoes this. */
function replaceEntry<V>(map: Map<string, V>, key: string, value: V | undefined): () => void {
  const old = map.get(key);
  const put = (now: V | undefined): void => {
    if (now === undefined) map.delete(key);
    else map.set(key, now);
  };
  put(value);
  return () => put(old);
}

/** The number of characters of a value as JSON; 0 for a value without a JSON form, which `encode` refuses. */
function sizeOf(value: unknown): number {
  return JSON.stringify(value)?.length ?? 0;
}

function tooLarge(): StorageError {
  const limit = `A batch has at most ${MAX_BATCH_WRITES} writes of ${MAX_BATCH_BYTES / 1024 / 1024} MiB`;
  return new StorageError('failed', limit, { driver: DRIVER });
}
