// The index of the words of messages, on the connection of the writing thread. `meta.text_upto` is the newest position that
// it covers: all rows up to there are in it, if their store is searchable and their text may be searched; none beyond.
//
//   rows:   ───────────────────────────────────┬───────────▶ position
//           added and removed with their rows  │  read as they are, until `advance` brings them in
//                                          text_upto
//
// The words are those that a search compares (search-words.ts), so that a row is found alike on both sides. The table
// `archive_text` has them without the texts (migration-archives.ts), so a row leaves with the words that it came with.

import type Database from 'better-sqlite3';
import { UNSEARCHED_FLAGS } from '../archive.ts';
import { bodyOf } from '../archived-text.ts';
import { searchedWords } from '../search-words.ts';

/** A word as it is in the index. No word of a body can be that of another owner: it would have a number before it, too. */
export function indexedWord(owner: number, word: string): string {
  return `${owner}x${word}`;
}

/** A row of `archive` as it is on disk, as far as it is changed. */
export interface StoredRow {
  /** Its position. */
  readonly seq: number;
  /** Its number in `archive_owner`. */
  readonly owner: number;
  readonly flags: number;
  readonly xml: string;
}

const ROWS_PER_STEP = 20;
/** A commit costs as much as some hundred rows, so `advance` adds as many rows or bytes, whatever the time. */
const MIN_ROWS = 200;
const MIN_BYTES = 256 * 1024;

const UPTO = `SELECT value FROM meta WHERE name = 'text_upto'`;
const SET_UPTO = `INSERT INTO meta (name, value) VALUES ('text_upto', ?)
  ON CONFLICT DO UPDATE SET value = excluded.value`;
const IS_SEARCHABLE = `SELECT searchable FROM archive_owner JOIN store ON store.id = archive_owner.store
  WHERE archive_owner.id = ?`;
const NEXT = `SELECT archive.seq, archive.owner, archive.flags, archive.xml, store.searchable FROM archive
  LEFT JOIN archive_owner ON archive_owner.id = archive.owner LEFT JOIN store ON store.id = archive_owner.store
  WHERE archive.seq > ? ORDER BY archive.seq LIMIT ${ROWS_PER_STEP}`;
const ADD = 'INSERT INTO archive_text (rowid, words) VALUES (?, ?)';
const REMOVE = `INSERT INTO archive_text (archive_text, rowid, words) VALUES ('delete', ?, ?)`;
/** 1: words that leave are overwritten. 0: rows were removed in bulk, and `rewrite` is not done. */
const IS_SECURE = `SELECT v FROM archive_text_config WHERE k = 'secure-delete'`;
const CONFIGURE = `INSERT INTO archive_text (archive_text, rank) VALUES ('secure-delete', CAST(? AS INTEGER))`;
const MERGE = `INSERT INTO archive_text (archive_text, rank) VALUES ('merge', ?)`;
/** A row that no search finds: no owner has this number. */
const SPARE = [0, indexedWord(0, '')] as const;
/** Of the index, in a part; a few milliseconds. */
const REWRITTEN_PAGES = 4;
const EMPTY = `INSERT INTO archive_text (archive_text) VALUES ('delete-all')`;

/** All methods belong into a transaction, which begins with `begin`. */
export class TextIndex {
  readonly #upto: Database.Statement<[], number>;
  readonly #setUpto: Database.Statement;
  readonly #isSearchable: Database.Statement<[number], number>;
  readonly #next: Database.Statement<[number], StoredRow & { searchable: number }>;
  readonly #add: Database.Statement;
  readonly #remove: Database.Statement;
  readonly #merge: Database.Statement;
  readonly #changes: Database.Statement<[], number>;
  readonly #isSecure: Database.Statement<[], number>;
  readonly #configure: Database.Statement;
  readonly #empty: Database.Statement;
  #covered = 0;
  #removals = 0;

  constructor(db: Database.Database) {
    this.#upto = db.prepare<[], number>(UPTO).pluck();
    this.#setUpto = db.prepare(SET_UPTO);
    this.#isSearchable = db.prepare<[number], number>(IS_SEARCHABLE).pluck();
    this.#next = db.prepare(NEXT);
    this.#add = db.prepare(ADD);
    this.#remove = db.prepare(REMOVE);
    this.#merge = db.prepare(MERGE);
    this.#changes = db.prepare<[], number>('SELECT total_changes()').pluck();
    this.#isSecure = db.prepare<[], number>(IS_SECURE).pluck();
    this.#configure = db.prepare(CONFIGURE);
    this.#empty = db.prepare(EMPTY);
  }

  /** Another process may have changed the index since the last transaction. */
  begin(): void {
    this.#covered = this.#upto.get() ?? 0;
    this.#removals = 0;
  }

  /** A row was stored: late, when the index was past it, or of the past. Most rows wait for `advance`. */
  added(row: StoredRow): void {
    if (this.#covers(row)) this.#write(this.#add, row);
  }

  /** Rows that were removed in this transaction: each costs some 250 µs at its end, unless removed in bulk. */
  get removals(): number {
    return this.#removals;
  }

  /**
   * A row was removed. @param row as it was stored
   * @param isBulk much cheaper, but words stay in the file until `rewrite` has been called for all parts
   */
  removed(row: StoredRow, isBulk = false): void {
    if (!this.#covers(row)) return;
    if (isBulk) this.#setSecure(false);
    else this.#removals += 1;
    this.#write(this.#remove, row);
  }

  /** The store of a row has become searchable, or no longer is. The index begins anew. */
  restart(): void {
    this.#empty.run();
    this.#moveTo(0);
  }

  /**
   * Writes a part of the index anew if rows were removed in bulk. Returns whether parts are left.
   * @param isForced also for rows that were removed one by one: between its pages, FTS5 keeps the words that begin them
   */
  rewrite({ isFirst, isForced }: { isFirst: boolean; isForced: boolean }): boolean {
    if (this.#isSecure.get() === 1 && !isForced) return false;
    if (isFirst) this.#add.run(...SPARE); // FTS5 writes nothing anew unless the index has two segments.
    const before = this.#changes.get()!;
    this.#merge.run(isFirst ? -REWRITTEN_PAGES : REWRITTEN_PAGES);
    if (this.#changes.get()! - before >= 2) return true; // As https://sqlite.org/fts5.html#the_merge_command says.
    this.#remove.run(...SPARE);
    this.#setSecure(true);
    return false;
  }

  /** Adds rows until `isOver`, but at least 200, or 256 KiB. Returns whether there may be more. */
  advance(isOver: () => boolean): boolean {
    let [count, bytes] = [0, 0];
    for (;;) {
      const rows = this.#next.all(this.#covered);
      for (const row of rows) {
        if (row.searchable === 1) this.#write(this.#add, row);
        bytes += row.xml.length;
      }
      count += rows.length;
      const last = rows.at(-1);
      if (last) this.#moveTo(last.seq);
      if (rows.length < ROWS_PER_STEP) return false;
      if (isOver() && (count >= MIN_ROWS || bytes >= MIN_BYTES)) return true;
    }
  }

  #setSecure(isSecure: boolean): void {
    const value = isSecure ? 1 : 0;
    if (this.#isSecure.get() !== value) this.#configure.run(value);
  }

  #covers({ seq, owner }: StoredRow): boolean {
    return seq <= this.#covered && this.#isSearchable.get(owner) === 1;
  }

  #write(statement: Database.Statement, { seq, owner, flags, xml }: StoredRow): void {
    if (flags & UNSEARCHED_FLAGS) return;
    const words = searchedWords(bodyOf(xml)).map((word) => indexedWord(owner, word));
    if (words.length > 0) statement.run(seq, words.join(' '));
  }

  #moveTo(position: number): void {
    this.#setUpto.run(position);
    this.#covered = position;
  }
}
