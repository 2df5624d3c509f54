// Turns the filter of a query into what the database understands: numbers, positions, words of the index. What SQL cannot
// decide, a test of each row does.

import {
  type ArchiveFilter,
  type ArchiveQuery,
  ARCHIVE_FLAGS as FLAGS,
  UNSEARCHED_FLAGS,
} from '../archive.ts';
import { type ArchiveIds, type ArchiveOwner, POSITIONS_PER_MS } from '../archive-ids.ts';
import { bodyOf, hasParty } from '../archived-text.ts';
import { isBeginning, isUnseparated, matchesWords, soughtWords } from '../search-words.ts';
import type { RawRow } from './sqlite-page-sql.ts';
import { indexedWord } from './sqlite-text-index.ts';

export class NotFound extends Error {
  readonly id: string;

  constructor(id: string) {
    super('The archive has no row of that id');
    this.id = id;
  }
}

/** The rows between two positions, both exclusive. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

export interface Filter extends Range {
  /** The number of the owner; `undefined`: it has no row. */
  readonly owner: number | undefined;
  /** The number of the peer; `'none'`: no row has it. */
  readonly peer: number | 'none' | undefined;
  readonly isWaiting: boolean;
  /** Exactly these rows, from the oldest. */
  readonly rows?: readonly RawRow[] | undefined;
  /** A query to the index of words, for rows up to `upto`. */
  readonly match?: { readonly query: string; readonly upto: number } | undefined;
  /** Decides about rows that the index has found. */
  readonly test?: RowTest | undefined;
  /** Decides about rows that are read as they are. */
  readonly fullTest?: RowTest | undefined;
}

export type RowTest = (row: RawRow) => boolean;

/** The database, as a filter needs it. */
export interface Lookup {
  ownerNumber(of: ArchiveOwner): number | undefined;
  peerNumber(name: string): number | undefined;
  named(owner: number, name: string): RawRow | undefined;
  at(owner: number, position: number): RawRow | undefined;
  oldestVisible(owner: number): number | undefined;
  /** The newest position that the index of words covers, of a store that is in it. */
  indexedUpto(of: ArchiveOwner): number;
}

const EVERYTHING: Range = { low: -1, high: Number.MAX_SAFE_INTEGER };

export class Selector {
  readonly #lookup: Lookup;
  readonly #ids: ArchiveIds;

  constructor(lookup: Lookup, ids: ArchiveIds) {
    this.#lookup = lookup;
    this.#ids = ids;
  }

  /** @throws NotFound */
  filter(of: ArchiveOwner, query: ArchiveFilter): Filter {
    const owner = this.#lookup.ownerNumber(of);
    const isWaiting = query.rows === 'waiting';
    const rows = query.ids && this.#rows(of, owner, query.ids, isWaiting);
    return {
      ...narrowed(timeRange(query), this.#places(of, query, query.afterId, query.beforeId)),
      owner,
      peer: query.with === undefined ? undefined : (this.#lookup.peerNumber(query.with) ?? 'none'),
      isWaiting,
      rows: rows && (query.with === undefined ? rows : rows.filter(([, , peer]) => peer === query.with)),
      ...this.#tests(of, owner, query),
    };
  }

  /** The part of the filter's range that a page can be in. @throws NotFound */
  pageRange(of: ArchiveOwner, filter: Filter, { rows, after, before }: ArchiveQuery): Range {
    return narrowed(filter, this.#places(of, rows === undefined ? {} : { rows }, after, before));
  }

  /** The row of an id, if it is there. */
  row(of: ArchiveOwner, owner: number, id: string): RawRow | undefined {
    const named = this.#lookup.named(owner, id);
    if (named) return named;
    const position = this.#ids.positionOf(of, id);
    return position === undefined ? undefined : this.#lookup.at(owner, position);
  }

  #rows(of: ArchiveOwner, owner: number | undefined, ids: readonly string[], isWaiting: boolean): RawRow[] {
    const rows = [...new Set(ids)].map((id) => {
      const row = owner === undefined ? undefined : this.row(of, owner, id);
      const isThere = row && (isWaiting ? row[1] & FLAGS.waiting : !(row[1] & FLAGS.hidden));
      if (!isThere) throw new NotFound(id);
      return row;
    });
    return rows.sort(([a], [b]) => a - b);
  }

  #places(of: ArchiveOwner, query: ArchiveFilter, after?: string, before?: string): Range {
    return {
      low: after === undefined ? EVERYTHING.low : this.#place(of, query, after),
      high: before === undefined ? EVERYTHING.high : this.#place(of, query, before),
    };
  }

  /** The position that an id names, whether or not its row is there. */
  #place(of: ArchiveOwner, query: ArchiveFilter, id: string): number {
    const owner = this.#lookup.ownerNumber(of);
    const named = owner === undefined ? undefined : this.#lookup.named(owner, id);
    const position = named ? named[0] : this.#ids.positionOf(of, id);
    const oldest =
      owner === undefined || query.rows === 'waiting' ? undefined : this.#lookup.oldestVisible(owner);
    if (position === undefined || (oldest !== undefined && position < oldest)) throw new NotFound(id);
    return position;
  }

  #tests(
    of: ArchiveOwner,
    owner: number | undefined,
    query: ArchiveFilter,
  ): Pick<Filter, 'match' | 'test' | 'fullTest'> {
    const { party } = query;
    const words = soughtWords(query.words ?? []);
    const indexed = words.filter((word) => !isUnseparated(word));
    const upto = indexed.length === 0 ? 0 : this.#lookup.indexedUpto(of);
    return {
      fullTest: testOf(words, party),
      test: testOf(words.filter(isUnseparated), party),
      match: upto === 0 || owner === undefined ? undefined : { query: matchQuery(owner, indexed), upto },
    };
  }
}

function timeRange({
  start = Number.NEGATIVE_INFINITY,
  end = Number.POSITIVE_INFINITY,
}: ArchiveFilter): Range {
  const low = Math.min(Math.floor(start * POSITIONS_PER_MS - 1), EVERYTHING.high);
  const high = Math.max(Math.ceil((end + 1) * POSITIONS_PER_MS), EVERYTHING.low);
  return narrowed(EVERYTHING, { low, high });
}

function narrowed(one: Range, other: Range): Range {
  return { low: Math.max(one.low, other.low), high: Math.min(one.high, other.high) };
}

/** `undefined`: each row passes. */
function testOf(words: readonly string[], party: string | undefined): RowTest | undefined {
  if (words.length === 0 && party === undefined) return undefined;
  return ([, flags, , , xml]) => {
    if (party !== undefined && !hasParty(xml, party)) return false;
    return words.length === 0 || ((flags & UNSEARCHED_FLAGS) === 0 && matchesWords(bodyOf(xml), words));
  };
}

/** Words are letters and digits only, so they need no escapes. */
function matchQuery(owner: number, words: readonly string[]): string {
  return words.map((word) => `"${indexedWord(owner, word)}"${isBeginning(word) ? ' *' : ''}`).join(' AND ');
}
