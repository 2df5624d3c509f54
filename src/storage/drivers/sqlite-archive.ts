// An archive on SQLite, on the main thread: gives out ids, and turns writes into operations of the writing thread. Reads go
// to a thread of their own.

import type {
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
import { type ArchiveOwner, type Places, POSITIONS_PER_MS, timeOf } from '../archive-ids.ts';
import { StorageError } from '../error.ts';
import { checkKey } from '../keys.ts';
import type { ArchiveOperation, IdleOperation, RowKey, StoreName } from './sqlite-operations.ts';

/** Rows that one operation removes. */
const PRUNED_ROWS = 50;

/** The database, as an archive uses it. */
export interface ArchiveAccess {
  readonly name: string;
  readonly places: Places;
  readonly reader: ArchiveReader;
  readonly isBatching: boolean;
  /** Returns the number of rows that were changed. @throws StorageError */
  write(make: () => ArchiveOperation): Promise<number>;
  /** Lets received messages wait again, if the server before was not stopped properly. */
  recover(store: StoreName, since: number): Promise<number>;
  /** Does a piece of work while nothing else is to be done. Returns the number of removed rows. */
  whileIdle(work: IdleOperation): Promise<number>;
  /** There are new rows that can be searched. */
  index(): void;
  /** Rows of a removed owner are left. */
  sweep(): void;
  /** Something of rows that were removed or replaced may be left in the files. */
  sweepLater(): void;
}

/** Reads archives. Each read sees all earlier writes of its owner. All throw StorageError. */
export interface ArchiveReader {
  get(store: StoreName, owner: string, ids: readonly string[]): Promise<ArchiveRow[]>;
  page(store: StoreName, owner: string, query: ArchiveQuery): Promise<ArchivePage>;
  waiting(store: StoreName, owner: string): Promise<WaitingRows[]>;
  usage(store: StoreName, owner: string): Promise<ArchiveUsage>;
  owners(store: StoreName): AsyncIterable<string>;
}

export class SqliteArchive implements ArchiveStore {
  readonly #storage: ArchiveAccess;
  readonly #store: StoreName;

  constructor(storage: ArchiveAccess, store: StoreName) {
    this.#storage = storage;
    this.#store = store;
  }

  nextId(owner: string): ArchivePosition {
    const position = this.#nextPosition();
    return { id: this.#storage.places.ids.idOf(this.#idKey(owner), position), at: timeOf(position) };
  }

  async append(owner: string, { id, with: peer, xml, flags = 0, unlessSent }: NewArchiveRow): Promise<void> {
    await this.#write(owner, () => ({
      do: 'append',
      position: this.#ownPosition(owner, id),
      peer,
      flags,
      xml,
      unlessSent: unlessSent?.ids,
      since: unlessSent?.since,
    }));
    this.#stored();
  }

  async put(owner: string, { name, with: peer, xml, flags = 0 }: NamedArchiveRow): Promise<void> {
    const position = this.#nextPosition();
    await this.#write(owner, () => ({ do: 'enter', name, position, peer, flags, xml }));
    this.#stored();
  }

  async adopt(owner: string, row: NamedArchiveRow & { readonly at: number }): Promise<void> {
    const { name, at, with: peer, xml, flags = 0 } = row;
    // Later positions are given out by this server.
    const isOfPast = (at + 1) * POSITIONS_PER_MS <= this.#storage.places.positions.start;
    const place = isOfPast ? { at } : { position: this.#nextPosition() };
    await this.#write(owner, () => ({ do: 'enter', name, ...place, peer, flags, xml }));
  }

  async remove(owner: string, ids: readonly string[]): Promise<number> {
    return this.#write(owner, () => ({ do: 'drop', rows: this.#keysOf(owner, ids) }));
  }

  async mark(
    owner: string,
    ids: readonly string[],
    { add = 0, clear = 0 }: { add?: number; clear?: number },
  ): Promise<void> {
    await this.#write(owner, () => ({ do: 'mark', rows: this.#keysOf(owner, ids), add, clear }));
  }

  async replace(owner: string, id: string, row: { xml: string; flags: number }): Promise<void> {
    const { xml, flags } = row;
    await this.#write(owner, () => ({ do: 'replace', rows: this.#keysOf(owner, [id]), flags, xml }));
  }

  async retract(owner: string, retraction: Retraction): Promise<void> {
    const { with: peer, isSent, messageId, occupant, by } = retraction;
    await this.#write(owner, () => ({
      do: 'retract',
      peer,
      isSent,
      messageId,
      occupant,
      byId: by.id,
      byAt: by.at,
    }));
    this.#storage.sweepLater();
  }

  get(owner: string, ids: readonly string[]): Promise<ArchiveRow[]> {
    return this.#storage.reader.get(this.#store, owner, ids);
  }

  page(owner: string, query: ArchiveQuery): Promise<ArchivePage> {
    return this.#storage.reader.page(this.#store, owner, query);
  }

  waiting(owner: string): Promise<WaitingRows[]> {
    return this.#storage.reader.waiting(this.#store, owner);
  }

  usage(owner: string): Promise<ArchiveUsage> {
    return this.#storage.reader.usage(this.#store, owner);
  }

  owners(): AsyncIterable<string> {
    return this.#storage.reader.owners(this.#store);
  }

  /** Outside of a batch, other writes are made in between. */
  async prune(owner: string, { before, with: peer }: { before?: number; with?: string }): Promise<number> {
    const below = before === undefined ? this.#storage.places.positions.last + 1 : before * POSITIONS_PER_MS;
    const limit = this.#storage.isBatching ? undefined : PRUNED_ROWS;
    let removed = 0;
    for (;;) {
      const rows = await this.#write(owner, () => ({ do: 'prune', below, peer, limit }));
      removed += rows;
      if (rows > 0 || limit === undefined) this.#storage.sweepLater();
      if (limit === undefined || rows < limit) return removed;
    }
  }

  async keep(owner: string, ms: number | undefined): Promise<void> {
    await this.#write(owner, () => ({ do: 'keep', ms }));
  }

  expire(limits: { now: number; before?: number; maxBytes?: number }): Promise<number> {
    return this.#storage.whileIdle({ do: 'expire', in: this.#store, ...limits, from: 0, isShrinking: false });
  }

  async delivered(owner: string, until: number): Promise<void> {
    await this.#write(owner, () => ({ do: 'delivered', until }));
  }

  recover(since: number): Promise<number> {
    return this.#storage.recover(this.#store, since);
  }

  async forget(owner: string): Promise<void> {
    await this.#write(owner, () => ({ do: 'forget' }));
    this.#storage.sweep();
  }

  #write(owner: string, make: () => WithoutOwner<ArchiveOperation>): Promise<number> {
    return this.#storage.write(
      () => ({ ...make(), in: this.#store, owner: checkKey(owner) }) as ArchiveOperation,
    );
  }

  #stored(): void {
    if (this.#store.isSearchable) this.#storage.index();
  }

  #nextPosition(): number {
    const { positions, now } = this.#storage.places;
    return positions.next(now());
  }

  /** @throws StorageError 'failed' */
  #ownPosition(owner: string, id: string): number {
    const position = this.#storage.places.ids.positionOf(this.#idKey(owner), id);
    if (position !== undefined) return position;
    const details = { driver: this.#storage.name, store: this.#store.name };
    throw new StorageError('failed', `"${id}" is not from nextId of this owner`, details);
  }

  /** An id that we have not made is a name. */
  #keysOf(owner: string, ids: readonly string[]): RowKey[] {
    const key = this.#idKey(owner);
    return ids.map((id) => this.#storage.places.ids.positionOf(key, id) ?? id);
  }

  #idKey(owner: string): ArchiveOwner {
    return { host: this.#store.host, store: this.#store.name, owner };
  }
}

type WithoutOwner<O> = O extends { readonly owner: string } ? Omit<O, 'in' | 'owner'> : never;
