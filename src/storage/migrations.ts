// The schema of the SQLite database, as the steps that led to it. A step that has been released is never edited:
// append another. test/storage/schema-v1.sql keeps the first one frozen.

/**
 * Step n brings `user_version` from n to n + 1; each runs in a transaction of its own.
 * - store: a name for (host, kind, name), so that the big tables carry a number
 * - archive.seq: order of appending among entries of one millisecond
 */
export const MIGRATIONS: readonly string[] = [
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
];
