// The rows of the table `archive`: what is stored, changed or removed counts in the size of its owner, and its words enter
// or leave the index. Each method belongs into a transaction.

import type Database from 'better-sqlite3';
import { UNSEARCHED_FLAGS } from '../archive.ts';
import { POSITIONS_PER_MS } from '../archive-ids.ts';
import type { ArchiveNumbers } from './sqlite-numbers.ts';
import type { StoredRow, TextIndex } from './sqlite-text-index.ts';

interface NewRow extends StoredRow {
  readonly peer: number;
  readonly name: string | null;
}

const INSERT = `INSERT INTO archive (seq, owner, peer, flags, name, xml) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (seq) DO NOTHING`;
const SAME = 'SELECT 1 FROM archive WHERE seq = ? AND owner = ?';
const UPDATE = 'UPDATE archive SET flags = ?, xml = ? WHERE seq = ?';
const UPDATE_FLAGS = 'UPDATE archive SET flags = ? WHERE seq = ?';
const REMOVE = 'DELETE FROM archive WHERE seq = ?';
const NEWEST_BETWEEN = 'SELECT MAX(seq) FROM archive WHERE seq BETWEEN ? AND ?';

export class ArchiveRows {
  readonly #numbers: ArchiveNumbers;
  readonly #index: TextIndex;
  readonly #insert: Database.Statement;
  readonly #same: Database.Statement;
  readonly #update: Database.Statement;
  readonly #updateFlags: Database.Statement;
  readonly #remove: Database.Statement;

  constructor(db: Database.Database, numbers: ArchiveNumbers, index: TextIndex) {
    this.#numbers = numbers;
    this.#index = index;
    this.#insert = db.prepare(INSERT);
    this.#same = db.prepare(SAME);
    this.#update = db.prepare(UPDATE);
    this.#updateFlags = db.prepare(UPDATE_FLAGS);
    this.#remove = db.prepare(REMOVE);
  }

  /**
   * Returns 0 if the row is there already: a batch is repeated when a thread has ended.
   * @throws Error if another owner has the position
   */
  insert(row: NewRow): number {
    const { seq, owner, peer, flags, name, xml } = row;
    const { changes } = this.#insert.run(seq, owner, peer, flags, name, xml);
    if (changes === 0 && !this.#same.get(seq, owner)) throw new Error(`The position ${seq} is taken`);
    if (changes === 0) return 0;
    this.#numbers.grow(owner, Buffer.byteLength(xml));
    this.#index.added(row);
    return changes;
  }

  update(row: StoredRow, { flags, xml }: Pick<StoredRow, 'flags' | 'xml'>): void {
    const { seq, owner } = row;
    if (xml === row.xml && ((flags ^ row.flags) & UNSEARCHED_FLAGS) === 0) {
      this.#updateFlags.run(flags, seq);
      return;
    }
    this.#index.removed(row);
    this.#update.run(flags, xml, seq);
    this.#numbers.grow(owner, Buffer.byteLength(xml) - Buffer.byteLength(row.xml));
    this.#index.added({ seq, owner, flags, xml });
  }

  /** @param isBulk its words stay in the file until the index is written anew */
  remove(row: StoredRow, isBulk = false): void {
    this.#index.removed(row, isBulk);
    this.#remove.run(row.seq);
    this.#numbers.grow(row.owner, -Buffer.byteLength(row.xml));
  }
}

/** Finds positions for rows of the past. */
export class FreePositions {
  readonly #newest: Database.Statement<[number, number], number | null>;

  constructor(db: Database.Database) {
    this.#newest = db.prepare<[number, number], number | null>(NEWEST_BETWEEN).pluck();
  }

  /** The position after the newest row of that millisecond; in the next one, if it is full. @param at in ms since 1970 */
  at(at: number): number {
    for (let ms = at; ; ms++) {
      const first = ms * POSITIONS_PER_MS;
      const last = first + POSITIONS_PER_MS - 1;
      const position = (this.#newest.get(first, last) ?? first - 1) + 1;
      if (position <= last) return position;
    }
  }
}
