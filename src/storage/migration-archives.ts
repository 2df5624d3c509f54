// The third step of the schema: archives by position (docs/adr/0046-archives-by-position.md).
//
// - meta: `key` encrypts ids; `clean_stop`, the newest position that was given out, is there after a proper stop;
//   `text_upto`, see drivers/sqlite-text-index.ts
// - archive_owner: one archive. `owner` is NULL while the rows of a removed one are on their way out; `bytes` of its texts;
//   `keep` and `delivered_until` in ms (archive.ts)
// - peer: the `with` of rows
// - archive.seq: the position; archive.name: an id that the caller gave; archive.flags: ARCHIVE_FLAGS, also in the indexes, so
//   that rows are counted without being read
// - archive_text: the words of bodies, see drivers/sqlite-text-index.ts. `words`: each with the number of its owner before it;
//   `ascii`: all letters beyond ASCII belong to words; `content`, `columnsize`, `detail`: no texts, no lengths, no places of
//   words in a text; `secure-delete`: a word that leaves is overwritten

import { randomBytes } from 'node:crypto';
import type Database from 'better-sqlite3';

const SCHEMA = `
  ALTER TABLE store ADD COLUMN searchable INTEGER NOT NULL DEFAULT 0;

  DROP INDEX archive_by_time;
  DROP INDEX archive_by_peer;
  ALTER TABLE archive RENAME TO old_archive;

  CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE archive_owner (
    id INTEGER PRIMARY KEY,
    store INTEGER NOT NULL REFERENCES store,
    owner TEXT,
    bytes INTEGER NOT NULL,
    keep INTEGER,
    delivered_until INTEGER,
    UNIQUE (store, owner)
  ) STRICT;

  CREATE TABLE peer (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

  CREATE TABLE archive (
    seq INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    name TEXT,
    xml TEXT NOT NULL
  ) STRICT;
  CREATE INDEX archive_by_owner ON archive (owner, seq, flags);
  CREATE INDEX archive_by_peer ON archive (owner, peer, seq, flags);
  CREATE INDEX archive_waiting ON archive (owner, seq) WHERE flags & 2;
  CREATE UNIQUE INDEX archive_by_name ON archive (owner, name) WHERE name IS NOT NULL;

  CREATE VIRTUAL TABLE archive_text USING fts5 (
    words, tokenize = 'ascii', content = '', columnsize = 0, detail = none
  );
  INSERT INTO archive_text (archive_text, rank) VALUES ('secure-delete', 1);
`;

/** As these were when the step was made. */
const POSITIONS_PER_MS = 1024;
const WAITING_HIDDEN = 2 | 4;

/** Rows between two reports, in memory at once. */
const PAGE = 10_000;

const OLD_ROWS = `SELECT old.seq, store.id AS store, store.host, store.name AS storeName, old.owner, old.id, old.at, old.peer, old.xml
  FROM old_archive AS old JOIN store ON store.id = old.store WHERE old.seq > ? ORDER BY old.seq LIMIT ${PAGE}`;
const OWNER = `INSERT INTO archive_owner (store, owner, bytes) VALUES (?, ?, ?)
  ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes RETURNING id`;
const PEER = 'INSERT INTO peer (name) VALUES (?) ON CONFLICT DO UPDATE SET name = name RETURNING id';
const ARCHIVE_STORE = `INSERT INTO store (host, kind, name, shared, searchable) VALUES (?, 'archive', 'archive', 0, 0)
  ON CONFLICT DO UPDATE SET shared = shared RETURNING id`;
const NEWEST_BETWEEN = 'SELECT MAX(seq) FROM archive WHERE seq BETWEEN ? AND ?';
const INSERT = 'INSERT INTO archive (seq, owner, peer, flags, name, xml) VALUES (?, ?, ?, ?, ?, ?)';

interface OldRow {
  readonly seq: number;
  readonly store: number;
  readonly host: string;
  readonly storeName: string;
  readonly owner: string;
  readonly id: string;
  readonly at: number;
  readonly peer: string;
  readonly xml: string;
}

/**
 * Messages that waited in the store `offline` become hidden waiting rows of the store `archive`. All other rows keep their
 * ids, as names.
 */
export function migrateArchives(db: Database.Database, report: (rows: number) => void): void {
  db.exec(SCHEMA);
  db.prepare(`INSERT INTO meta (name, value) VALUES ('key', ?), ('clean_stop', 0)`).run(randomBytes(16));
  const move = mover(db);
  const page = db.prepare<[number], OldRow>(OLD_ROWS);
  let moved = 0;
  for (let rows = page.all(-1); rows.length > 0; rows = page.all(rows.at(-1)!.seq)) {
    for (const row of rows) move(row);
    moved += rows.length;
    report(moved);
  }
  db.exec(`DROP TABLE old_archive; DELETE FROM store WHERE kind = 'archive' AND name = 'offline'`);
}

function mover(db: Database.Database): (row: OldRow) => void {
  const owners = db.prepare<[number, string, number], number>(OWNER).pluck();
  const peers = db.prepare<[string], number>(PEER).pluck();
  const archives = db.prepare<[string], number>(ARCHIVE_STORE).pluck();
  const newest = db.prepare<[number, number], number | null>(NEWEST_BETWEEN).pluck();
  const insert = db.prepare(INSERT);
  return ({ store, host, storeName, owner, id, at, peer, xml }) => {
    const waits = storeName === 'offline';
    const archive = waits ? archives.get(host)! : store;
    const number = owners.get(archive, owner, Buffer.byteLength(xml))!;
    const other = peers.get(waits ? bareOf(peer) : peer)!;
    insert.run(freePosition(newest, at), number, other, waits ? WAITING_HIDDEN : 0, waits ? null : id, xml);
  };
}

/** The position after the newest row of that millisecond. */
function freePosition(newest: Database.Statement<[number, number], number | null>, at: number): number {
  for (let ms = at; ; ms++) {
    const first = ms * POSITIONS_PER_MS;
    const last = first + POSITIONS_PER_MS - 1;
    const position = (newest.get(first, last) ?? first - 1) + 1;
    if (position <= last) return position;
  }
}

/** The senders of stored messages are valid addresses. */
function bareOf(address: string): string {
  return address.split('/', 1)[0]!;
}
