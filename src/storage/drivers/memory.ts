// The driver `memory`: for tests, and for servers whose data may be lost at exit. Every call takes effect before it returns,
// so a read sees all earlier writes.

import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../../util/clock.ts';
import type { ArchiveStore } from '../archive.ts';
import { ArchiveIds, ID_KEY_BYTES, type Places, Positions } from '../archive-ids.ts';
import { inBatch, StorageError } from '../error.ts';
import { decode, encode } from '../json.ts';
import { checkKey } from '../keys.ts';
import {
  type KeyvalStore,
  MAX_BATCH_BYTES,
  MAX_BATCH_WRITES,
  type MapStore,
  type StorageDriver,
  type StoreOptions,
} from '../stores.ts';
import { MemoryArchive } from './memory-archive.ts';
import { type MemoryDriver, type MemoryStore, replaceEntry } from './memory-driver.ts';

const DRIVER = 'memory';

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
  readonly #places: Places;
  #closed = false;
  #batch: Batch | undefined;

  constructor(clock: Clock = systemClock) {
    const ids = new ArchiveIds(randomBytes(ID_KEY_BYTES));
    this.#places = { ids, positions: new Positions(0, clock.now()), now: () => clock.now() };
  }

  keyval(host: string, name: string, { shared = false }: StoreOptions = {}): KeyvalStore<unknown> {
    return this.#store(host, 'keyval', name, () => new MemoryKeyval(this.#driverOf(name), shared));
  }

  map(host: string, name: string, { shared = false }: StoreOptions = {}): MapStore<unknown> {
    return this.#store(host, 'map', name, () => new MemoryMap(this.#driverOf(name), shared));
  }

  archive(host: string, name: string, { shared = false }: StoreOptions = {}): ArchiveStore {
    return this.#store(
      host,
      'archive',
      name,
      () => new MemoryArchive(this.#driverOf(name), this.#places, { host, name, isShared: shared }),
    );
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

  #driverOf(store: string): MemoryDriver {
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
  readonly #driver: MemoryDriver;

  constructor(driver: MemoryDriver, isShared: boolean) {
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
  readonly #driver: MemoryDriver;

  constructor(driver: MemoryDriver, isShared: boolean) {
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

/** The number of characters of a value as JSON; 0 for a value without a JSON form, which `encode` refuses. */
function sizeOf(value: unknown): number {
  return JSON.stringify(value)?.length ?? 0;
}

function tooLarge(): StorageError {
  const limit = `A batch has at most ${MAX_BATCH_WRITES} writes of ${MAX_BATCH_BYTES / 1024 / 1024} MiB`;
  return new StorageError('failed', limit, { driver: DRIVER });
}
