// Work of the writing thread that can wait. It is done in parts of a few milliseconds, each asked for by the main thread when
// nothing else is to be written (sqlite-housekeeping.ts). Each method but `checkpoint` belongs into a transaction.

import type Database from 'better-sqlite3';
import { ARCHIVE_FLAGS as FLAGS, KEPT_SHARE } from '../archive.ts';
import { POSITIONS_PER_MS } from '../archive-ids.ts';
import type { ArchiveRows } from './sqlite-archive-rows.ts';
import type { ArchiveNumbers } from './sqlite-numbers.ts';
import type { IdleOperation, Progress } from './sqlite-operations.ts';
import { Statements } from './sqlite-statements.ts';
import type { StoredRow, TextIndex } from './sqlite-text-index.ts';
import { BUSY_TIMEOUT_MS } from './sqlite-timeouts.ts';

type Do<K extends IdleOperation['do']> = Extract<IdleOperation, { do: K }>;

const PART_MS = 8;
const PART_ROWS = 200;
/** Rows that leave the index one by one, of which the commit has the work. */
const PART_REMOVALS = 20;
/** Rows that are read between two looks at the time. */
const STEP_ROWS = 10;

/** Free pages are given back in steps of this many, when more than this share and this size is free. */
const VACUUM_PAGES = 256;
const FREE_SHARE = 0.25;
const FREE_BYTES = 64 * 1024 * 1024;

const CHECKPOINT_TIMEOUT_MS = 50;

const OWNERS = `SELECT id, bytes, keep FROM archive_owner
  WHERE store = ? AND owner IS NOT NULL AND id >= ? ORDER BY id LIMIT ${PART_ROWS}`;
const OLDEST_TAKEN = `SELECT seq, owner, flags, xml FROM archive
  WHERE owner = ? AND seq < ? AND flags & ${FLAGS.waiting} = 0 ORDER BY seq LIMIT ?`;
const NAMELESS = `SELECT id FROM archive_owner WHERE owner IS NULL ORDER BY id LIMIT ${PART_ROWS}`;
const OLDEST = 'SELECT seq, owner, flags, xml FROM archive WHERE owner = ? AND seq < ? ORDER BY seq LIMIT ?';
const EVERYTHING = { below: Number.MAX_SAFE_INTEGER, bytes: Number.POSITIVE_INFINITY, rows: 'all' } as const;
const REMOVE_OWNER = 'DELETE FROM archive_owner WHERE id = ?';
const PEERS = `SELECT id, name FROM peer WHERE id > ? ORDER BY id LIMIT ${PART_ROWS}`;
const IS_USED = `SELECT 1 FROM archive_owner CROSS JOIN archive
  WHERE archive.owner = archive_owner.id AND archive.peer = ? LIMIT 1`;
const REMOVE_PEER = 'DELETE FROM peer WHERE id = ?';

interface OwnerRow {
  readonly id: number;
  readonly bytes: number;
  readonly keep: number | null;
}

export class IdleWork {
  readonly #db: Database.Database;
  readonly #rows: ArchiveRows;
  readonly #numbers: ArchiveNumbers;
  readonly #index: TextIndex;
  readonly #statements: Statements;

  constructor(
    db: Database.Database,
    parts: { rows: ArchiveRows; numbers: ArchiveNumbers; index: TextIndex },
  ) {
    this.#db = db;
    this.#statements = new Statements(db);
    this.#rows = parts.rows;
    this.#numbers = parts.numbers;
    this.#index = parts.index;
  }

  /** @param store its number, if the operation is about one */
  run(operation: IdleOperation, store: number): Progress {
    switch (operation.do) {
      case 'index':
        return this.#advanceIndex();
      case 'rewrite-index':
        return this.#rewriteIndex(operation);
      case 'expire':
        return this.#expire(operation, store);
      case 'sweep':
        return this.#sweep();
      case 'sweep-peers':
        return this.#sweepPeers(operation);
      case 'vacuum':
        return this.#vacuum();
      case 'checkpoint':
        throw new Error('A checkpoint cannot be part of a transaction');
    }
  }

  #advanceIndex(): Progress {
    const part = new Part(this.#index);
    return this.#index.advance(() => part.isOver) ? { rows: 0, next: {} } : { rows: 0 };
  }

  #rewriteIndex({ from, isForced }: Do<'rewrite-index'>): Progress {
    const isUnfinished = this.#index.rewrite({ isFirst: from === 0, isForced });
    return isUnfinished ? { rows: 0, next: { from: 1 } } : { rows: 0 };
  }

  #expire(operation: Do<'expire'>, store: number): Progress {
    const part = new Part(this.#index);
    const owners = this.#statements.get<OwnerRow>(OWNERS).all(store, operation.from);
    for (const owner of owners) {
      const isShrinking = operation.isShrinking && owner.id === operation.from;
      const left = this.#expireOwner(owner, operation, part, isShrinking);
      if (left) return { rows: part.rows, next: { from: owner.id, isShrinking: left === 'surplus' } };
      if (part.isOver) return { rows: part.rows, next: { from: owner.id + 1, isShrinking: false } };
    }
    if (owners.length < PART_ROWS) return { rows: part.rows };
    return { rows: part.rows, next: { from: owners.at(-1)!.id + 1, isShrinking: false } };
  }

  /** Returns what is left to be removed when the part is over. */
  #expireOwner(
    owner: OwnerRow,
    limits: Do<'expire'>,
    part: Part,
    isShrinking: boolean,
  ): 'old rows' | 'surplus' | undefined {
    const { now, before = 0, maxBytes = Number.POSITIVE_INFINITY } = limits;
    const oldest = Math.max(before, owner.keep === null ? 0 : now - owner.keep) * POSITIONS_PER_MS;
    const old = this.#removeOldest(owner.id, part, { below: oldest, bytes: Number.POSITIVE_INFINITY });
    if (!old.isDone) return 'old rows';
    const bytes = owner.bytes - old.bytes;
    if (!isShrinking && bytes <= maxBytes) return undefined;
    const surplus = { below: Number.MAX_SAFE_INTEGER, bytes: bytes - maxBytes * KEPT_SHARE };
    return this.#removeOldest(owner.id, part, surplus).isDone ? undefined : 'surplus';
  }

  /** Removes the oldest rows below a position until so many bytes are gone or the part is over. */
  #removeOldest(
    owner: number,
    part: Part,
    until: { readonly below: number; readonly bytes: number; readonly rows?: 'all' },
  ): { readonly bytes: number; readonly isDone: boolean } {
    let bytes = 0;
    for (;;) {
      if (bytes >= until.bytes) return { bytes, isDone: true };
      if (part.isOver) return { bytes, isDone: false };
      const oldest = this.#statements.get<StoredRow>(until.rows === 'all' ? OLDEST : OLDEST_TAKEN);
      const rows = oldest.all(owner, until.below, STEP_ROWS);
      for (const row of rows) {
        if (bytes >= until.bytes) break;
        this.#rows.remove(row, until.rows === 'all');
        part.rows += 1;
        bytes += Buffer.byteLength(row.xml);
      }
      if (rows.length < STEP_ROWS) return { bytes, isDone: true };
    }
  }

  #sweep(): Progress {
    const part = new Part(this.#index);
    const owners = this.#statements.get<{ id: number }>(NAMELESS).all();
    for (const { id } of owners) {
      const { isDone } = this.#removeOldest(id, part, EVERYTHING);
      if (!isDone) return { rows: part.rows, next: {} };
      this.#statements.get(REMOVE_OWNER).run(id);
    }
    return { rows: part.rows, ...(owners.length < PART_ROWS ? {} : { next: {} }) };
  }

  #sweepPeers({ from }: Do<'sweep-peers'>): Progress {
    const part = new Part(this.#index);
    const peers = this.#statements.get<{ id: number; name: string }>(PEERS).all(from);
    for (const { id, name } of peers) {
      if (!this.#statements.get(IS_USED).get(id)) {
        this.#numbers.forgetPeer(name);
        this.#statements.get(REMOVE_PEER).run(id);
        part.rows += 1;
      }
      if (part.isOver) return { rows: part.rows, next: { from: id } };
    }
    return peers.length < PART_ROWS
      ? { rows: part.rows }
      : { rows: part.rows, next: { from: peers.at(-1)!.id } };
  }

  #vacuum(): Progress {
    const [pages, free, size, mode] = ['page_count', 'freelist_count', 'page_size', 'auto_vacuum'].map(
      (name) => this.#db.pragma(name, { simple: true }) as number,
    ) as [number, number, number, number];
    const isIncremental = mode === 2;
    if (!isIncremental || free * size <= FREE_BYTES || free <= pages * FREE_SHARE) return { rows: 0 };
    this.#db.pragma(`incremental_vacuum(${VACUUM_PAGES})`);
    return { rows: 0, next: {} };
  }

  checkpoint(): Progress {
    this.#db.pragma(`busy_timeout = ${CHECKPOINT_TIMEOUT_MS}`);
    try {
      const [result] = this.#db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
      if (result?.busy) return { rows: 0, obstacle: 'another process is reading the database' };
      return { rows: 0 };
    } finally {
      this.#db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }
}

/** One part of the work: ends after some rows or milliseconds. */
class Part {
  rows = 0;
  readonly #end = performance.now() + PART_MS;
  readonly #index: TextIndex;

  constructor(index: TextIndex) {
    this.#index = index;
  }

  get isOver(): boolean {
    const isFull = this.rows >= PART_ROWS || this.#index.removals >= PART_REMOVALS;
    return isFull || performance.now() >= this.#end;
  }
}
