// The thread that reads archives (a worker of sqlite-reader.ts), on a read-only connection. Each answer is one transaction
// within one turn, so that no reader keeps the write-ahead log from being emptied.

import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { ArchiveIds, type ArchiveOwner, timeOf } from '../archive-ids.ts';
import { failureOf } from './sqlite-failure.ts';
import type { Primitive } from './sqlite-operations.ts';
import { BY_NAME, BY_POSITION, countSql, IS_VISIBLE, IS_WAITING, type RawRow } from './sqlite-page-sql.ts';
import { ArchivePages } from './sqlite-pages.ts';
import type { FromReader, Question, ReadAnswer, ReaderData } from './sqlite-questions.ts';
import { type Lookup, NotFound, Selector } from './sqlite-selection.ts';
import { Statements } from './sqlite-statements.ts';
import { READ_TIMEOUT_MS } from './sqlite-timeouts.ts';

const OWNERS_PER_ANSWER = 100;

const STORE = `(SELECT id FROM store WHERE host = @host AND kind = 'archive' AND name = @store)`;
const OWNER = `SELECT id, bytes, keep FROM archive_owner WHERE store = ${STORE} AND owner = @owner`;
const PEER = 'SELECT id FROM peer WHERE name = ?';
const END = (order: 'ASC' | 'DESC') => `SELECT seq, name FROM archive
  INDEXED BY archive_by_owner WHERE owner = ? AND ${IS_VISIBLE} ORDER BY seq ${order} LIMIT 1`;
const OLDEST_PLACE = `SELECT seq FROM archive INDEXED BY archive_by_owner
  WHERE owner = ? AND ${IS_VISIBLE} ORDER BY seq LIMIT 1`;
const UPTO = `SELECT value FROM meta, store WHERE meta.name = 'text_upto' AND store.searchable = 1
  AND store.host = @host AND store.kind = 'archive' AND store.name = @store`;
const WAITING = `SELECT (SELECT name FROM peer WHERE id = archive.peer), COUNT(*), SUM(octet_length(xml)) FROM archive
  INDEXED BY archive_waiting WHERE owner = ? AND ${IS_WAITING} GROUP BY peer`;
const OWNERS = `SELECT owner FROM archive_owner WHERE store = ${STORE} AND owner > @after
  AND EXISTS (SELECT 1 FROM archive WHERE archive.owner = archive_owner.id) ORDER BY owner LIMIT ${OWNERS_PER_ANSWER}`;
const FIRST_OWNERS = OWNERS.replace('AND owner > @after', 'AND owner IS NOT NULL');

interface OwnerRow {
  readonly id: number;
  readonly bytes: number;
  readonly keep: number | null;
}

class Reader implements Lookup {
  readonly #db: Database.Database;
  readonly #ids: ArchiveIds;
  readonly #selector: Selector;
  readonly #pages: ArchivePages;
  readonly #statements: Statements;

  constructor(db: Database.Database, ids: ArchiveIds) {
    this.#db = db;
    this.#statements = new Statements(db);
    this.#ids = ids;
    this.#selector = new Selector(this, ids);
    this.#pages = new ArchivePages(this.#statements, this.#selector, ids);
  }

  answer(question: Question): ReadAnswer {
    try {
      return this.#db.transaction(() => this.#answer(question)).deferred();
    } catch (error) {
      if (error instanceof NotFound) return { notFound: error.id };
      return failureOf(error);
    }
  }

  #answer(question: Question): ReadAnswer {
    switch (question.ask) {
      case 'page':
        return this.#pages.answer(question, question.query, question.rest);
      case 'rows':
        return { values: this.#rows(question, question.ids) };
      case 'waiting':
        return { values: this.#waiting(question) };
      case 'usage':
        return { values: this.#usage(question) };
      case 'owners':
        return { values: this.#owners(question) };
    }
  }

  #rows(of: ArchiveOwner, ids: readonly string[]): Primitive[] {
    const owner = this.ownerNumber(of);
    if (owner === undefined) return [];
    const rows = [...new Set(ids)].map((id) => this.#selector.row(of, owner, id));
    return rows
      .filter((row) => row !== undefined)
      .sort(([a], [b]) => a - b)
      .flatMap(([seq, flags, peer, name, xml]) => [this.#idOf(of, seq, name), timeOf(seq), peer, flags, xml]);
  }

  #waiting(of: ArchiveOwner): Primitive[] {
    const owner = this.ownerNumber(of);
    if (owner === undefined) return [];
    return this.#statements.raw<Primitive[]>(WAITING).all(owner).flat();
  }

  #usage(of: ArchiveOwner): Primitive[] {
    const owner = this.#owner(of);
    if (!owner) return [0, 0, 0, null, null, null, null, null];
    const count = (isWaiting: boolean) => {
      const bounds = { owner: owner.id, low: -1, high: Number.MAX_SAFE_INTEGER, limit: -1 };
      return this.#statements.raw<[number]>(countSql({ isWaiting, isOfPeer: false })).get(bounds)![0];
    };
    const ends = (['ASC', 'DESC'] as const).flatMap((order): Primitive[] => {
      const row = this.#statements.raw<[number, string | null]>(END(order)).get(owner.id);
      return row ? [this.#idOf(of, ...row), timeOf(row[0])] : [null, null];
    });
    return [count(false), owner.bytes, count(true), owner.keep, ...ends];
  }

  #owners({ host, store, after }: Extract<Question, { ask: 'owners' }>): Primitive[] {
    const rows = this.#statements
      .raw<[string]>(after === undefined ? FIRST_OWNERS : OWNERS)
      .all({ host, store, after });
    return rows.flat();
  }

  #idOf(of: ArchiveOwner, position: number, name: string | null): string {
    return name ?? this.#ids.idOf(of, position);
  }

  ownerNumber(of: ArchiveOwner): number | undefined {
    return this.#owner(of)?.id;
  }

  #owner({ host, store, owner }: ArchiveOwner): OwnerRow | undefined {
    return this.#statements.get<OwnerRow>(OWNER).get({ host, store, owner });
  }

  peerNumber(name: string): number | undefined {
    return this.#statements.raw<[number]>(PEER).get(name)?.[0];
  }

  named(owner: number, id: string): RawRow | undefined {
    return this.#statements.raw<RawRow>(BY_NAME).get({ owner, id });
  }

  at(owner: number, position: number): RawRow | undefined {
    return this.#statements.raw<RawRow>(BY_POSITION).get({ owner, position });
  }

  oldestVisible(owner: number): number | undefined {
    return this.#statements.raw<[number]>(OLDEST_PLACE).get(owner)?.[0];
  }

  indexedUpto({ host, store }: ArchiveOwner): number {
    return this.#statements.raw<[number]>(UPTO).get({ host, store })?.[0] ?? 0;
  }
}

/** Opens the database, then answers the questions that arrive on `port`, until the message 'close'. */
function serve({ file, key }: ReaderData, port: NonNullable<typeof parentPort>): void {
  const post = (message: FromReader) => port.postMessage(message);
  let db: Database.Database;
  let reader: Reader;
  try {
    db = new Database(file, { readonly: true, fileMustExist: true, timeout: READ_TIMEOUT_MS });
    db.pragma('cache_size = -32000');
    reader = new Reader(db, new ArchiveIds(Buffer.from(key)));
  } catch (error) {
    const { failed: refused, code } = failureOf(error);
    post({ refused, code });
    port.close();
    return;
  }
  port.on('message', (message: Question | 'close') => {
    if (message !== 'close') return post({ answer: reader.answer(message) });
    db.close();
    port.close();
  });
  post({ ready: null });
}

if (parentPort) serve(workerData as ReaderData, parentPort);
