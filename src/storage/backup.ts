// Backups of the database: complete, checked, and never half a file. The functions block, so they are for the command line
// and for threads. A running server goes on writing while a copy is made, and the copy is what was committed at its start.

import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { inWords } from '../util/file-failure.ts';
import { BUSY_TIMEOUT_MS } from './drivers/sqlite-timeouts.ts';
import { StorageError } from './error.ts';
import { APPLICATION_ID, MIGRATIONS } from './migrations.ts';

const SIDE_FILES = ['-wal', '-shm'];

/** A database that can be restored. */
export interface Backup {
  readonly bytes: number;
  /** Of the schema. */
  readonly version: number;
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
}

/**
 * Copies the database to a new file, readable only by its owner.
 * @throws StorageError 'failed' if the file exists or cannot be written, 'damaged' if the copy is not intact
 */
export function backUp(database: string, target: string): Backup {
  if (existsSync(target)) throw failed(`${target} exists; a backup never replaces a file`);
  const part = `${target}.part`;
  try {
    closeSync(openSync(part, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600));
  } catch (cause) {
    throw failed(`Cannot write ${part}: ${inWords(cause as Error)}`, cause);
  }
  try {
    copyInto(database, part);
    const backup = inspect(part, 'quick_check');
    synchronise(part);
    linkSync(part, target); // Fails if the file has come into being meanwhile; a renaming would replace it.
    return backup;
  } finally {
    rmSync(part, { force: true });
    synchronise(dirname(target));
  }
}

/**
 * Puts a backup in the place of the database, which no server may use. The database of before stays beside it.
 * @returns its new name; `undefined` if there was none
 * @throws StorageError as `inspect`; then nothing has changed
 */
export function restore(file: string, database: string, now: Date): string | undefined {
  inspect(file, 'integrity_check');
  const fresh = `${database}.restoring`;
  try {
    mkdirSync(dirname(database), { recursive: true, mode: 0o700 });
    copyFileSync(file, fresh);
    chmodSync(fresh, 0o600);
    synchronise(fresh);
    const kept = existsSync(database) ? keepBeside(database, now) : undefined;
    renameSync(fresh, database);
    synchronise(dirname(database));
    return kept;
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    throw failed(`Cannot restore ${database}: ${inWords(cause as Error)}`, cause);
  } finally {
    rmSync(fresh, { force: true });
  }
}

/**
 * Checks that a file is a whole database of this server.
 * @throws StorageError 'damaged', 'newer-database', or 'failed' for a file that cannot be read or is another program's
 */
export function inspect(file: string, check: 'quick_check' | 'integrity_check'): Backup {
  let db: Database.Database | undefined;
  try {
    const bytes = statSync(file).size;
    db = new Database(file, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    const version = versionOf(db, file);
    const damage = (db.pragma(`${check}(10)`) as Record<string, string>[]).map((row) => row[check]);
    if (damage.join() !== 'ok') throw damaged(file, damage.join('; '));
    return { bytes, version, rows: countRows(db) };
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    if (cause instanceof Database.SqliteError && /CORRUPT|NOTADB/.test(cause.code))
      throw damaged(file, cause.message, cause);
    throw failed(`Cannot read ${file}: ${inWords(cause as Error)}`, cause);
  } finally {
    db?.close();
  }
}

/** @throws StorageError */
function copyInto(database: string, target: string): void {
  const db = new Database(database, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    db.prepare('VACUUM INTO ?').run(target);
  } catch (cause) {
    throw failed(`Cannot copy ${database}: ${(cause as Error).message}`, cause);
  } finally {
    db.close();
  }
}

function versionOf(db: Database.Database, file: string): number {
  const version = db.pragma('user_version', { simple: true }) as number;
  const application = db.pragma('application_id', { simple: true }) as number;
  // Databases from before the id was written have none, but they have its first table.
  const isOurs =
    application === APPLICATION_ID || (application === 0 && version > 0 && hasTable(db, 'store'));
  if (!isOurs) throw failed(`${file} is not a database of this server`);
  if (version <= MIGRATIONS.length) return version;
  const message = `${file} has version ${version}, this server knows ${MIGRATIONS.length}: use a newer server`;
  throw new StorageError('newer-database', message, { driver: 'sqlite' });
}

function hasTable(db: Database.Database, name: string): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== undefined;
}

/** Without the tables of the index of words, which SQLite keeps. */
function countRows(db: Database.Database): Record<string, number> {
  const tables = db
    .prepare(
      "SELECT name FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .pluck()
    .all() as string[];
  return Object.fromEntries(
    tables.map((name) => [name, db.prepare(`SELECT COUNT(*) FROM "${name}"`).pluck().get() as number]),
  );
}

/**
 * Gives the database a second name, with the writes that are in its write-ahead log. A database that is too damaged for that
 * keeps its log beside it. The first name stays until the new file replaces it: a server that starts in between must not
 * begin with an empty database.
 */
function keepBeside(database: string, now: Date): string {
  const time = now.toISOString().replaceAll(/[-:.]/g, '');
  const kept = join(dirname(database), `enjamb-before-restore-${time}.sqlite`);
  linkSync(database, kept);
  const log = `${database}-wal`;
  if (existsSync(log)) copyFileSync(log, `${kept}-wal`); // SQLite deletes a log that it cannot read.
  if (isFolded(database)) rmSync(`${kept}-wal`, { force: true });
  for (const side of SIDE_FILES) rmSync(database + side, { force: true });
  return kept;
}

/** Writes the log into the database and removes it. */
function isFolded(database: string): boolean {
  try {
    const db = new Database(database, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    try {
      db.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      db.close(); // The last connection removes the log.
    }
  } catch {
    return false;
  }
  return !existsSync(`${database}-wal`);
}

/** Waits until a file, or the names in a folder, are on the disk. */
function synchronise(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function failed(message: string, cause?: unknown): StorageError {
  return new StorageError('failed', message, { driver: 'sqlite', cause });
}

function damaged(file: string, what: string, cause?: unknown): StorageError {
  const message = `${file} is damaged, or is no database: ${what}`;
  return new StorageError('damaged', message, { driver: 'sqlite', cause });
}
