// Ids of archive rows: the position, encrypted together with a mark of the owner (AES-128, one block). So an id tells
// nothing, cannot be guessed, is valid for one owner only, and keeps its place when the row is gone.

import { type Cipheriv, createCipheriv, createDecipheriv, createHash, type Decipheriv } from 'node:crypto';
import { BoundedMap } from '../util/flow/index.ts';

/** Positions in a millisecond. */
export const POSITIONS_PER_MS = 1024;
/** Length of the key in bytes. */
export const ID_KEY_BYTES = 16;

/** Of 16 bytes in base64url. */
const ID_LENGTH = 22;
const MAX_KNOWN_OWNERS = 10_000;

/** Identifies an owner among those of all stores. */
export interface ArchiveOwner {
  readonly host: string;
  readonly store: string;
  readonly owner: string;
}

export class ArchiveIds {
  readonly #encrypt: Cipheriv;
  readonly #decrypt: Decipheriv;
  readonly #tags = new BoundedMap<string, Buffer>(MAX_KNOWN_OWNERS);

  /** @param key of ID_KEY_BYTES; ids are valid as long as it is the same */
  constructor(key: Buffer) {
    // A single block of unique content: ECB hides it, and a chaining mode would need no less.
    this.#encrypt = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
    this.#decrypt = createDecipheriv('aes-128-ecb', key, null).setAutoPadding(false);
  }

  idOf(owner: ArchiveOwner, position: number): string {
    const block = Buffer.alloc(16);
    block.writeBigUInt64BE(BigInt(position));
    this.#tagOf(owner).copy(block, 8);
    return this.#encrypt.update(block).toString('base64url');
  }

  /** `undefined`: not an id of this owner. */
  positionOf(owner: ArchiveOwner, id: string): number | undefined {
    if (id.length !== ID_LENGTH) return undefined;
    const block = Buffer.from(id, 'base64url');
    if (block.length !== 16 || block.toString('base64url') !== id) return undefined;
    const clear = this.#decrypt.update(block);
    return clear.subarray(8).equals(this.#tagOf(owner)) ? Number(clear.readBigUInt64BE()) : undefined;
  }

  #tagOf({ host, store, owner }: ArchiveOwner): Buffer {
    const key = `${host}\0${store}\0${owner}`;
    const known = this.#tags.get(key);
    if (known) return known;
    const tag = createHash('sha256').update(key).digest().subarray(0, 8);
    this.#tags.set(key, tag);
    return tag;
  }
}

/** Further ahead, the time of the newest position is probably wrong, and stands still. */
const MAX_LEAD_MS = 3_600_000;

/**
 * Gives out positions: in the order of time, and each once, also when the clock goes back. After a crash they begin ahead of the
 * clock. Then they go on at half its speed, so that the order of messages and of marks in time can still be seen.
 */
export class Positions {
  /** All positions below this one are of the past: none is given out any more. */
  readonly start: number;
  /** The newest position of the past, and the time by the clock at which the present begins. */
  readonly #past: { readonly position: number; readonly at: number };
  #last: number;

  /**
   * @param last the newest position that was ever given out
   * @param now in ms since 1970
   */
  constructor(last: number, now: number) {
    this.start = Math.max(last, now * POSITIONS_PER_MS);
    this.#past = { position: last, at: now };
    this.#last = last;
  }

  /** The newest position that was given out. */
  get last(): number {
    return this.#last;
  }

  /** @param now in ms since 1970 */
  next(now: number): number {
    this.#last = Math.max(this.#last + 1, now * POSITIONS_PER_MS, this.#ahead(now));
    return this.#last;
  }

  #ahead(now: number): number {
    const { position, at } = this.#past;
    const isNear = position <= (at + MAX_LEAD_MS) * POSITIONS_PER_MS;
    return isNear && now > at ? position + Math.floor(((now - at) * POSITIONS_PER_MS) / 2) : 0;
  }
}

/** What all archives of a database share. */
export interface Places {
  readonly ids: ArchiveIds;
  readonly positions: Positions;
  /** In ms since 1970. */
  now(): number;
}

/** When a position was given out, in ms since 1970. */
export function timeOf(position: number): number {
  return Math.floor(position / POSITIONS_PER_MS);
}
