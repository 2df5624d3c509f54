// Storage that forgets: for tests, and for hosts whose data may vanish with the process.
// Every call takes effect before it returns, so a read always sees the writes before it.

import { StorageError } from '../error.ts';
import { decode, encode } from '../json.ts';
import type {
  ArchiveEntry,
  ArchivePage,
  ArchiveQuery,
  ArchiveStore,
  KeyvalStore,
  MapStore,
  StorageDriver,
} from '../stores.ts';

const DRIVER = 'memory';

/** What every store can do for the driver. */
interface MemoryStore {
  purge(owner: string): void;
}

export class MemoryStorage implements StorageDriver {
  readonly name = DRIVER;
  readonly queuedBytes = 0;
  readonly maxQueuedBytes = Number.POSITIVE_INFINITY;
  readonly #hosts = new Map<string, Map<string, MemoryStore>>();
  #closed = false;

  keyval(host: string, name: string): KeyvalStore<unknown> {
    return this.#store(host, 'keyval', name, () => new MemoryKeyval(() => this.#check(name)));
  }

  map(host: string, name: string): MapStore<unknown> {
    return this.#store(host, 'map', name, () => new MemoryMap(() => this.#check(name)));
  }

  archive(host: string, name: string): ArchiveStore {
    return this.#store(host, 'archive', name, () => new MemoryArchive(name, () => this.#check(name)));
  }

  async purge(host: string, owner: string): Promise<void> {
    this.#check();
    for (const store of this.#hosts.get(host)?.values() ?? []) store.purge(owner);
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

  #check(store?: string): void {
    if (this.#closed) throw new StorageError('closed', 'The storage is closed', { driver: DRIVER, store });
  }
}

class MemoryKeyval implements KeyvalStore<unknown>, MemoryStore {
  readonly #values = new Map<string, string>();
  readonly #check: () => void;

  constructor(check: () => void) {
    this.#check = check;
  }

  async get(owner: string): Promise<unknown> {
    this.#check();
    const text = this.#values.get(owner);
    return text === undefined ? undefined : decode(text);
  }

  async set(owner: string, value: unknown): Promise<void> {
    this.#check();
    this.#values.set(owner, encode(value));
  }

  async delete(owner: string): Promise<void> {
    this.#check();
    this.#values.delete(owner);
  }

  async *owners(): AsyncGenerator<string> {
    this.#check();
    yield* [...this.#values.keys()];
  }

  purge(owner: string): void {
    this.#values.delete(owner);
  }
}

class MemoryMap implements MapStore<unknown>, MemoryStore {
  readonly #values = new Map<string, Map<string, string>>();
  readonly #check: () => void;

  constructor(check: () => void) {
    this.#check = check;
  }

  async get(owner: string, key: string): Promise<unknown> {
    this.#check();
    const text = this.#values.get(owner)?.get(key);
    return text === undefined ? undefined : decode(text);
  }

  async set(owner: string, key: string, value: unknown): Promise<void> {
    this.#check();
    const text = encode(value);
    const entries = this.#values.get(owner);
    if (entries) entries.set(key, text);
    else this.#values.set(owner, new Map([[key, text]]));
  }

  async delete(owner: string, key: string): Promise<void> {
    this.#check();
    const entries = this.#values.get(owner);
    entries?.delete(key);
    if (entries?.size === 0) this.#values.delete(owner);
  }

  async entries(owner: string): Promise<ReadonlyMap<string, unknown>> {
    this.#check();
    const entries = this.#values.get(owner) ?? new Map<string, string>();
    return new Map([...entries].map(([key, text]) => [key, decode(text)]));
  }

  async *owners(): AsyncGenerator<string> {
    this.#check();
    yield* [...this.#values.keys()];
  }

  purge(owner: string): void {
    this.#values.delete(owner);
  }
}

/** An entry and its place among those of its millisecond. */
interface Row {
  readonly entry: ArchiveEntry;
  readonly sequence: number;
}

class MemoryArchive implements ArchiveStore, MemoryStore {
  /** Rows in order of time, then of appending. */
  readonly #rows = new Map<string, Row[]>();
  readonly #name: string;
  readonly #check: () => void;
  #sequence = 0;

  constructor(name: string, check: () => void) {
    this.#name = name;
    this.#check = check;
  }

  async append(owner: string, { id, at, with: peer, xml }: ArchiveEntry): Promise<void> {
    this.#check();
    const rows = this.#rows.get(owner) ?? [];
    this.#rows.set(owner, rows);
    const old = rows.findIndex((row) => row.entry.id === id);
    const [replaced] = old === -1 ? [] : rows.splice(old, 1);
    const row = { entry: { id, at, with: peer, xml }, sequence: replaced?.sequence ?? this.#sequence++ };
    const place = rows.findLastIndex((other) => compare(other, row) < 0);
    rows.splice(place + 1, 0, row);
  }

  async query(owner: string, query: ArchiveQuery): Promise<ArchivePage> {
    this.#check();
    const { rows, complete, total } = this.#select(owner, query);
    return { entries: rows.map((row) => row.entry), complete, total };
  }

  async delete(owner: string, query: ArchiveQuery): Promise<number> {
    this.#check();
    const removed = new Set(this.#select(owner, query).rows);
    const rest = (this.#rows.get(owner) ?? []).filter((row) => !removed.has(row));
    if (rest.length === 0) this.#rows.delete(owner);
    else this.#rows.set(owner, rest);
    return removed.size;
  }

  async *owners(): AsyncGenerator<string> {
    this.#check();
    yield* [...this.#rows.keys()];
  }

  purge(owner: string): void {
    this.#rows.delete(owner);
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
