// Storage in one SQLite file. Writes go through a queue to a thread of their own; reads are done here, on a second,
// read-only connection: small and indexed, they take microseconds and need no copy between threads.
//
// A read waits for the writes of its owner that were issued before it, and so sees them.
//
// The connections, and the command line, share the index of the write-ahead log in enjamb.sqlite-shm, which SQLite maps into
// memory. `locking_mode = EXCLUSIVE` would need no such file, but allows one connection only.

import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { type Clock, systemClock } from '../../util/clock.ts';
import type { Faults } from '../../util/faults.ts';
import { inWords } from '../../util/file-failure.ts';
import type { Logger } from '../../util/logger.ts';
import { SerialQueue } from '../../util/serial-queue.ts';
import type { ArchiveStore } from '../archive.ts';
import { ArchiveIds, type Places, Positions, timeOf } from '../archive-ids.ts';
import { inBatch, StorageError } from '../error.ts';
import type { KeyvalStore, MapStore, StorageDriver, StoreOptions } from '../stores.ts';
import { SqliteArchive } from './sqlite-archive.ts';
import { SqliteBatch } from './sqlite-batch.ts';
import { errorOf } from './sqlite-failure.ts';
import { Housekeeping } from './sqlite-housekeeping.ts';
import {
  type IdleOperation,
  type SingleOperation,
  STORE_ID,
  type StoreKind,
  type StoreName,
  storeParameters,
} from './sqlite-operations.ts';
import { WriteQueue } from './sqlite-queue.ts';
import { SqliteReader } from './sqlite-reader.ts';
import { Statements } from './sqlite-statements.ts';
import { type PagedSql, SqliteKeyval, SqliteMap } from './sqlite-stores.ts';
import { READ_TIMEOUT_MS } from './sqlite-timeouts.ts';
import { DiskWatch } from './sqlite-watch.ts';

const DRIVER = 'sqlite';
const FILE_NAME = 'enjamb.sqlite';
/** Checked before SQLite opens them, because its error for one without permission names no file. */
const SIDE_FILES = ['-wal', '-shm'];
const MAX_QUEUED_BYTES = 32 * 1024 * 1024;

/** The newest row may be this far in the future before the administrator is told. */
const MAX_AHEAD_MS = 3_600_000;
const REPAIR_TIME =
  'check the clock of this machine; if it is right, stop the server and run "enjamb archive repair-time"';

/** Owners read between two turns of the event loop. */
const OWNERS_PER_TURN = 100;
/** Rows read between two turns of the event loop. */
const ROWS_PER_TURN = 100;

/** Checks a database that no process has open. Returns at most ten messages of SQLite; none when it is intact. */
export function damageOf(file: string): string[] {
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: READ_TIMEOUT_MS });
  try {
    const rows = database.pragma('integrity_check(10)') as { integrity_check: string }[];
    return rows.map((row) => row.integrity_check).filter((text) => text !== 'ok');
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]; // Too damaged to be read at all.
  } finally {
    database.close();
  }
}

/** T2: the time of the newest message, if it is more than an hour in the future. All times are in ms since 1970. */
export function newestFromFuture(file: string, now: number): number | undefined {
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: READ_TIMEOUT_MS });
  try {
    const newest = database.prepare<[], number | null>('SELECT MAX(seq) FROM archive').pluck().get();
    return timeIfAhead(newest ?? 0, now);
  } finally {
    database.close();
  }
}

export interface SqliteOptions {
  readonly maxQueuedBytes?: number;
  /** Reports when the writing thread ends; it is restarted. */
  readonly faults?: Faults | undefined;
  readonly clock?: Clock;
  /** Whether a copy is made before an old database is brought up to date. Default: true. */
  readonly isBackedUp?: boolean;
  /** Warns of a full disk, a large write-ahead log and a wrong clock. */
  readonly log?: Logger | undefined;
  /** With less free space, the administrator is warned. */
  readonly warnFreeBytes?: number;
  /** With a larger write-ahead log too. Default: 256 MiB. */
  readonly maxLogBytes?: number;
  /** The script that runs in the writing thread; default: our writer. */
  readonly writer?: URL;
  /** The script that runs in the reading thread; default: our reader. */
  readonly reader?: URL;
}

export class SqliteStorage implements StorageDriver {
  readonly name = DRIVER;
  readonly #queue: WriteQueue;
  readonly #reader: Database.Database;
  readonly #statements: Statements;
  /** Runs the changes of one owner one at a time, by host and owner. */
  readonly #changes = new SerialQueue();
  readonly #housekeeping: Housekeeping;
  readonly #watch: DiskWatch | undefined;
  /** For the archives. */
  readonly places: Places;
  readonly reader: SqliteReader;
  /** Archives in which messages wait again after a crash. */
  readonly #recovered = new Set<string>();
  #hasWritten = false;
  #closed = false;
  #batch: SqliteBatch | undefined;

  private constructor(queue: WriteQueue, options: SqliteOptions & { readonly file: string }) {
    const { file, clock = systemClock, faults, log, warnFreeBytes = 0, maxLogBytes } = options;
    const { key, position, newest, isUnswept, hasLeftovers } = queue.start;
    this.#queue = queue;
    this.#reader = openReader(file);
    this.#statements = new Statements(this.#reader);
    this.reader = new SqliteReader({
      file,
      driver: DRIVER,
      key,
      faults,
      clock,
      script: options.reader,
      settled: (host, owner) => (owner === undefined ? queue.allSettled() : queue.settled(host, owner)),
    });
    this.places = {
      ids: new ArchiveIds(Buffer.from(key)),
      positions: new Positions(position, clock.now()),
      now: () => clock.now(),
    };
    this.#housekeeping = new Housekeeping(queue, clock, faults);
    if (isUnswept) this.#housekeeping.sweep(hasLeftovers);
    if (log === undefined) return;
    checkTime(newest, clock, log);
    this.#watch = new DiskWatch({
      file,
      log,
      clock,
      warnFreeBytes,
      ...(maxLogBytes === undefined ? {} : { maxLogBytes }),
      checkpoint: () => this.#housekeeping.run({ do: 'checkpoint' }),
    });
    void this.#watch.look();
  }

  /** Opens `enjamb.sqlite` in the directory. Creates both if they do not exist, readable only by their owner. */
  static async open(directory: string, options: SqliteOptions = {}): Promise<SqliteStorage> {
    const file = join(directory, FILE_NAME);
    const maxBytes = options.maxQueuedBytes ?? MAX_QUEUED_BYTES;
    makeFile(directory, file);
    const { writer, log, ...others } = options;
    const queue = await WriteQueue.open({
      ...others,
      migrating: (what, rows) => log?.info('the database is brought up to date', { step: what, rows }),
      file,
      maxBytes,
      driver: DRIVER,
      ...(writer === undefined ? {} : { script: writer }),
    });
    try {
      return new SqliteStorage(queue, { ...options, file });
    } catch (cause) {
      await queue.close();
      throw new StorageError('failed', `Cannot read ${file}`, { driver: DRIVER, cause });
    }
  }

  get queuedBytes(): number {
    return this.#queue.queuedBytes;
  }

  get maxQueuedBytes(): number {
    return this.#queue.maxBytes;
  }

  keyval(host: string, name: string, options?: StoreOptions): KeyvalStore<unknown> {
    return new SqliteKeyval(this, nameOf(host, 'keyval', name, options));
  }

  map(host: string, name: string, options?: StoreOptions): MapStore<unknown> {
    return new SqliteMap(this, nameOf(host, 'map', name, options));
  }

  archive(host: string, name: string, options?: StoreOptions): ArchiveStore {
    return new SqliteArchive(this, nameOf(host, 'archive', name, options));
  }

  async purge(host: string, owner: string): Promise<void> {
    await this.write(() => ({ do: 'purge', host, owner }));
    this.sweep();
  }

  async batch(write: () => void): Promise<void> {
    if (this.#batch) return write();
    const batch = new SqliteBatch(DRIVER);
    this.#batch = batch;
    try {
      write();
    } catch (error) {
      batch.fail(error);
    } finally {
      this.#batch = undefined;
    }
    this.#hasWritten = true;
    await batch.commit((operation) => this.#queue.push(operation));
  }

  async close(): Promise<void> {
    const read = this.reader.close();
    try {
      if (!this.#closed) this.#reader.close();
    } finally {
      this.#housekeeping.close();
      this.#watch?.close();
      if (!this.#closed) this.#markStop();
      this.#closed = true;
      await this.#queue.close(read); // The last connection to close tidies the write-ahead log away.
    }
  }

  /** Notes that nothing was lost, unless nobody has looked for what the server before had lost. */
  #markStop(): void {
    const isWhole = this.#queue.start.wasStopped || this.#recovered.size > 0;
    if (!this.#hasWritten || !isWhole) return;
    const { hasLeftovers } = this.#housekeeping;
    const stop = { do: 'stop', position: this.places.positions.last, hasLeftovers } as const;
    this.#queue.push(stop).catch(() => {}); // Then it looks like a crash.
  }

  /** For the archives. */
  get isBatching(): boolean {
    return this.#batch !== undefined;
  }

  /** For the archives: lets received messages wait again after a crash, once. */
  async recover(store: StoreName, since: number): Promise<number> {
    this.#check(store);
    const key = `${store.host} ${store.name}`;
    if (this.#queue.start.wasStopped || this.#recovered.has(key)) return 0;
    this.#recovered.add(key);
    return this.write(() => ({ do: 'recover', in: store, since }));
  }

  /** For the archives: does a piece of work while nothing else is to be done. */
  whileIdle(work: IdleOperation): Promise<number> {
    this.#hasWritten = true;
    return this.#housekeeping.run(work);
  }

  /** For the archives: there are new rows that can be searched. */
  index(): void {
    this.#housekeeping.index();
  }

  /** For the archives: rows of a removed owner are left. */
  sweep(): void {
    this.#hasWritten = true;
    this.#housekeeping.sweep();
  }

  /** For the archives: something of rows that were removed or replaced may be left in the files. */
  sweepLater(): void {
    this.#housekeeping.sweepLater();
  }

  /** For the stores: queues a write, or adds it to the batch. @throws what `make` throws, outside of a batch */
  write(make: () => SingleOperation): Promise<number> {
    this.#hasWritten = true;
    return this.#batch?.add(make) ?? this.#queue.push(make());
  }

  /** For the stores: runs `read` when the owner's earlier writes have settled. */
  async read<T>(store: StoreName, owner: string, read: () => T): Promise<T> {
    await this.#queue.settled(store.host, owner);
    return this.attempt(store, read);
  }

  /** For the stores: runs `make` when no write of the owner is under way, and queues in the same tick what it returns. */
  async change(store: StoreName, owner: string, make: () => SingleOperation): Promise<void> {
    if (this.#batch) return this.#batch.fail(inBatch(DRIVER));
    await this.#changes.run(`${store.host}\0${owner}`, async () => {
      for (let writes = this.#settled(store, owner); writes; writes = this.#settled(store, owner))
        await writes;
      this.#hasWritten = true;
      await this.#queue.push(make());
    });
  }

  #settled(store: StoreName, owner: string): Promise<unknown> | undefined {
    return this.#queue.settled(store.host, owner);
  }

  /** For the stores: the owners in a store, found one by one with an index seek each. */
  async *owners(store: StoreName): AsyncGenerator<string> {
    await this.#queue.allSettled();
    const next = `SELECT MIN(owner) AS owner FROM ${store.kind} WHERE store = ${STORE_ID}`;
    const row = storeParameters(store);
    let owner = this.attempt(store, () => this.#ownerOf(next, row));
    for (let count = 1; owner !== undefined; count++) {
      yield owner;
      if (count % OWNERS_PER_TURN === 0) await setImmediate();
      const last = { ...row, last: owner };
      owner = this.attempt(store, () => this.#ownerOf(`${next} AND owner > @last`, last));
    }
  }

  /** For the stores: all rows of a store, a page in each turn of the event loop. */
  async *rows<R extends object>(store: StoreName, sql: PagedSql): AsyncGenerator<R> {
    await this.#queue.allSettled();
    const bounds = { ...storeParameters(store), limit: ROWS_PER_TURN };
    const read = (text: string, last?: R) =>
      this.attempt(store, () => this.statement(text).all({ ...bounds, ...last }) as R[]);
    let page = read(sql.first);
    for (;;) {
      yield* page;
      if (page.length < ROWS_PER_TURN) return;
      await setImmediate();
      page = read(sql.next, page.at(-1));
    }
  }

  /** For the stores: prepares a statement once. */
  statement(sql: string): Database.Statement {
    return this.#statements.get(sql);
  }

  #ownerOf(sql: string, parameters: object): string | undefined {
    const { owner } = this.statement(sql).get(parameters) as { owner: string | null };
    return owner ?? undefined;
  }

  /** For the stores: runs a read now. */
  attempt<T>(store: StoreName, read: () => T): T {
    this.#check(store);
    try {
      return read();
    } catch (cause) {
      if (cause instanceof StorageError) throw cause;
      const details = { driver: DRIVER, store: store.name };
      throw errorOf(cause as Error, 'Not read', details);
    }
  }

  #check({ name }: StoreName): void {
    if (!this.#closed) return;
    throw new StorageError('closed', 'The storage is closed', { driver: DRIVER, store: name });
  }
}

function nameOf(
  host: string,
  kind: StoreKind,
  name: string,
  { shared = false, isSearchable }: StoreOptions = {},
): StoreName {
  return { host, kind, name, isShared: shared, isSearchable };
}

/** T2: positions follow the newest row, so that the time of new messages stands still until the clock has reached it. */
function checkTime(newest: number, clock: Clock, log: Logger): void {
  const at = timeIfAhead(newest, clock.now());
  if (at === undefined) return;
  log.error('the newest message is from the future', { at: new Date(at).toISOString(), todo: REPAIR_TIME });
}

function timeIfAhead(position: number, now: number): number | undefined {
  const at = timeOf(position);
  return at - now > MAX_AHEAD_MS ? at : undefined;
}

/** Creates the directory and the database file if necessary. @throws StorageError that names the inaccessible file */
function makeFile(directory: string, file: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    closeSync(openSync(file, 'a+', 0o600)); // SQLite gives its side files the mode of this one.
    for (const side of SIDE_FILES.map((suffix) => file + suffix))
      if (existsSync(side)) accessSync(side, constants.R_OK | constants.W_OK);
  } catch (cause) {
    const { path = file } = cause as NodeJS.ErrnoException;
    const message = `Cannot open ${path}: ${inWords(cause as Error)}`;
    throw new StorageError('failed', message, { driver: DRIVER, cause });
  }
}

function openReader(file: string): Database.Database {
  const reader = new Database(file, { readonly: true, fileMustExist: true, timeout: READ_TIMEOUT_MS });
  reader.pragma('cache_size = -16000');
  return reader;
}
