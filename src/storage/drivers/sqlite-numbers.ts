// The numbers that stand for owners and peers in the table `archive`, and the size of each archive.
//
// All methods belong into a transaction: `commit` ends it, `rollback` forgets what it did.

import type Database from 'better-sqlite3';
import { BoundedMap } from '../../util/flow/index.ts';

/** Of owners and of peers, each. */
const MAX_KNOWN = 10_000;

const OWNER = 'SELECT id FROM archive_owner WHERE store = ? AND owner = ?';
const NEW_OWNER = 'INSERT INTO archive_owner (store, owner, bytes) VALUES (?, ?, 0) RETURNING id';
const GROW = 'UPDATE archive_owner SET bytes = bytes + ? WHERE id = ?';
const PEER = 'SELECT id FROM peer WHERE name = ?';
const NEW_PEER = 'INSERT INTO peer (name) VALUES (?) RETURNING id';

export class ArchiveNumbers {
  /** By number of the store and name. */
  readonly #owners = new BoundedMap<string, number>(MAX_KNOWN);
  readonly #peers = new BoundedMap<string, number>(MAX_KNOWN);
  /** Bytes that owners gained in this transaction. Bounded by the rows of a batch. */
  readonly #growth = new Map<number, number>();
  readonly #owner: Database.Statement<[number, string], number>;
  readonly #newOwner: Database.Statement<[number, string], number>;
  readonly #grow: Database.Statement<[number, number]>;
  readonly #peer: Database.Statement<[string], number>;
  readonly #newPeer: Database.Statement<[string], number>;

  constructor(db: Database.Database) {
    this.#owner = db.prepare<[number, string], number>(OWNER).pluck();
    this.#newOwner = db.prepare<[number, string], number>(NEW_OWNER).pluck();
    this.#grow = db.prepare<[number, number]>(GROW);
    this.#peer = db.prepare<[string], number>(PEER).pluck();
    this.#newPeer = db.prepare<[string], number>(NEW_PEER).pluck();
  }

  /** `undefined`: it has never had a row. */
  owner(store: number, name: string): number | undefined {
    return known(this.#owners, ownerKey(store, name), () => this.#owner.get(store, name));
  }

  ownerOrNew(store: number, name: string): number {
    return (
      this.owner(store, name) ??
      known(this.#owners, ownerKey(store, name), () => this.#newOwner.get(store, name)!)
    );
  }

  /** The name gets another number when it is used again. */
  forgetOwner(store: number, name: string): void {
    this.#owners.delete(ownerKey(store, name));
  }

  peer(name: string): number | undefined {
    return known(this.#peers, name, () => this.#peer.get(name));
  }

  peerOrNew(name: string): number {
    return this.peer(name) ?? known(this.#peers, name, () => this.#newPeer.get(name)!);
  }

  forgetPeer(name: string): void {
    this.#peers.delete(name);
  }

  /** @param bytes negative for removed texts */
  grow(owner: number, bytes: number): void {
    this.#growth.set(owner, (this.#growth.get(owner) ?? 0) + bytes);
  }

  /** Writes the sizes that have changed, once for each owner. */
  commit(): void {
    for (const [owner, bytes] of this.#growth) if (bytes !== 0) this.#grow.run(bytes, owner);
    this.#growth.clear();
  }

  rollback(): void {
    this.#growth.clear();
    this.#owners.clear(); // New rows of these tables are gone.
    this.#peers.clear();
  }
}

function known<N extends number | undefined>(
  cache: Map<string, number>,
  key: string,
  read: () => N,
): N | number {
  const kept = cache.get(key);
  if (kept !== undefined) return kept;
  const number = read();
  if (number !== undefined) cache.set(key, number);
  return number;
}

function ownerKey(store: number, name: string): string {
  return `${store} ${name}`;
}
