// What the writing thread does to archives. Each method belongs into a transaction.

import type Database from 'better-sqlite3';
import {
  ARCHIVE_FLAGS as FLAGS,
  MAX_RETRACTABLE,
  MAX_RETRACTABLE_LENGTH,
  MAX_SENT_BEFORE,
  MAX_SENT_LENGTH,
} from '../archive.ts';
import { POSITIONS_PER_MS } from '../archive-ids.ts';
import { findMessage, findSent, tombstoneOf } from '../archived-text.ts';
import { type ArchiveRows, FreePositions } from './sqlite-archive-rows.ts';
import type { ArchiveNumbers } from './sqlite-numbers.ts';
import type { ArchiveOperation, RowKey } from './sqlite-operations.ts';
import { Statements } from './sqlite-statements.ts';
import type { StoredRow } from './sqlite-text-index.ts';

type Do<K extends ArchiveOperation['do']> = Extract<ArchiveOperation, { do: K }>;

const COLUMNS = 'seq, owner, flags, xml';
const BY_POSITION = `SELECT ${COLUMNS} FROM archive WHERE owner = ? AND seq = ? AND name IS NULL`;
const BY_NAME = `SELECT ${COLUMNS} FROM archive WHERE owner = ? AND name = ?`;
const CONVERSATION = `SELECT ${COLUMNS} FROM archive
  WHERE owner = ? AND peer = ? AND seq >= ? AND flags & ${FLAGS.sent} = ? ORDER BY seq DESC LIMIT ?`;
const OLDEST = `SELECT ${COLUMNS} FROM archive WHERE owner = ? AND seq < ? ORDER BY seq LIMIT ?`;
const OLDEST_OF_PEER = `SELECT ${COLUMNS} FROM archive WHERE owner = ? AND peer = ? AND seq < ? ORDER BY seq LIMIT ?`;
const KEEP = 'UPDATE archive_owner SET keep = ? WHERE id = ?';
const DELIVERED = 'UPDATE archive_owner SET delivered_until = ? WHERE id = ?';
const RECOVER = `UPDATE archive SET flags = flags | ${FLAGS.waiting} FROM archive_owner
  WHERE archive_owner.store = ? AND archive.owner = archive_owner.id AND archive_owner.owner IS NOT NULL
    AND archive.seq >= ${POSITIONS_PER_MS} * (MAX(?, IFNULL(archive_owner.delivered_until, 0)) + 1)
    AND archive.flags & ${FLAGS.sent | FLAGS.waiting | FLAGS.hidden | FLAGS.tombstone} = 0`;
/** All that they have received waits now, or a client has it. */
const RECOVERED = `UPDATE archive_owner SET delivered_until = MAX(IFNULL(delivered_until, 0), IFNULL(
    (SELECT MAX(seq) / ${POSITIONS_PER_MS} FROM archive WHERE archive.owner = archive_owner.id), 0))
  WHERE store = ? AND owner IS NOT NULL`;
const FORGET = 'UPDATE archive_owner SET owner = NULL, keep = NULL WHERE store = ? AND owner = ?';
const NO_LIMIT = -1;

export class ArchiveWriter {
  readonly #rows: ArchiveRows;
  readonly #numbers: ArchiveNumbers;
  readonly #free: FreePositions;
  readonly #statements: Statements;

  constructor(db: Database.Database, rows: ArchiveRows, numbers: ArchiveNumbers) {
    this.#statements = new Statements(db);
    this.#rows = rows;
    this.#numbers = numbers;
    this.#free = new FreePositions(db);
  }

  /** Returns the number of changed rows. @param store its number */
  apply(operation: ArchiveOperation, store: number): number {
    switch (operation.do) {
      case 'append':
        return this.#append(operation, store);
      case 'enter':
        return this.#enter(operation, store);
      case 'recover':
        return this.#recover(store, operation.since);
      case 'keep':
        return this.#set(KEEP, operation.ms ?? null, this.#numbers.ownerOrNew(store, operation.owner));
      case 'delivered':
        return this.#set(DELIVERED, operation.until, this.#numbers.ownerOrNew(store, operation.owner));
      case 'forget':
        return this.forget(store, operation.owner);
      default: {
        const owner = this.#numbers.owner(store, operation.owner);
        return owner === undefined ? 0 : this.#change(operation, owner);
      }
    }
  }

  #recover(store: number, since: number): number {
    const { changes } = this.#statement(RECOVER).run(store, since);
    this.#statement(RECOVERED).run(store);
    return changes;
  }

  /** Takes the name from an owner. Its rows follow while nothing else is to be done. */
  forget(store: number, owner: string): number {
    this.#numbers.forgetOwner(store, owner);
    return this.#statement(FORGET).run(store, owner).changes;
  }

  #append(operation: Do<'append'>, store: number): number {
    const { position, flags, xml, unlessSent, since = 0 } = operation;
    const owner = this.#numbers.ownerOrNew(store, operation.owner);
    const peer = this.#numbers.peerOrNew(operation.peer);
    if (unlessSent && this.#wasSent({ owner, peer, flags, since }, { xml, ids: unlessSent })) return 0;
    return this.#rows.insert({ seq: position, owner, peer, flags, name: null, xml });
  }

  #wasSent(
    of: { owner: number; peer: number; flags: number; since: number },
    sent: { xml: string; ids: readonly string[] },
  ): boolean {
    return findSent(this.#newest({ ...of, limit: MAX_SENT_BEFORE }), sent, MAX_SENT_LENGTH) !== undefined;
  }

  #enter(operation: Do<'enter'>, store: number): number {
    const { at = 0, position = this.#free.at(at), name, flags, xml } = operation;
    const owner = this.#numbers.ownerOrNew(store, operation.owner);
    const peer = this.#numbers.peerOrNew(operation.peer);
    for (const row of this.#select([name], owner)) this.#rows.remove(row);
    return this.#rows.insert({ seq: position, owner, peer, flags, name, xml });
  }

  #change(
    operation: Exclude<
      ArchiveOperation,
      { do: 'append' | 'enter' | 'recover' | 'keep' | 'delivered' | 'forget' }
    >,
    owner: number,
  ): number {
    switch (operation.do) {
      case 'drop':
        return this.#removeAll(this.#select(operation.rows, owner));
      case 'mark':
        return this.#update(operation.rows, owner, (row) => ({
          xml: row.xml,
          flags: (row.flags | operation.add) & ~operation.clear,
        }));
      case 'replace':
        return this.#update(operation.rows, owner, (row) => ({
          xml: operation.xml,
          flags: operation.flags | (row.flags & FLAGS.sent),
        }));
      case 'retract':
        return this.#retract(operation, owner);
      case 'prune':
        return this.#prune(operation, owner);
    }
  }

  #update(
    keys: readonly RowKey[],
    owner: number,
    edit: (row: StoredRow) => Pick<StoredRow, 'xml' | 'flags'>,
  ): number {
    const rows = this.#select(keys, owner);
    for (const row of rows) this.#rows.update(row, edit(row));
    return rows.length;
  }

  #retract(operation: Do<'retract'>, owner: number): number {
    const { isSent, messageId, occupant, byId, byAt } = operation;
    const peer = this.#numbers.peer(operation.peer);
    if (peer === undefined) return 0;
    const flags = isSent ? FLAGS.sent : 0;
    const newest = this.#newest({ owner, peer, flags, since: 0, limit: MAX_RETRACTABLE });
    const row = findMessage(newest, [messageId], MAX_RETRACTABLE_LENGTH); // Ends the iteration before the row is changed.
    const by = { id: byId, at: byAt };
    const xml = row && tombstoneOf(row.xml, { by, ...(occupant === undefined ? {} : { occupant }) });
    if (row === undefined || xml === undefined) return 0;
    if (row.flags & FLAGS.hidden) return this.#removeAll([row]);
    this.#rows.update(row, { xml, flags: flags | FLAGS.tombstone });
    return 1;
  }

  #prune({ below, peer: name, limit = NO_LIMIT }: Do<'prune'>, owner: number): number {
    if (name === undefined) return this.#removeAll(this.#statement(OLDEST).all(owner, below, limit));
    const peer = this.#numbers.peer(name);
    if (peer === undefined) return 0;
    return this.#removeAll(this.#statement(OLDEST_OF_PEER).all(owner, peer, below, limit));
  }

  #removeAll(rows: readonly StoredRow[]): number {
    for (const row of rows) this.#rows.remove(row);
    return rows.length;
  }

  /** The rows that are there. */
  #select(keys: readonly RowKey[], owner: number): StoredRow[] {
    return [...new Set(keys)].flatMap((key) =>
      this.#statement(typeof key === 'number' ? BY_POSITION : BY_NAME).all(owner, key),
    );
  }

  /** The rows of a conversation in one direction, the newest first. @param since in ms since 1970 */
  #newest(of: {
    owner: number;
    peer: number;
    flags: number;
    since: number;
    limit: number;
  }): Iterable<StoredRow> {
    const { owner, peer, flags, since, limit } = of;
    return this.#statement(CONVERSATION).iterate(
      owner,
      peer,
      since * POSITIONS_PER_MS,
      flags & FLAGS.sent,
      limit,
    );
  }

  #set(sql: string, value: number | null, owner: number): number {
    return this.#statement(sql).run(value, owner).changes;
  }

  #statement(sql: string): Database.Statement<unknown[], StoredRow> {
    return this.#statements.get(sql);
  }
}
