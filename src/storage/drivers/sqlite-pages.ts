// Pages and counts of archives, in the reading thread. A page that has to look at many rows is read in parts of some
// milliseconds, so that others get theirs in between.
//
//   page ──▶ rows in the direction of paging, until the page is full ──▶ count ──▶ done
//     ▲ │ part over                                        ▲ │ part over
//     └─┘ Rest                                             └─┘ Rest

import { type ArchiveQuery, MAX_COUNT } from '../archive.ts';
import { type ArchiveIds, type ArchiveOwner, timeOf } from '../archive-ids.ts';
import type { Primitive } from './sqlite-operations.ts';
import {
  type Columns,
  countSql,
  matchSql,
  type RawRow,
  rangeSql,
  type Selection,
} from './sqlite-page-sql.ts';
import type { ReadAnswer, Rest } from './sqlite-questions.ts';
import type { Filter, Range, RowTest, Selector } from './sqlite-selection.ts';
import type { Statements } from './sqlite-statements.ts';

const PART_MS = 20;
/** F3: a search that the index cannot answer ends after so many rows or so much time. */
export const MAX_SCANNED = 200_000;
const MAX_SCAN_MS = 2_000;

const BEGINNING: Rest = {
  step: 'page',
  taken: 0,
  bytes: 0,
  skip: 0,
  isComplete: true,
  counted: 0,
  read: 0,
  spentMs: 0,
};

/** Rows from one index, all decided by one test. */
interface Source extends Range {
  readonly kind: 'range' | 'match';
  readonly test: RowTest | undefined;
}

export class ArchivePages {
  readonly #statements: Statements;
  readonly #selector: Selector;
  readonly #ids: ArchiveIds;

  constructor(statements: Statements, selector: Selector, ids: ArchiveIds) {
    this.#statements = statements;
    this.#selector = selector;
    this.#ids = ids;
  }

  /** @throws NotFound */
  answer(of: ArchiveOwner, query: ArchiveQuery, rest?: Rest): ReadAnswer {
    const filter = this.#selector.filter(of, query);
    const range = this.#selector.pageRange(of, filter, query);
    const isLimited = filter.fullTest !== undefined;
    const part = new Part(rest ?? { ...BEGINNING, skip: query.index ?? 0 }, isLimited);
    const values: Primitive[] = [false, null];
    if (part.step === 'page') this.#readPage(part, query, filter, range, (row) => this.#add(values, of, row));
    if (part.step === 'count' && query.wantsCount) this.#count(part, query, filter, range);
    if (part.isUnfinished) return { values, rest: part.rest() };
    const isCounted = query.wantsCount && !part.isExhausted && part.counted <= MAX_COUNT;
    [values[0], values[1]] = [part.isComplete, isCounted ? part.counted : null];
    return { values };
  }

  #add(to: Primitive[], of: ArchiveOwner, [seq, flags, peer, name, xml]: RawRow): void {
    to.push(name ?? this.#ids.idOf(of, seq), timeOf(seq), peer, flags, xml);
  }

  #readPage(
    part: Part,
    query: ArchiveQuery,
    filter: Filter,
    range: Range,
    take: (row: RawRow) => void,
  ): void {
    const { limit, maxBytes = Number.POSITIVE_INFINITY } = query;
    const isDescending = query.before !== undefined || query.isBackwards === true;
    const end = this.#read(part, filter, range, { columns: 'row', isDescending }, (row) => {
      const bytes = Buffer.byteLength(row[4]);
      if (part.taken === limit || (part.taken > 0 && part.bytes + bytes > maxBytes)) return false;
      part.taken += 1;
      part.bytes += bytes;
      take(row);
      return true;
    });
    if (end !== 'part over') part.goOn('count', end === 'no more rows');
  }

  #count(part: Part, query: ArchiveQuery, filter: Filter, range: Range): void {
    const isAll = range.low === filter.low && range.high === filter.high && !query.index;
    if (isAll && part.isComplete) part.counted = part.taken;
    else if (filter.fullTest || filter.rows) this.#countOneByOne(part, filter);
    else part.counted = this.#countByIndex(filter);
  }

  #countByIndex({ owner, peer, isWaiting, low, high }: Filter): number {
    if (owner === undefined || peer === 'none') return 0;
    const sql = countSql({ isWaiting, isOfPeer: peer !== undefined });
    const bounds = { owner, peer, low, high, limit: MAX_COUNT + 1 };
    return this.#statements.raw<[number]>(sql).get(bounds)![0];
  }

  #countOneByOne(part: Part, filter: Filter): void {
    this.#read(part, filter, filter, { columns: 'place', isDescending: true }, () => {
      part.counted += 1;
      return part.counted <= MAX_COUNT;
    });
  }

  /** Gives matching rows to `take` until that returns false. */
  #read(
    part: Part,
    filter: Filter,
    range: Range,
    what: { readonly columns: Columns; readonly isDescending: boolean },
    take: (row: RawRow) => boolean,
  ): 'no more rows' | 'taken' | 'part over' {
    for (const source of sourcesOf(filter, part.left(range, what.isDescending), what.isDescending)) {
      for (const row of this.#rowsOf(part, filter, source, what)) {
        if (part.isExhausted) return 'taken';
        part.isUnfinished = part.isOver;
        if (part.isUnfinished) return 'part over';
        part.passed(row[0]);
        if (source.test && !source.test(row)) continue;
        if (part.skip > 0) part.skip -= 1;
        else if (!take(row)) return 'taken';
      }
    }
    return 'no more rows';
  }

  #rowsOf(
    part: Part,
    filter: Filter,
    { kind, test, low, high }: Source,
    { columns, isDescending }: { readonly columns: Columns; readonly isDescending: boolean },
  ): Iterable<RawRow> {
    const { owner, peer, isWaiting, rows } = filter;
    if (owner === undefined || peer === 'none') return [];
    if (rows) return between(isDescending ? rows.toReversed() : rows, { low, high });
    const selection: Selection = {
      columns: columns === 'place' && test ? 'text' : columns,
      isWaiting,
      isOfPeer: peer !== undefined,
      isDescending,
    };
    if (kind === 'match') {
      const bounds = { low: BigInt(low), high: BigInt(high) };
      return this.#statements.raw<RawRow>(matchSql(selection)).iterate({
        owner,
        peer,
        ...bounds,
        match: filter.match?.query,
      });
    }
    const skip = test ? 0 : part.skip; // Rows that need no test are passed over in the index.
    if (!test) part.skip = 0;
    return this.#statements.raw<RawRow>(rangeSql(selection)).iterate({ owner, peer, low, high, skip });
  }
}

/** The index of words has the older rows; the newer ones are read as they are. */
function sourcesOf(filter: Filter, { low, high }: Range, isDescending: boolean): Source[] {
  const all: Source = { kind: 'range', test: filter.fullTest, low, high };
  if (!filter.match || filter.rows) return [all];
  const { upto } = filter.match;
  const indexed: Source = { kind: 'match', test: filter.test, low, high: Math.min(high, upto + 1) };
  const newer: Source = { ...all, low: Math.max(low, upto) };
  return (isDescending ? [newer, indexed] : [indexed, newer]).filter((source) => source.low < source.high);
}

function between(rows: readonly RawRow[], { low, high }: Range): RawRow[] {
  return rows.filter(([seq]) => seq > low && seq < high);
}

/** The state of a page while a part of it is read. */
class Part {
  step: Rest['step'];
  taken: number;
  bytes: number;
  skip: number;
  isComplete: boolean;
  counted: number;
  /** Whether there is another part. */
  isUnfinished = false;
  #cursor: number | undefined;
  #read: number;
  #firstRowAt: number | undefined;
  readonly #spentMs: number;
  readonly #isLimited: boolean;
  readonly #start = performance.now();

  /** @param isLimited whether the whole question may read too much */
  constructor(rest: Rest, isLimited: boolean) {
    this.step = rest.step;
    this.taken = rest.taken;
    this.bytes = rest.bytes;
    this.skip = rest.skip;
    this.isComplete = rest.isComplete;
    this.counted = rest.counted;
    this.#cursor = rest.cursor;
    this.#read = rest.read;
    this.#spentMs = rest.spentMs;
    this.#isLimited = isLimited;
  }

  /**
   * Never before a row was read, so that each part comes further. Counted from the first one: before it, the index of words
   * may merge the rows of many words.
   */
  get isOver(): boolean {
    return this.#firstRowAt !== undefined && performance.now() - this.#firstRowAt >= PART_MS;
  }

  /** Whether the whole question has read too much. */
  get isExhausted(): boolean {
    return this.#isLimited && (this.#read >= MAX_SCANNED || this.#spentMs >= MAX_SCAN_MS);
  }

  passed(position: number): void {
    this.#firstRowAt ??= performance.now();
    this.#cursor = position;
    this.#read += 1;
  }

  /** The range without what was read before. */
  left({ low, high }: Range, isDescending: boolean): Range {
    if (this.#cursor === undefined) return { low, high };
    return isDescending ? { low, high: this.#cursor } : { low: this.#cursor, high };
  }

  goOn(step: Rest['step'], isComplete: boolean): void {
    this.step = step;
    this.isComplete = isComplete;
    this.#cursor = undefined;
    this.skip = 0;
  }

  rest(): Rest {
    const { step, taken, bytes, skip, isComplete, counted } = this;
    const spentMs = this.#spentMs + performance.now() - this.#start;
    const cursor = this.#cursor === undefined ? {} : { cursor: this.#cursor };
    return { step, ...cursor, taken, bytes, skip, isComplete, counted, read: this.#read, spentMs };
  }
}
