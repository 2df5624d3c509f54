// Reads archives as they are in the database, without the server's own reader.

import { join } from 'node:path';
import Database from 'better-sqlite3';

export interface ArchivedRow {
  readonly seq: number;
  readonly with: string;
  readonly flags: number;
  readonly name: string | null;
  readonly xml: string;
}

const ROWS = `SELECT archive.seq, peer.name AS "with", flags, archive.name, xml FROM archive
  JOIN archive_owner ON archive_owner.id = archive.owner JOIN peer ON peer.id = archive.peer
  JOIN store ON store.id = archive_owner.store
  WHERE store.name = ? AND archive_owner.owner = ? ORDER BY seq`;

/** The rows of an owner, the oldest first. */
export function archived(dataPath: string, owner: string, store = 'archive'): ArchivedRow[] {
  return inDatabase(dataPath, (db) => db.prepare<[string, string], ArchivedRow>(ROWS).all(store, owner));
}

/** What `read` returns of the database. */
export function inDatabase<T>(dataPath: string, read: (db: Database.Database) => T): T {
  const db = new Database(join(dataPath, 'enjamb.sqlite'));
  try {
    return read(db);
  } finally {
    db.close();
  }
}
