// The thread that owns the write connection (a worker of sqlite-queue.ts). One message is one transaction: its
// operations are acknowledged together, after the commit has reached the disk.

import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { APPLICATION_ID, MIGRATION_FUNCTIONS, MIGRATIONS } from '../migrations.ts';
import {
  type ArchiveBounds,
  BUSY_TIMEOUT_MS,
  CURSOR,
  type Cursor,
  type FromWriter,
  type Operation,
  type Outcome,
  type Parameters,
  parameters,
  rangeSql,
  type SingleOperation,
  STORE_ID,
  type StoreName,
  storeParameters,
  type ToWriter,
  type WriterData,
} from './sqlite-operations.ts';

/** Larger write-ahead logs are cut back at the next checkpoint. */
const JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024;

const WAL_ATTEMPTS = 50;
const WAL_PAUSE_MS = 20;

/** Errors of the whole database. After these the operations are not tried one by one, since all would fail. */
const HOPELESS = /^SQLITE_(BUSY|LOCKED|READONLY|CORRUPT|NOTADB|CANTOPEN|IOERR)/;

class NewerDatabase extends Error {}

/** Opens, protects and updates the database. */
function open(file: string): Database.Database {
  // The main thread creates the file. If it has vanished since, do not start with an empty one.
  const db = new Database(file, { timeout: BUSY_TIMEOUT_MS, fileMustExist: true });
  const version = versionOf(db);
  if (version > MIGRATIONS.length) {
    throw new NewerDatabase(`The database has version ${version}, this server knows ${MIGRATIONS.length}`);
  }
  // WAL: readers never wait for the writer. FULL: a commit is on the disk, not in the system's cache.
  useWriteAheadLog(db);
  db.pragma('synchronous = FULL');
  db.pragma(`journal_size_limit = ${JOURNAL_LIMIT_BYTES}`);
  db.pragma('cache_size = -16000');
  for (const [name, run] of Object.entries(MIGRATION_FUNCTIONS)) db.function(name, run);
  MIGRATIONS.forEach((sql, from) => {
    migrate(db, from, sql);
  });
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID)
    db.pragma(`application_id = ${APPLICATION_ID}`);
  return db;
}

/**
 * Switches to the write-ahead log. If two processes do this to a new database simultaneously, SQLite reports SQLITE_BUSY to
 * one of them immediately, without the usual wait, because of a possible deadlock. So this tries again; the switch is
 * permanent, so the second attempt finds it done.
 */
function useWriteAheadLog(db: Database.Database): void {
  for (let attempt = 1; ; attempt++) {
    try {
      db.pragma('journal_mode = WAL');
      return;
    } catch (error) {
      const isBusy = error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
      if (!isBusy || attempt === WAL_ATTEMPTS) throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAL_PAUSE_MS); // The thread has nothing else to do.
  }
}

function migrate(db: Database.Database, from: number, sql: string): void {
  const step = db.transaction(() => {
    // Read inside the transaction: another process may have taken the step meanwhile.
    if (versionOf(db) !== from) return;
    db.exec(sql);
    db.pragma(`user_version = ${from + 1}`);
  });
  if (versionOf(db) === from) step.immediate();
}

function versionOf(db: Database.Database): number {
  return db.pragma('user_version', { simple: true }) as number;
}

class Writer {
  readonly #db: Database.Database;
  readonly #statements = new Map<string, Database.Statement>();
  /** Stores known to have a number. */
  readonly #stores = new Set<string>();

  constructor(db: Database.Database) {
    this.#db = db;
  }

  /** Runs all operations in one transaction. If that fails, runs each in its own, so that an invalid one fails alone. */
  run(batch: readonly Operation[]): Outcome[] {
    try {
      return this.#transact(batch);
    } catch (error) {
      const failure = failureOf(error);
      if (batch.length === 1 || HOPELESS.test(failure.code)) return batch.map(() => failure);
    }
    return batch.map((operation) => this.#alone(operation));
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
      return this.#db.transaction(() => batch.map((operation) => this.#apply(operation))).immediate();
    } catch (error) {
      this.#stores.clear(); // Their rows may have been rolled back.
      throw error;
    }
  }

  #apply(operation: Operation): Outcome {
    if (operation.do === 'all') return this.#applyAll(operation.operations);
    if (operation.do === 'purge') return this.#purge(operation.host, operation.owner);
    const { in: store, owner } = operation;
    this.#number(store);
    const row = { ...storeParameters(store), owner };
    switch (operation.do) {
      case 'set':
        return this.#write(SET, { ...row, value: operation.value });
      case 'put':
        return this.#write(PUT, { ...row, key: operation.key, value: operation.value });
      case 'append': {
        const { id, at, with: peer, xml } = operation.entry;
        return this.#write(APPEND, { ...row, id, at, peer, xml });
      }
      case 'unset':
        return this.#write(UNSET, row);
      case 'remove':
        return this.#write(REMOVE, { ...row, key: operation.key });
      case 'prune':
        return this.#prune(operation);
    }
  }

  /** Throws unless all succeed, so that the transaction is rolled back. */
  #applyAll(operations: readonly SingleOperation[]): number {
    let rows = 0;
    for (const operation of operations) {
      const outcome = this.#apply(operation);
      if (typeof outcome !== 'number') throw new Error('The archive has no entry of that id');
      rows += outcome;
    }
    return rows;
  }

  #purge(host: string, owner: string): number {
    return PURGE.reduce((rows, sql) => rows + this.#write(sql, { host, owner }), 0);
  }

  #prune({ in: store, owner, query }: Extract<Operation, { do: 'prune' }>): Outcome {
    const after = this.#cursor(store, owner, query.after);
    const before = this.#cursor(store, owner, query.before);
    if (after === 'unknown-entry' || before === 'unknown-entry') return 'unknown-entry';
    const bounds: ArchiveBounds = { query, after, before };
    const sql = `DELETE FROM archive WHERE seq IN (SELECT seq FROM archive WHERE ${rangeSql(bounds)})`;
    return this.#write(sql, parameters(store, owner, bounds, query.limit ?? -1));
  }

  #cursor(store: StoreName, owner: string, id: string | undefined): Cursor | 'unknown-entry' | undefined {
    if (id === undefined) return undefined;
    const row = this.#statement(CURSOR).get({ ...storeParameters(store), owner, id }) as Cursor | undefined;
    return row ?? 'unknown-entry';
  }

  /** Gives a store its number, which all other statements look up. */
  #number(store: StoreName): void {
    const key = JSON.stringify(storeParameters(store));
    if (this.#stores.has(key)) return;
    this.#write(NUMBER, { ...storeParameters(store), shared: store.isShared ? 1 : 0 });
    this.#stores.add(key);
  }

  #write(sql: string, row: Parameters): number {
    return this.#statement(sql).run(row).changes;
  }

  /** Prepares a statement once. The number of different texts is small. */
  #statement(sql: string): Database.Statement {
    const kept = this.#statements.get(sql);
    if (kept) return kept;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

const NUMBER = `INSERT INTO store (host, kind, name, shared) VALUES (@host, @kind, @name, @shared)
  ON CONFLICT DO UPDATE SET shared = excluded.shared WHERE shared <> excluded.shared`;
const SET = `INSERT INTO keyval (store, owner, value) VALUES (${STORE_ID}, @owner, @value)
  ON CONFLICT DO UPDATE SET value = excluded.value`;
const PUT = `INSERT INTO map (store, owner, key, value) VALUES (${STORE_ID}, @owner, @key, @value)
  ON CONFLICT DO UPDATE SET value = excluded.value`;
const APPEND = `INSERT INTO archive (store, owner, id, at, peer, xml)
  VALUES (${STORE_ID}, @owner, @id, @at, @peer, @xml)
  ON CONFLICT (store, owner, id) DO UPDATE SET at = excluded.at, peer = excluded.peer, xml = excluded.xml`;
const UNSET = `DELETE FROM keyval WHERE store = ${STORE_ID} AND owner = @owner`;
const REMOVE = `DELETE FROM map WHERE store = ${STORE_ID} AND owner = @owner AND key = @key`;
const PURGE = ['keyval', 'map', 'archive'].map(
  (table) =>
    `DELETE FROM ${table} WHERE owner = @owner AND store IN (SELECT id FROM store WHERE host = @host AND shared = 0)`,
);

function failureOf(error: unknown): { failed: string; code: string } {
  const { message, code } = error as { message?: string; code?: string };
  return { failed: message ?? String(error), code: code ?? '' };
}

/** Opens the database, then writes the batches that arrive on `port`, until the message 'close'. */
function serve({ file }: WriterData, port: NonNullable<typeof parentPort>): void {
  const answer = (message: FromWriter) => port.postMessage(message);
  let db: Database.Database;
  try {
    db = open(file);
  } catch (error) {
    answer({ refused: failureOf(error).failed, newer: error instanceof NewerDatabase });
    port.close();
    return;
  }
  const writer = new Writer(db);
  port.on('message', (message: ToWriter) => {
    if (message !== 'close') {
      answer({ outcomes: writer.run(message.batch) });
      return;
    }
    db.pragma('busy_timeout = 1000'); // A stop does not wait long for another process's readers.
    db.pragma('wal_checkpoint(TRUNCATE)');
    db.close();
    port.close();
  });
  answer('ready');
}

if (parentPort) serve(workerData as WriterData, parentPort);
