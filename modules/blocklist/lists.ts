// The block lists of users: look-ups for each stanza, and changes.

import { Jid, type Module, StanzaError, type Table } from 'enjamb/api';
import { BlockedJids } from './blocked.ts';

/** Prepared addresses, the oldest first. Replaced by each change, never edited. */
export type BlockList = readonly string[];

export type Matches = (jid: Jid) => boolean;

export interface Change {
  readonly user: string;
  readonly isBlockedNow: Matches;
  readonly wasBlocked: Matches;
  /** The size of the written list in bytes; 0 if nothing has changed. */
  readonly bytes: number;
}

/** The most bytes of all addresses of one user. */
const MAX_BYTES = 256 * 1024;
const NONE: BlockList = [];

export class BlockLists {
  readonly #module: Module;
  readonly #table: Table<BlockList>;
  readonly #maxItems: number;
  readonly #prepared = new WeakMap<BlockList, BlockedJids>();

  constructor(module: Module, table: Table<BlockList>, maxItems: number) {
    this.#module = module;
    this.#table = table;
    this.#maxItems = maxItems;
  }

  /** Whether the user blocks anything. */
  has(user: string): boolean {
    return this.#table.get(user) !== undefined;
  }

  blocks(user: string, jid: Jid): boolean {
    const list = this.#table.get(user);
    return list !== undefined && this.#contains(list, user, jid);
  }

  /** The same for the text of an address. */
  blocksText(user: string, address: string): boolean {
    if (!this.has(user)) return false;
    const jid = Jid.tryParse(address);
    return jid !== undefined && this.blocks(user, jid);
  }

  /** The list when all changes before it are stored, because clients keep it. */
  get(user: string): Promise<BlockList> {
    return this.#module.serial(user, async () => this.#table.get(user) ?? NONE);
  }

  /**
   * Adds to the list, or removes from it, after earlier changes of the user. The change has effect immediately, and is undone
   * if it cannot be stored. Resolves when it is stored.
   * @throws StanzaError 'resource-constraint' if the list would be too large; StorageError
   */
  change(user: string, edit: (list: BlockList) => BlockList): Promise<Change> {
    return this.#module.serial(user, async () => {
      // The account may have been deleted meanwhile: the next owner of its name must not find a list.
      if (!this.#module.host.users.has(user)) throw new StanzaError('item-not-found');
      const before = this.#table.get(user) ?? NONE;
      const after = edit(before);
      const isSame = after.length === before.length;
      if (after.length > before.length) this.#assertFits(after);
      if (!isSame) await this.#store(user, after);
      return {
        user,
        wasBlocked: (jid) => this.#contains(before, user, jid),
        isBlockedNow: (jid) => this.#contains(after, user, jid),
        bytes: isSame ? 0 : bytesOf(after),
      };
    });
  }

  #store(user: string, list: BlockList): Promise<void> {
    return list.length > 0 ? this.#table.set(user, list) : this.#table.delete(user);
  }

  /** XEP-0191 §5, note: users never block their own sessions. Without their own server they could not unblock anything. */
  #contains(list: BlockList, user: string, jid: Jid): boolean {
    if (jid.domain === this.#module.host.domain && (jid.local === undefined || jid.local === user))
      return false;
    const known = this.#prepared.get(list);
    if (known) return known.has(jid);
    const prepared = new BlockedJids(list);
    this.#prepared.set(list, prepared);
    return prepared.has(jid);
  }

  #assertFits(list: BlockList): void {
    if (list.length <= this.#maxItems && bytesOf(list) <= MAX_BYTES) return;
    const text = 'The block list is full: unblock an address first, or block a whole domain';
    throw new StanzaError('resource-constraint', { type: 'cancel', text });
  }
}

export function bytesOf(list: BlockList): number {
  return list.reduce((sum, item) => sum + Buffer.byteLength(item), 0);
}
