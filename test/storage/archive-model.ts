// An archive as a plain list, to compare a driver's pages with: each sentence about pages (src/storage/archive.ts) in the
// simplest form.

import {
  type ArchiveFilter,
  type ArchiveQuery,
  type ArchiveRow,
  type ArchiveStore,
  ARCHIVE_FLAGS as FLAGS,
  MAX_COUNT,
} from '../../src/storage/archive.ts';
import type { FakeClock } from '../support/clock.ts';
import { JULIET, message, NURSE } from './rows.ts';

/** From 0 to 1. */
export type Random = () => number;

interface Place {
  readonly id: string;
  /** Orders places. */
  readonly order: number;
}

interface ModelRow extends ArchiveRow, Place {
  readonly parties: readonly string[];
  readonly words: readonly string[];
}

const OWN = 'romeo@montague.lit/orchard';
const PEERS = [JULIET, NURSE];
/** Words of bodies, with the form in which they are compared. */
const WORDS: readonly (readonly [written: string, compared: string])[] = [
  ['light', 'light'],
  ['LIGHTER', 'lighter'],
  ['Lïghts', 'lights'],
  ['li', 'li'],
  ['east,', 'east'],
  ['Élan!', 'elan'],
  ['sun', 'sun'],
  ['ΟΔΟΣ', 'οδοσ'],
  ['窓の光', '窓の光'],
];
const SOUGHT = ['light', 'lig', 'li', 'east', 'ELAN', 'élan', 'su', 'sun', 'nothing', 'οδό', 'ΟΔΌΣ', '光'];
const FLAG_CHOICES = [0, 0, 0, FLAGS.sent, FLAGS.waiting, FLAGS.waiting | FLAGS.hidden, FLAGS.encrypted];

export class ArchiveModel {
  rows: ModelRow[] = [];
  readonly store: ArchiveStore;
  readonly owner: string;
  readonly #random: Random;
  readonly #clock: FakeClock;
  /** All that `nextId` gave out, whether the row is there or not. */
  readonly #given: Place[] = [];
  #appended = 0;

  constructor(store: ArchiveStore, owner: string, random: Random, clock: FakeClock) {
    this.store = store;
    this.owner = owner;
    this.#random = random;
    this.#clock = clock;
  }

  /** Appends, adopts and removes rows. */
  async fill(count: number): Promise<void> {
    const writes: Promise<unknown>[] = [];
    for (let n = 0; n < count; n++) {
      if (this.#random() < 0.1) this.#clock.moveWallClock(Math.ceil(this.#random() * 3));
      writes.push(this.#random() < 0.1 ? this.#adopt(n) : this.append());
      if (this.#random() < 0.25) writes.push(this.remove());
    }
    await Promise.all(writes);
  }

  append(): Promise<void> {
    const { id, at } = this.store.nextId(this.owner);
    const place = { id, order: at * 1_000 + (this.#appended++ % 1_000) };
    this.#given.push(place);
    const row = this.#newRow({ ...place, at });
    this.#add(row);
    return this.store.append(this.owner, row);
  }

  /** Removes any row. */
  async remove(): Promise<void> {
    const row = this.#pick(this.rows);
    if (!row) return;
    this.rows = this.rows.filter((other) => other !== row);
    await this.store.remove(this.owner, [row.id]);
  }

  #adopt(n: number): Promise<void> {
    // Each in a millisecond of its own.
    const at = 1_000_000_000_000 + Math.floor(this.#random() * 1e8) * 1_000 + n;
    const row = this.#newRow({ id: `name-${n}-${at}`, at, order: at * 1_000 });
    this.#add(row);
    return this.store.adopt(this.owner, { name: row.id, at, with: row.with, xml: row.xml, flags: row.flags });
  }

  #add(row: ModelRow): void {
    this.rows.push(row);
    this.rows.sort((a, b) => a.order - b.order);
  }

  #newRow(place: Place & { at: number }): ModelRow {
    const peer = this.#pick(PEERS)!;
    const flags = this.#pick(FLAG_CHOICES)!;
    const parties = [OWN, `${peer}/${this.#pick(['balcony', 'garden'])}`];
    const [from, to] = (flags & FLAGS.sent ? parties : parties.toReversed()) as [string, string];
    const words = Array.from({ length: this.#below(4) }, () => this.#pick(WORDS)!);
    const xml = message(words.map(([written]) => written).join(' '), { from, to });
    const isSearched = (flags & FLAGS.encrypted) === 0;
    return {
      ...place,
      with: peer,
      flags,
      xml,
      parties,
      words: isSearched ? words.map(([, compared]) => compared) : [],
    };
  }

  /** Any combination of filters and forms of RSM, some with ids that are gone or were never there. */
  randomQuery(foreignId: string): ArchiveQuery {
    const rarely = <V>(chance: number, make: () => V): V | undefined =>
      this.#random() < chance ? make() : undefined;
    const time = () => this.#time();
    const id = () => this.#randomId(foreignId);
    const bounds = {
      after: rarely(0.3, id),
      before: rarely(0.3, id),
      isBackwards: rarely(0.2, () => true),
    };
    const query: Partial<Record<keyof ArchiveQuery, unknown>> = {
      limit: this.#pick([0, 1, 2, 10, 50, 300]),
      rows: rarely(0.2, () => 'waiting'),
      with: rarely(0.3, () => this.#pick([...PEERS, 'nobody@capulet.lit'])),
      party: rarely(0.2, () => this.#pick([OWN, `${JULIET}/balcony`, `${NURSE}/garden`, JULIET])),
      start: rarely(0.2, time),
      end: rarely(0.2, time),
      afterId: rarely(0.1, id),
      beforeId: rarely(0.1, id),
      ids: rarely(0.1, () => this.#someIds()),
      words: rarely(0.3, () => Array.from({ length: 1 + this.#below(2) }, () => this.#pick(SOUGHT)!)),
      maxBytes: rarely(0.2, () => this.#below(3_000)),
      wantsCount: rarely(0.5, () => true),
      ...(this.#random() < 0.1 ? { index: this.#below(60) } : bounds),
    };
    // Absent, not `undefined`, as callers have it.
    return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as never;
  }

  /** Mostly a place that this owner got. */
  #randomId(foreignId: string): string {
    if (this.#random() < 0.03) return this.#pick([foreignId, 'name-gone', '', '😀'])!;
    if (this.#random() < 0.03) return flipped(this.#pick(this.#given)?.id ?? foreignId, this.#random);
    if (this.#random() < 0.2) return this.#pick(this.#given)?.id ?? foreignId;
    return this.#pick(this.rows)?.id ?? foreignId;
  }

  #someIds(): string[] {
    const ids = Array.from({ length: this.#below(4) }, () => this.#pick(this.rows)?.id ?? 'none');
    return this.#random() < 0.1 ? [...ids, this.#pick(this.#given)?.id ?? 'none'] : ids;
  }

  #time(): number {
    const row = this.#pick(this.rows);
    return (row?.at ?? this.#clock.now()) + this.#below(3) - 1;
  }

  #pick<V>(values: readonly V[]): V | undefined {
    return values[this.#below(values.length)];
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  /** What a driver must answer: the ids of the page, or the error. */
  expected(query: ArchiveQuery): { ids: string[]; isComplete: boolean; count?: number } | 'item-not-found' {
    try {
      return this.#page(query);
    } catch (error) {
      if (error instanceof NotFound) return 'item-not-found';
      throw error;
    }
  }

  #page(query: ArchiveQuery): { ids: string[]; isComplete: boolean; count?: number } {
    const matching = this.#matching(query);
    const after = this.#order(query, query.after) ?? -Infinity;
    const before = this.#order(query, query.before) ?? Infinity;
    const isBackwards = query.before !== undefined || query.isBackwards === true;
    const range = matching.slice(query.index ?? 0).filter(({ order }) => order > after && order < before);
    if (isBackwards) range.reverse();
    const page: ModelRow[] = [];
    let bytes = 0;
    for (const row of range) {
      bytes += Buffer.byteLength(row.xml);
      if (page.length === query.limit || (page.length > 0 && bytes > (query.maxBytes ?? Infinity))) break;
      page.push(row);
    }
    const isComplete = page.length === range.length;
    if (isBackwards) page.reverse();
    const ids = page.map(({ id }) => id);
    const count = query.wantsCount && matching.length <= MAX_COUNT ? { count: matching.length } : {};
    return { ids, isComplete, ...count };
  }

  #matching(query: ArchiveFilter): ModelRow[] {
    const after = this.#order(query, query.afterId) ?? -Infinity;
    const before = this.#order(query, query.beforeId) ?? Infinity;
    const eligible = this.rows.filter(({ flags }) =>
      query.rows === 'waiting' ? flags & FLAGS.waiting : !(flags & FLAGS.hidden),
    );
    for (const id of query.ids ?? []) if (!eligible.some((row) => row.id === id)) throw new NotFound();
    return eligible.filter(
      (row) =>
        (query.with === undefined || row.with === query.with) &&
        (query.party === undefined || row.parties.includes(query.party)) &&
        (query.start === undefined || row.at >= query.start) &&
        (query.end === undefined || row.at <= query.end) &&
        (query.ids === undefined || query.ids.includes(row.id)) &&
        row.order > after &&
        row.order < before &&
        (query.words ?? []).every((word) => isIn(row.words, word)),
    );
  }

  #order(query: ArchiveFilter, id: string | undefined): number | undefined {
    if (id === undefined) return undefined;
    const place = this.rows.find((row) => row.id === id) ?? this.#given.find((given) => given.id === id);
    if (!place) throw new NotFound();
    const oldest = this.rows.find(({ flags }) => !(flags & FLAGS.hidden));
    if (query.rows !== 'waiting' && oldest && place.order < oldest.order) throw new NotFound();
    return place.order;
  }
}

class NotFound extends Error {}

/** Whether a word that is sought is among those of a text. */
function isIn(words: readonly string[], sought: string): boolean {
  const compared = sought.toLowerCase().replace('é', 'e').replace('ό', 'ο').replace('ς', 'σ');
  return words.some((word) => {
    if (compared === '光') return word.includes(compared);
    return compared.length < 3 ? word === compared : word.startsWith(compared);
  });
}

/** The id with one of its 128 bits changed. */
export function flipped(id: string, random: Random): string {
  const bytes = Buffer.from(id, 'base64url');
  const bit = Math.floor(random() * bytes.length * 8);
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  return bytes.toString('base64url');
}
