// The thread that owns the write connection (a worker of sqlite-queue.ts). One message is one transaction: its
// operations are acknowledged together, after the commit has reached the disk.

import { parentPort, workerData } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { ArchiveRows } from './sqlite-archive-rows.ts';
import { ArchiveWriter } from './sqlite-archive-writer.ts';
import { failureOf } from './sqlite-failure.ts';
import { IdleWork } from './sqlite-idle.ts';
import { Meta } from './sqlite-meta.ts';
import { ArchiveNumbers } from './sqlite-numbers.ts';
import { NewerDatabase, openDatabase } from './sqlite-open.ts';
import {
  type FromWriter,
  type IdleOperation,
  isIdle,
  type Operation,
  type Outcome,
  type Parameters,
  type SingleOperation,
  STORE_ID,
  type StoreName,
  storeParameters,
  type ToWriter,
  type WriterData,
} from './sqlite-operations.ts';
import { Statements } from './sqlite-statements.ts';
import { TextIndex } from './sqlite-text-index.ts';
import { decode } from './sqlite-wire.ts';

/** Errors of the whole database. After these the operations are not tried one by one, since all would fail. */
const HOPELESS = /^SQLITE_(BUSY|LOCKED|READONLY|CORRUPT|NOTADB|CANTOPEN|IOERR)/;

class Writer {
  readonly #db: Database.Database;
  readonly #statements: Statements;
  /** The numbers of stores. Bounded by the stores that modules open. */
  readonly #stores = new Map<string, number>();
  readonly #meta: Meta;
  readonly #numbers: ArchiveNumbers;
  readonly #index: TextIndex;
  readonly #archives: ArchiveWriter;
  readonly #idle: IdleWork;

  constructor(db: Database.Database) {
    this.#db = db;
    this.#statements = new Statements(db);
    this.#meta = new Meta(db);
    this.#numbers = new ArchiveNumbers(db);
    this.#index = new TextIndex(db);
    const rows = new ArchiveRows(db, this.#numbers, this.#index);
    this.#archives = new ArchiveWriter(db, rows, this.#numbers);
    this.#idle = new IdleWork(db, { rows, numbers: this.#numbers, index: this.#index });
  }

  /** Runs all operations in one transaction. If that fails, runs each in its own, so that an invalid one fails alone. */
  run(batch: readonly Operation[]): Outcome[] {
    try {
      return this.#runTogether(batch);
    } catch (error) {
      const failure = failureOf(error);
      if (batch.length === 1 || HOPELESS.test(failure.code)) return batch.map(() => failure);
    }
    return batch.map((operation) => this.#alone(operation));
  }

  #runTogether(batch: readonly Operation[]): Outcome[] {
    const [first] = batch;
    if (first?.do === 'checkpoint') return [this.#idle.checkpoint()]; // Always alone, and never in a transaction.
    return this.#transact(batch);
  }

  #alone(operation: Operation): Outcome {
    try {
      return this.#transact([operation])[0] ?? 0;
    } catch (error) {
      return failureOf(error);
    }
  }

  #transact(batch: readonly Operation[]): Outcome[] {
    try {
      return this.#db
        .transaction(() => {
          this.#meta.begin();
          this.#index.begin();
          const outcomes = batch.map((operation) => this.#apply(operation));
          this.#numbers.commit();
          return outcomes;
        })
        .immediate();
    } catch (error) {
      this.#meta.rollback();
      this.#numbers.rollback();
      this.#stores.clear(); // Their rows may have been rolled back.
      throw error;
    }
  }

  #apply(operation: Operation): Outcome {
    if (isIdle(operation)) return this.#runIdle(operation);
    if (operation.do !== 'all') return this.#applyOne(operation);
    return operation.operations.reduce((rows, single) => rows + this.#applyOne(single), 0);
  }

  #runIdle(operation: IdleOperation): Outcome {
    return this.#idle.run(operation, 'in' in operation ? this.#numberOf(operation.in) : 0);
  }

  /** Returns the number of changed rows. */
  #applyOne(operation: SingleOperation): number {
    switch (operation.do) {
      case 'set':
        return this.#write(SET, { ...this.#row(operation), value: operation.value });
      case 'unset':
        return this.#write(UNSET, this.#row(operation));
      case 'put':
        return this.#write(PUT, { ...this.#row(operation), key: operation.key, value: operation.value });
      case 'remove':
        return this.#write(REMOVE, { ...this.#row(operation), key: operation.key });
      case 'purge':
        return this.#purge(operation.host, operation.owner);
      case 'stop':
        return this.#meta.stop(operation.position, operation.hasLeftovers);
      default:
        return this.#archives.apply(operation, this.#numberOf(operation.in));
    }
  }

  #row({ in: store, owner }: { readonly in: StoreName; readonly owner: string }): Parameters {
    this.#numberOf(store);
    return { ...storeParameters(store), owner };
  }

  #purge(host: string, owner: string): number {
    const archives = this.#statements.get<{ store: number }>(ARCHIVES_OF).all({ host, owner });
    for (const { store } of archives) this.#archives.forget(store, owner);
    return PURGE.reduce((rows, sql) => rows + this.#write(sql, { host, owner }), archives.length);
  }

  /** The number of a store, which all other tables have in place of its name. */
  #numberOf(store: StoreName): number {
    const { isShared, isSearchable } = store;
    const key = `${store.kind} ${store.host} ${store.name} ${isSearchable}`;
    const known = this.#stores.get(key);
    if (known !== undefined) return known;
    const searchable = isSearchable === undefined ? null : Number(isSearchable);
    const row = { ...storeParameters(store), shared: isShared ? 1 : 0, searchable };
    const before = this.#statements.get<{ searchable: number }>(SEARCHABLE).get(storeParameters(store));
    const { id } = this.#statements.get<{ id: number }>(NUMBER).get(row)!;
    if (before && searchable !== null && before.searchable !== searchable) this.#index.restart();
    this.#stores.set(key, id);
    return id;
  }

  #write(sql: string, row: Parameters): number {
    return this.#statements.get(sql).run(row).changes;
  }
}

const SEARCHABLE = 'SELECT searchable FROM store WHERE host = @host AND kind = @kind AND name = @name';
/** Users of a store that do not search, such as `offline` and the command line, leave the index as it is. */
const NUMBER = `INSERT INTO store (host, kind, name, shared, searchable)
    VALUES (@host, @kind, @name, @shared, IFNULL(@searchable, 0))
  ON CONFLICT DO UPDATE SET shared = excluded.shared, searchable = IFNULL(@searchable, searchable) RETURNING id`;
const SET = `INSERT INTO keyval (store, owner, value) VALUES (${STORE_ID}, @owner, @value)
  ON CONFLICT DO UPDATE SET value = excluded.value`;
const PUT = `INSERT INTO map (store, owner, key, value) VALUES (${STORE_ID}, @owner, @key, @value)
  ON CONFLICT DO UPDATE SET value = excluded.value`;
const UNSET = `DELETE FROM keyval WHERE store = ${STORE_ID} AND owner = @owner`;
const REMOVE = `DELETE FROM map WHERE store = ${STORE_ID} AND owner = @owner AND key = @key`;
const PURGE = ['keyval', 'map'].map(
  (table) =>
    `DELETE FROM ${table} WHERE owner = @owner AND store IN (SELECT id FROM store WHERE host = @host AND shared = 0)`,
);
const ARCHIVES_OF = `SELECT store FROM archive_owner WHERE owner = @owner
  AND store IN (SELECT id FROM store WHERE host = @host AND shared = 0)`;

/** Opens the database, then writes the batches that arrive on `port`, until the message 'close'. */
function serve(data: WriterData, port: NonNullable<typeof parentPort>): void {
  const post = (message: FromWriter) => port.postMessage(message);
  const db = openOrRefuse(data, post);
  if (db === undefined) {
    port.close();
    return;
  }
  const writer = new Writer(db);
  port.on('message', (message: ToWriter) => {
    if (message !== 'close') {
      post({ answer: writer.run(decode(message.batch)) });
      return;
    }
    close(db);
    port.close();
  });
}

function openOrRefuse(data: WriterData, post: (message: FromWriter) => void): Database.Database | undefined {
  const report = (migrating: string, rows: number) => post({ migrating, rows });
  try {
    const db = openDatabase({ ...data, report });
    post({ ready: new Meta(db).start() });
    return db;
  } catch (error) {
    const { failed: refused, code } = failureOf(error);
    post({ refused, code, newer: error instanceof NewerDatabase });
    return undefined;
  }
}

function close(db: Database.Database): void {
  db.pragma('busy_timeout = 1000'); // A stop does not wait long for another process's readers.
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}

if (parentPort) serve(workerData as WriterData, parentPort);
