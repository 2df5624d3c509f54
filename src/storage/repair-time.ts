// Renumbers rows of archives that were stored while the clock was ahead. For the command line, while no server runs; it blocks.

import Database from 'better-sqlite3';
import { POSITIONS_PER_MS } from './archive-ids.ts';
import { TextIndex } from './drivers/sqlite-text-index.ts';
import { BUSY_TIMEOUT_MS } from './drivers/sqlite-timeouts.ts';
import { StorageError } from './error.ts';
import { MIGRATIONS } from './migrations.ts';

const NEWEST_BEFORE = 'SELECT MAX(seq) FROM archive WHERE seq < ?';
const FROM = 'SELECT seq FROM archive WHERE seq >= ? ORDER BY seq';
const MOVE = 'UPDATE archive SET seq = ? WHERE seq = ?';
const STOP = `UPDATE meta SET value = ? WHERE name = 'clean_stop'`;
const DELIVERED = 'UPDATE archive_owner SET delivered_until = MIN(delivered_until, ?)';

/**
 * Gives all rows from the future the time `now`, in their order; so they get new ids. The index of words begins anew.
 * @param now in ms since 1970
 * @returns the number of those rows
 * @throws StorageError
 */
export function repairTime(file: string, now: number): number {
  const db = new Database(file, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    if (db.pragma('user_version', { simple: true }) !== MIGRATIONS.length)
      throw new Error('start this version of the server once, so that the database is brought up to date');
    return db.transaction(() => renumber(db, now)).immediate();
  } catch (cause) {
    const message = `Cannot repair ${file}: ${(cause as Error).message}`;
    throw new StorageError('failed', message, { driver: 'sqlite', cause });
  } finally {
    db.close();
  }
}

function renumber(db: Database.Database, now: number): number {
  const future = (now + 1) * POSITIONS_PER_MS;
  const rows = db.prepare<[number], number>(FROM).pluck().all(future);
  if (rows.length === 0) return 0;
  const newest = db.prepare<[number], number | null>(NEWEST_BEFORE).pluck().get(future) ?? 0;
  const move = db.prepare(MOVE);
  let position = Math.max(newest, now * POSITIONS_PER_MS);
  for (const old of rows) move.run(++position, old); // Never beyond `old`, so the place is free.
  db.prepare(STOP).run(position);
  db.prepare(DELIVERED).run(now);
  new TextIndex(db).restart();
  return rows.length;
}
