// Gives the space of deleted rows back to the file system. For the command line; it blocks.

import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { BUSY_TIMEOUT_MS } from './drivers/sqlite-timeouts.ts';
import { StorageError } from './error.ts';

/** Pages that are freed while the writes of a running server wait: a few milliseconds. */
const STEP = 256;

export interface Compacted {
  /** Size of the file in bytes. */
  readonly before: number;
  readonly after: number;
}

/**
 * Compacts the database of a stopped server as a whole; that of a running one in steps, which needs a database that was
 * compacted once or is new.
 * @param onStep called after each step with the number of free pages that are left
 * @throws StorageError
 */
export function compact(
  file: string,
  { isRunning, onStep }: { isRunning: boolean; onStep(left: number): void },
): Compacted {
  const before = statSync(file).size;
  const db = new Database(file, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    if (isRunning) freeInSteps(db, onStep);
    else rebuild(db);
    db.pragma('wal_checkpoint(TRUNCATE)');
    return { before, after: statSync(file).size };
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    const message = `Cannot compact ${file}: ${(cause as Error).message}`;
    throw new StorageError('failed', message, { driver: 'sqlite', cause });
  } finally {
    db.close();
  }
}

function rebuild(db: Database.Database): void {
  db.pragma('auto_vacuum = INCREMENTAL'); // In force from the next VACUUM on.
  db.exec('VACUUM');
}

function freeInSteps(db: Database.Database, onStep: (left: number) => void): void {
  if (db.pragma('auto_vacuum', { simple: true }) !== INCREMENTAL) {
    const message =
      'This database can be compacted only while the server is stopped; after that, also while it runs';
    throw new StorageError('failed', message, { driver: 'sqlite' });
  }
  for (let left = freePages(db); left > 0; ) {
    db.pragma(`incremental_vacuum(${STEP})`);
    const now = freePages(db);
    onStep(now);
    if (now >= left) return; // The server frees pages as fast.
    left = now;
  }
}

/** The value of `PRAGMA auto_vacuum`. */
const INCREMENTAL = 2;

function freePages(db: Database.Database): number {
  return db.pragma('freelist_count', { simple: true }) as number;
}
