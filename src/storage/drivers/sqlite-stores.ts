// The small stores on SQLite. A call is one operation of the writing thread, or one read on the main thread.

import type Database from 'better-sqlite3';
import { decode, encode } from '../json.ts';
import { checkKey } from '../keys.ts';
import type { KeyvalStore, MapStore } from '../stores.ts';
import { type SingleOperation, STORE_ID, type StoreName, storeParameters } from './sqlite-operations.ts';

const GET = `SELECT value FROM keyval WHERE store = ${STORE_ID} AND owner = @owner`;
const GET_KEY = `SELECT value FROM map WHERE store = ${STORE_ID} AND owner = @owner AND key = @key`;
const ENTRIES = `SELECT key, value FROM map WHERE store = ${STORE_ID} AND owner = @owner`;
const ALL_VALUES = pages('SELECT owner, value FROM keyval', 'owner');
const ALL_ENTRIES = pages('SELECT owner, key, value FROM map', 'owner, key');

/** The database, as the stores use it. */
interface Access {
  /** Runs a read once earlier writes of the owner are in the database. @throws StorageError */
  read<T>(store: StoreName, owner: string, read: () => T): Promise<T>;
  /**
   * Runs `make` when no write of the owner is under way, and queues the write that it returns before anything else can
   * happen. @throws StorageError; what `make` throws
   */
  change(store: StoreName, owner: string, make: () => SingleOperation): Promise<void>;
  /** Runs a read now. @throws StorageError */
  attempt<T>(store: StoreName, read: () => T): T;
  /** Returns the number of rows that were changed. @throws StorageError */
  write(make: () => SingleOperation): Promise<number>;
  owners(store: StoreName): AsyncGenerator<string>;
  /** The rows of a store, a page at a time. */
  rows<R extends object>(store: StoreName, sql: PagedSql): AsyncGenerator<R>;
  statement(sql: string): Database.Statement;
}

/** Reads a store in pages of @limit rows: the first one, and the one after a row. */
export interface PagedSql {
  readonly first: string;
  readonly next: string;
}

/** Builds the SQL of a paged read. `columns`: the columns of the primary key after `store`, which order the pages. */
function pages(select: string, columns: string): PagedSql {
  const end = `ORDER BY ${columns} LIMIT @limit`;
  const first = `${select} WHERE store = ${STORE_ID}`;
  const last = columns.replaceAll(/\w+/g, '@$&');
  return { first: `${first} ${end}`, next: `${first} AND (${columns}) > (${last}) ${end}` };
}

interface ValueRow {
  readonly value: string;
}

interface OwnedRow extends ValueRow {
  readonly owner: string;
}

interface KeyedRow extends OwnedRow {
  readonly key: string;
}

export class SqliteKeyval implements KeyvalStore<unknown> {
  readonly #storage: Access;
  readonly #store: StoreName;

  constructor(storage: Access, store: StoreName) {
    this.#storage = storage;
    this.#store = store;
  }

  async get(owner: string): Promise<unknown> {
    return this.#storage.read(this.#store, checkKey(owner), () => this.#read(owner));
  }

  #read(owner: string): unknown {
    const row = this.#storage.statement(GET).get({ ...storeParameters(this.#store), owner });
    return row === undefined ? undefined : decode((row as ValueRow).value);
  }

  async set(owner: string, value: unknown): Promise<void> {
    await this.#storage.write(() => ({ do: 'set', ...this.#row(owner), value: encode(value) }));
  }

  async delete(owner: string): Promise<void> {
    await this.#storage.write(() => ({ do: 'unset', ...this.#row(owner) }));
  }

  async change(owner: string, edit: (value: unknown) => unknown): Promise<void> {
    await this.#storage.change(this.#store, checkKey(owner), () => {
      const value = this.#storage.attempt(this.#store, () => this.#read(owner));
      const next = edit(value);
      const row = this.#row(owner);
      return next === undefined ? { do: 'unset', ...row } : { do: 'set', ...row, value: encode(next) };
    });
  }

  #row(owner: string): { in: StoreName; owner: string } {
    return { in: this.#store, owner: checkKey(owner) };
  }

  owners(): AsyncIterable<string> {
    return this.#storage.owners(this.#store);
  }

  async *entries(): AsyncGenerator<[string, unknown]> {
    for await (const { owner, value } of this.#storage.rows<OwnedRow>(this.#store, ALL_VALUES))
      yield [owner, decode(value)];
  }
}

export class SqliteMap implements MapStore<unknown> {
  readonly #storage: Access;
  readonly #store: StoreName;

  constructor(storage: Access, store: StoreName) {
    this.#storage = storage;
    this.#store = store;
  }

  async get(owner: string, key: string): Promise<unknown> {
    checkKey(key);
    return this.#storage.read(this.#store, checkKey(owner), () => {
      const row = this.#storage.statement(GET_KEY).get({ ...storeParameters(this.#store), owner, key });
      return row === undefined ? undefined : decode((row as ValueRow).value);
    });
  }

  async set(owner: string, key: string, value: unknown): Promise<void> {
    await this.#storage.write(() => ({ do: 'put', ...this.#row(owner, key), value: encode(value) }));
  }

  async delete(owner: string, key: string): Promise<void> {
    await this.#storage.write(() => ({ do: 'remove', ...this.#row(owner, key) }));
  }

  #row(owner: string, key: string): { in: StoreName; owner: string; key: string } {
    return { in: this.#store, owner: checkKey(owner), key: checkKey(key) };
  }

  async entries(owner: string): Promise<ReadonlyMap<string, unknown>> {
    return this.#storage.read(this.#store, checkKey(owner), () => {
      const rows = this.#storage.statement(ENTRIES).all({ ...storeParameters(this.#store), owner });
      return new Map((rows as (ValueRow & { key: string })[]).map(({ key, value }) => [key, decode(value)]));
    });
  }

  owners(): AsyncIterable<string> {
    return this.#storage.owners(this.#store);
  }

  async *all(): AsyncGenerator<[string, ReadonlyMap<string, unknown>]> {
    let group: { readonly owner: string; readonly entries: Map<string, unknown> } | undefined;
    for await (const { owner, key, value } of this.#storage.rows<KeyedRow>(this.#store, ALL_ENTRIES)) {
      if (group && group.owner !== owner) yield [group.owner, group.entries];
      if (group?.owner !== owner) group = { owner, entries: new Map() };
      group.entries.set(key, decode(value));
    }
    if (group) yield [group.owner, group.entries];
  }
}
