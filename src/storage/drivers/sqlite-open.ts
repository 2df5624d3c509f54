// Opens the database for the writing thread: protects it against crashes, and brings it up to date.

import { statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { backUp } from '../backup.ts';
import { APPLICATION_ID, MIGRATION_FUNCTIONS, MIGRATIONS, type Migration } from '../migrations.ts';
import { BUSY_TIMEOUT_MS } from './sqlite-timeouts.ts';

/** Larger write-ahead logs are cut back at the next checkpoint. */
const JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024;

const WAL_ATTEMPTS = 50;
const WAL_PAUSE_MS = 20;

/** What a copy and the converted rows need, as a multiple of the database. */
const NEEDED_SPACE = 1.2;
const MIB = 1024 * 1024;

export class NewerDatabase extends Error {}

export interface OpenOptions {
  readonly file: string;
  /** Whether a copy is made before the database is brought up to date. */
  readonly isBackedUp: boolean;
  /** Tells what is being done. @param rows how many are converted */
  report(what: string, rows: number): void;
}

/** @throws NewerDatabase; Error, whose message is for the administrator */
export function openDatabase(options: OpenOptions): Database.Database {
  // The main thread creates the file. If it has vanished since, do not start with an empty one.
  const db = new Database(options.file, { timeout: BUSY_TIMEOUT_MS, fileMustExist: true });
  const version = versionOf(db);
  if (version > MIGRATIONS.length)
    throw new NewerDatabase(`The database has version ${version}, this server knows ${MIGRATIONS.length}`);
  if (version === 0) db.pragma('auto_vacuum = INCREMENTAL'); // An old database keeps what it was made with.
  // WAL: readers never wait for the writer. FULL: a commit is on the disk, not in the system's cache.
  useWriteAheadLog(db);
  db.pragma('synchronous = FULL');
  db.pragma('secure_delete = ON');
  db.pragma(`journal_size_limit = ${JOURNAL_LIMIT_BYTES}`);
  db.pragma('cache_size = -16000');
  for (const [name, run] of Object.entries(MIGRATION_FUNCTIONS)) db.function(name, run);
  if (version > 0 && version < MIGRATIONS.length && options.isBackedUp) copy(db, options);
  for (const [from, step] of MIGRATIONS.entries()) migrate(db, from, step, options);
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

/** Copies the database to `enjamb-vVERSION-TIME.sqlite` beside it. */
function copy(db: Database.Database, { file, report }: OpenOptions): void {
  const folder = dirname(file);
  checkSpace(db, folder);
  const time = new Date().toISOString().replaceAll(/[-:.]/g, '');
  report('copying the database', 0);
  backUp(file, join(folder, `enjamb-v${versionOf(db)}-${time}.sqlite`));
}

/** @throws Error with the size, if the disk has no room for a copy */
function checkSpace(db: Database.Database, folder: string): void {
  const pages = db.pragma('page_count', { simple: true }) as number;
  const needed = pages * (db.pragma('page_size', { simple: true }) as number) * NEEDED_SPACE;
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= needed) return;
  const [missing, free] = [needed, bavail * bsize].map((bytes) => `${Math.ceil(bytes / MIB)} MiB`);
  throw new Error(
    `The database has to be converted, and a copy of it needs ${missing}, but ${folder} has ${free} free. ` +
      'Free some space, or start with --no-backup after you have copied the database elsewhere',
  );
}

function migrate(db: Database.Database, from: number, step: Migration, { report }: OpenOptions): void {
  const run = db.transaction(() => {
    // Read inside the transaction: another process may have taken the step meanwhile.
    if (versionOf(db) !== from) return;
    if (typeof step === 'string') db.exec(step);
    else step(db, (rows) => report('converting archives', rows));
    db.pragma(`user_version = ${from + 1}`);
  });
  if (versionOf(db) === from) run.immediate();
}

function versionOf(db: Database.Database): number {
  return db.pragma('user_version', { simple: true }) as number;
}
