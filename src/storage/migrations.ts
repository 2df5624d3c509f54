// The schema of the SQLite database, as the steps that led to it. A step that has been released is never edited:
// append another. test/storage/schema-v1.sql keeps the first one frozen.

import type Database from 'better-sqlite3';
import { migrateArchives } from './migration-archives.ts';

/** SQL, or a function that reports how many rows it has converted so far. */
export type Migration = string | ((db: Database.Database, report: (rows: number) => void) => void);

/** Marks a database file as ours (`PRAGMA application_id`): "enjm". */
export const APPLICATION_ID = 0x656e_6a6d;

/**
 * Step n brings `user_version` from n to n + 1; each runs in a transaction of its own. `without_nul` is MIGRATION_FUNCTIONS'.
 * - store: a name for (host, kind, name), so that the big tables carry a number
 * - archive.seq: order of appending among entries of one millisecond
 * - store.shared: 1 where the first key is no owner, so that the removal of an account leaves the rows alone
 */
export const MIGRATIONS: readonly Migration[] = [
  `
  CREATE TABLE store (
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (host, kind, name)
  ) STRICT;

  CREATE TABLE keyval (
    store INTEGER NOT NULL REFERENCES store,
    owner TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (store, owner)
  ) STRICT;

  CREATE TABLE map (
    store INTEGER NOT NULL REFERENCES store,
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (store, owner, key)
  ) STRICT;

  CREATE TABLE archive (
    seq INTEGER PRIMARY KEY,
    store INTEGER NOT NULL REFERENCES store,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    peer TEXT NOT NULL,
    xml TEXT NOT NULL,
    UNIQUE (store, owner, id)
  ) STRICT;
  CREATE INDEX archive_by_time ON archive (store, owner, at);
  CREATE INDEX archive_by_peer ON archive (store, owner, peer, at);
  `,
  // Keys have no U+0000 any more. Where a row with the new key exists, the old one stays as it is, unreachable.
  `
  ALTER TABLE store ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;

  UPDATE OR IGNORE keyval SET owner = without_nul(owner) WHERE instr(owner, char(0)) > 0;
  UPDATE OR IGNORE map SET owner = without_nul(owner), key = without_nul(key)
    WHERE instr(owner, char(0)) > 0 OR instr(key, char(0)) > 0;
  UPDATE OR IGNORE archive SET owner = without_nul(owner) WHERE instr(owner, char(0)) > 0;
  `,
  migrateArchives,
];

/** SQL functions that the steps use. SQLite's own `replace` takes U+0000 for an empty text. */
export const MIGRATION_FUNCTIONS: Readonly<Record<string, (text: string) => string>> = {
  without_nul: (text) => text.replaceAll('\0', '/'),
};
