// The table `meta`, as far as the writing thread reads it at the start and marks a proper stop in it.

import type Database from 'better-sqlite3';
import type { ArchiveStart } from './sqlite-operations.ts';

/**
 * After a crash: the positions that may have been given out after the newest row, and never were stored. No position is
 * given out twice.
 */
const LOST_POSITIONS = 2 ** 24;

const KEY = `SELECT value FROM meta WHERE name = 'key'`;
const STOPPED = `SELECT value FROM meta WHERE name = 'clean_stop'`;
const STOP = `INSERT INTO meta (name, value) VALUES ('clean_stop', ?) ON CONFLICT DO UPDATE SET value = excluded.value`;
/** Rows were removed, and their words may still be between the pages of the index. */
const LEFTOVERS = `SELECT 1 FROM meta WHERE name = 'leftovers'`;
const NOTE_LEFTOVERS = `INSERT INTO meta (name, value) VALUES ('leftovers', 1) ON CONFLICT DO NOTHING`;
const NO_LEFTOVERS = `DELETE FROM meta WHERE name = 'leftovers'`;
const BEGIN = `DELETE FROM meta WHERE name = 'clean_stop'`;
const UNSWEPT = `SELECT 1 FROM archive_owner WHERE owner IS NULL
  UNION ALL SELECT 1 FROM archive_text_config WHERE k = 'secure-delete' AND v = 0`;
const NEWEST = 'SELECT MAX(seq) FROM archive';

export class Meta {
  readonly #db: Database.Database;
  /** Whether it is on disk that this server has begun to write. */
  #hasBegun = false;

  constructor(db: Database.Database) {
    this.#db = db;
  }

  start(): ArchiveStart {
    const key = this.#db.prepare<[], Uint8Array>(KEY).pluck().get()!;
    const newest = this.#db.prepare<[], number | null>(NEWEST).pluck().get() ?? 0;
    const stopped = this.#db.prepare<[], number>(STOPPED).pluck().get();
    const position = stopped === undefined ? newest + LOST_POSITIONS : Math.max(newest, stopped);
    const hasLeftovers = this.#db.prepare(LEFTOVERS).get() !== undefined;
    // After a crash, a removal may have got as far as the addresses of the peers or the log.
    const isUnswept = hasLeftovers || stopped === undefined || this.#db.prepare(UNSWEPT).get() !== undefined;
    return { key, newest, position, wasStopped: stopped !== undefined, isUnswept, hasLeftovers };
  }

  /** To be called in the first transaction, and in each one after a failed one. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#db.prepare(BEGIN).run();
    this.#hasBegun = true;
  }

  rollback(): void {
    this.#hasBegun = false;
  }

  /** @param position the newest that was given out */
  stop(position: number, hasLeftovers: boolean): number {
    this.#db.prepare(hasLeftovers ? NOTE_LEFTOVERS : NO_LEFTOVERS).run();
    return this.#db.prepare(STOP).run(position).changes;
  }
}
