// The archives of the driver `memory`. All rows of an owner are read for each page.

import type {
  ArchiveFilter,
  ArchivePage,
  ArchivePosition,
  ArchiveQuery,
  ArchiveRow,
  ArchiveStore,
  ArchiveUsage,
  NamedArchiveRow,
  NewArchiveRow,
  Retraction,
  WaitingRows,
} from '../archive.ts';
import {
  ARCHIVE_FLAGS as FLAGS,
  KEPT_SHARE,
  MAX_COUNT,
  MAX_RETRACTABLE,
  MAX_RETRACTABLE_LENGTH,
  MAX_SENT_BEFORE,
  MAX_SENT_LENGTH,
} from '../archive.ts';
import { type ArchiveOwner, type Places, POSITIONS_PER_MS, timeOf } from '../archive-ids.ts';
import { findMessage, findSent, hasParty, tombstoneOf } from '../archived-text.ts';
import { StorageError } from '../error.ts';
import { checkKey } from '../keys.ts';
import { soughtWords } from '../search-words.ts';
import { type MemoryDriver, type MemoryStore, replaceEntry } from './memory-driver.ts';
import {
  bytesOf,
  conversation,
  insert,
  isFound,
  isVisible,
  isWaiting,
  type Row,
  type Rows,
  replaced,
  upTo,
} from './memory-rows.ts';

export class MemoryArchive implements ArchiveStore, MemoryStore {
  readonly isShared: boolean;
  readonly #owners = new Map<string, Rows>();
  readonly #driver: MemoryDriver;
  readonly #places: Places;
  readonly #host: string;
  readonly #name: string;

  constructor(
    driver: MemoryDriver,
    places: Places,
    { host, name, isShared }: { host: string; name: string; isShared: boolean },
  ) {
    this.isShared = isShared;
    this.#driver = driver;
    this.#places = places;
    this.#host = host;
    this.#name = name;
  }

  nextId(owner: string): ArchivePosition {
    const position = this.#places.positions.next(this.#places.now());
    return { id: this.#idOf(owner, { position }), at: timeOf(position) };
  }

  append(owner: string, { id, with: peer, xml, flags = 0, unlessSent }: NewArchiveRow): Promise<void> {
    return this.#driver.change(
      () => xml.length,
      () => {
        const { list } = this.#ownerRows(owner);
        const position = this.#places.ids.positionOf(this.#key(owner), id);
        if (position === undefined) throw this.#error('failed', `"${id}" is not from nextId of this owner`);
        if (unlessSent && this.#wasSent(list, { with: peer, flags, xml }, unlessSent)) return () => {};
        return insert(list, { position, with: peer, flags, xml });
      },
    );
  }

  put(owner: string, row: NamedArchiveRow): Promise<void> {
    return this.#edit(owner, row.xml.length, (list) => {
      const position = this.#places.positions.next(this.#places.now());
      return replaced(list, { flags: 0, ...row, position });
    });
  }

  adopt(owner: string, { at, ...row }: NamedArchiveRow & { readonly at: number }): Promise<void> {
    return this.#edit(owner, row.xml.length, (list) => {
      let position = at * POSITIONS_PER_MS;
      while (this.#isTaken(position)) position++;
      return replaced(list, { flags: 0, ...row, position });
    });
  }

  async get(owner: string, ids: readonly string[]): Promise<ArchiveRow[]> {
    this.#driver.check();
    const wanted = new Set(ids);
    return this.#rows(owner)
      .filter((row) => wanted.has(this.#idOf(owner, row)))
      .map((row) => this.#archived(owner, row));
  }

  async remove(owner: string, ids: readonly string[]): Promise<number> {
    const named = new Set(ids);
    return this.#removeWhere(owner, (row) => named.has(this.#idOf(owner, row)));
  }

  mark(
    owner: string,
    ids: readonly string[],
    { add = 0, clear = 0 }: { add?: number; clear?: number },
  ): Promise<void> {
    const named = new Set(ids);
    return this.#edit(owner, 0, (list) =>
      list.map((row) =>
        named.has(this.#idOf(owner, row)) ? { ...row, flags: (row.flags | add) & ~clear } : row,
      ),
    );
  }

  replace(owner: string, id: string, { xml, flags }: { xml: string; flags: number }): Promise<void> {
    return this.#edit(owner, xml.length, (list) =>
      list.map((row) =>
        this.#idOf(owner, row) === id ? { ...row, xml, flags: flags | (row.flags & FLAGS.sent) } : row,
      ),
    );
  }

  retract(owner: string, retraction: Retraction): Promise<void> {
    const { with: peer, isSent, messageId } = retraction;
    return this.#edit(owner, 0, (list) => {
      const sent = isSent ? FLAGS.sent : 0;
      const newest = conversation(list, { with: peer, flags: sent }).slice(0, MAX_RETRACTABLE);
      const row = findMessage(newest, [messageId], MAX_RETRACTABLE_LENGTH);
      const xml = row && tombstoneOf(row.xml, retraction);
      if (xml === undefined) return [...list];
      if (row!.flags & FLAGS.hidden) return list.filter((other) => other !== row);
      return list.map((other) => (other === row ? { ...other, xml, flags: sent | FLAGS.tombstone } : other));
    });
  }

  async page(owner: string, query: ArchiveQuery): Promise<ArchivePage> {
    this.#driver.check();
    const matching = this.#matching(owner, query);
    const { limit, maxBytes = Number.POSITIVE_INFINITY, index, wantsCount = false } = query;
    const isBackwards = query.before !== undefined || query.isBackwards === true;
    const after = this.#bound(owner, query, query.after) ?? -Infinity;
    const before = this.#bound(owner, query, query.before) ?? Infinity;
    const range = matching.filter(({ position }) => position > after && position < before).slice(index);
    if (isBackwards) range.reverse();
    const rows = upTo(range, limit, maxBytes);
    const isComplete = rows.length === range.length;
    if (isBackwards) rows.reverse();
    const count = wantsCount && matching.length <= MAX_COUNT ? { count: matching.length } : {};
    return { rows: rows.map((row) => this.#archived(owner, row)), isComplete, ...count };
  }

  async waiting(owner: string): Promise<WaitingRows[]> {
    this.#driver.check();
    const byPeer = Map.groupBy(this.#rows(owner).filter(isWaiting), (row) => row.with);
    return [...byPeer].map(([peer, rows]) => ({
      with: peer,
      messages: rows.length,
      bytes: bytesOf(rows),
    }));
  }

  async usage(owner: string): Promise<ArchiveUsage> {
    this.#driver.check();
    const rows = this.#rows(owner);
    const visible = rows.filter(isVisible);
    const place = (row: Row | undefined) => row && { id: this.#idOf(owner, row), at: timeOf(row.position) };
    return {
      rows: visible.length,
      bytes: bytesOf(rows),
      waiting: rows.filter(isWaiting).length,
      oldest: place(visible[0]),
      newest: place(visible.at(-1)),
      keepMs: this.#owners.get(owner)?.keepMs,
    };
  }

  async prune(owner: string, { before, with: peer }: { before?: number; with?: string }): Promise<number> {
    return this.#removeWhere(
      owner,
      (row) => timeOf(row.position) < (before ?? Infinity) && row.with === (peer ?? row.with),
    );
  }

  keep(owner: string, ms: number | undefined): Promise<void> {
    return this.#driver.change(
      () => 0,
      () => {
        return replaceEntry(this.#owners, owner, { ...this.#ownerRows(owner), keepMs: ms });
      },
    );
  }

  async expire({ now, before, maxBytes }: Parameters<ArchiveStore['expire']>[0]): Promise<number> {
    this.#driver.check();
    let removed = 0;
    for (const [owner, { keepMs }] of [...this.#owners]) {
      const kept = keepMs === undefined ? undefined : now - keepMs;
      const oldest = Math.max(before ?? -Infinity, kept ?? -Infinity);
      removed += await this.#removeWhere(owner, (row) => timeOf(row.position) < oldest && !isWaiting(row));
      if (maxBytes !== undefined) removed += await this.#shrink(owner, maxBytes);
    }
    return removed;
  }

  async #shrink(owner: string, maxBytes: number): Promise<number> {
    let bytes = bytesOf(this.#rows(owner));
    if (bytes <= maxBytes) return 0;
    const surplus = new Set<Row>();
    for (const row of this.#rows(owner).filter((each) => !isWaiting(each))) {
      if (bytes <= maxBytes * KEPT_SHARE) break;
      surplus.add(row);
      bytes -= bytesOf([row]);
    }
    return this.#removeWhere(owner, (row) => surplus.has(row));
  }

  /** Nothing survives this driver, so nothing has to be recovered. */
  async recover(): Promise<number> {
    this.#driver.check();
    return 0;
  }

  async delivered(): Promise<void> {
    this.#driver.check();
  }

  forget(owner: string): Promise<void> {
    return this.#driver.change(
      () => 0,
      () => this.purge(checkKey(owner)),
    );
  }

  async *owners(): AsyncGenerator<string> {
    this.#driver.check();
    for (const [owner, { list }] of [...this.#owners]) if (list.length > 0) yield owner;
  }

  purge(owner: string): () => void {
    return replaceEntry(this.#owners, owner, undefined);
  }

  async #removeWhere(owner: string, isRemoved: (row: Row) => boolean): Promise<number> {
    const { isBatching } = this.#driver;
    let removed = 0;
    await this.#edit(owner, 0, (list) => {
      const rest = list.filter((row) => !isRemoved(row));
      removed = list.length - rest.length;
      return rest;
    });
    return isBatching ? 0 : removed;
  }

  #edit(owner: string, bytes: number, edit: (list: readonly Row[]) => Row[]): Promise<void> {
    return this.#driver.change(
      () => bytes,
      () => {
        const rows = this.#ownerRows(owner);
        return replaceEntry(this.#owners, owner, { ...rows, list: edit(rows.list) });
      },
    );
  }

  #wasSent(
    list: readonly Row[],
    row: Pick<Row, 'with' | 'flags' | 'xml'>,
    { ids, since }: NonNullable<NewArchiveRow['unlessSent']>,
  ): boolean {
    const newest = conversation(list, row)
      .slice(0, MAX_SENT_BEFORE)
      .filter(({ position }) => timeOf(position) >= since);
    return findSent(newest, { xml: row.xml, ids }, MAX_SENT_LENGTH) !== undefined;
  }

  #matching(owner: string, filter: ArchiveFilter): Row[] {
    const { start = -Infinity, end = Infinity, ids, party } = filter;
    const words = soughtWords(filter.words ?? []);
    const after = this.#bound(owner, filter, filter.afterId) ?? -Infinity;
    const before = this.#bound(owner, filter, filter.beforeId) ?? Infinity;
    const eligible = this.#rows(owner).filter(filter.rows === 'waiting' ? isWaiting : isVisible);
    if (ids) this.#checkIds(owner, eligible, ids);
    return eligible.filter((row) => {
      const at = timeOf(row.position);
      if (at < start || at > end || row.position <= after || row.position >= before) return false;
      if (filter.with !== undefined && row.with !== filter.with) return false;
      if (party !== undefined && !hasParty(row.xml, party)) return false;
      if (ids !== undefined && !ids.includes(this.#idOf(owner, row))) return false;
      return words.length === 0 || isFound(row, words);
    });
  }

  #checkIds(owner: string, rows: readonly Row[], ids: readonly string[]): void {
    const there = new Set(rows.map((row) => this.#idOf(owner, row)));
    for (const id of ids) if (!there.has(id)) throw this.#error('item-not-found', `No row ${id}`);
  }

  /** The position that an id names. */
  #bound(owner: string, { rows }: ArchiveFilter, id: string | undefined): number | undefined {
    if (id === undefined) return undefined;
    const position = this.#positionOf(owner, id);
    const oldest = rows === 'waiting' ? undefined : this.#rows(owner).find(isVisible);
    if (position === undefined || (oldest && position < oldest.position))
      throw this.#error('item-not-found', `No row ${id}`);
    return position;
  }

  #positionOf(owner: string, id: string): number | undefined {
    const named = this.#rows(owner).find(({ name }) => name === id);
    return named?.position ?? this.#places.ids.positionOf(this.#key(owner), id);
  }

  #idOf(owner: string, { name, position }: Pick<Row, 'name' | 'position'>): string {
    return name ?? this.#places.ids.idOf(this.#key(owner), position);
  }

  #key(owner: string): ArchiveOwner {
    return { host: this.#host, store: this.#name, owner };
  }

  #archived(owner: string, row: Row): ArchiveRow {
    const { position, with: peer, flags, xml } = row;
    return { id: this.#idOf(owner, row), at: timeOf(position), with: peer, flags, xml };
  }

  /** An owner is kept from its first change on. */
  #ownerRows(owner: string): Rows {
    const rows = this.#owners.get(checkKey(owner)) ?? { list: [] };
    this.#owners.set(owner, rows);
    return rows;
  }

  #rows(owner: string): readonly Row[] {
    return this.#owners.get(checkKey(owner))?.list ?? [];
  }

  /** Whether any owner has a row at this position. */
  #isTaken(position: number): boolean {
    return [...this.#owners.values()].some(({ list }) => list.some((row) => row.position === position));
  }

  #error(condition: 'item-not-found' | 'failed', message: string): StorageError {
    return new StorageError(condition, message, { driver: 'memory', store: this.#name });
  }
}
