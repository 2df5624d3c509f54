// The ids of messages that accounts with several clients have sent. An error is copied if it answers one of them (§6.1).
//
//     account ── address that it wrote to ── ids          each level from the oldest to the newest

import { type Clock, compactText } from 'enjamb/api';

/** Errors of this server come within minutes, those of others rarely later. */
export const KEPT_MS = 10 * 60_000;
const MAX_IDS = 64;
const MAX_ADDRESSES = 256;
/** The longest id and address in bytes; clients choose both. The longest usual id has 36. */
const MAX_ID_BYTES = 128;
const MAX_ADDRESS_BYTES = 512;
/** Memory of all ids of a host. One account takes at most a quarter. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Memory of an id and of an address without their texts; measured and rounded up. */
const ID_BYTES = 100;
const ADDRESS_BYTES = 300;

interface SentId {
  readonly id: string;
  /** In ms of `clock.elapsed`. */
  readonly at: number;
}

/** Plain data, which survives a reload of the module. */
export interface SentIdsData {
  readonly accounts: Map<string, Map<string, SentId[]>>;
  bytes: number;
}

export function newSentIds(): SentIdsData {
  return { accounts: new Map(), bytes: 0 };
}

export class SentIds {
  readonly #data: SentIdsData;
  readonly #clock: Clock;

  constructor(data: SentIdsData, clock: Clock) {
    this.#data = data;
    this.#clock = clock;
  }

  get bytes(): number {
    return this.#data.bytes;
  }

  /** @param bare the address that the user wrote to, without resource */
  add(user: string, bare: string, id: string | undefined): void {
    if (id === undefined || isLonger(id, MAX_ID_BYTES) || isLonger(bare, MAX_ADDRESS_BYTES)) return;
    const addresses = newest(this.#data.accounts, user, () => new Map<string, SentId[]>());
    if (!addresses.has(bare)) this.#data.bytes += addressBytes(bare);
    const ids = newest(addresses, bare, (): SentId[] => []);
    ids.push({ id: compactText(id).text, at: this.#clock.elapsed() });
    this.#data.bytes += idBytes(id);
    if (ids.length > MAX_IDS) this.#data.bytes -= idBytes(ids.shift()!.id);
    if (addresses.size > MAX_ADDRESSES) this.#removeOldest(user, addresses);
    while (this.#data.bytes > MAX_BYTES) this.#removeOldest(...first(this.#data.accounts)!);
  }

  has(user: string, bare: string, id: string | undefined): boolean {
    const since = this.#clock.elapsed() - KEPT_MS;
    const ids = this.#data.accounts.get(user)?.get(bare) ?? [];
    return ids.some((sent) => sent.id === id && sent.at >= since);
  }

  /** Removes the addresses to which nothing was sent for `KEPT_MS`. */
  removeOld(): void {
    const since = this.#clock.elapsed() - KEPT_MS;
    for (const [user, addresses] of this.#data.accounts)
      for (const [bare, ids] of addresses) if (ids.at(-1)!.at < since) this.#remove(user, addresses, bare);
  }

  forget(user: string): void {
    const addresses = this.#data.accounts.get(user);
    for (const bare of addresses?.keys() ?? []) this.#remove(user, addresses!, bare);
  }

  #removeOldest(user: string, addresses: Map<string, SentId[]>): void {
    this.#remove(user, addresses, first(addresses)![0]);
  }

  #remove(user: string, addresses: Map<string, SentId[]>, bare: string): void {
    this.#data.bytes -= addressBytes(bare);
    for (const { id } of addresses.get(bare) ?? []) this.#data.bytes -= idBytes(id);
    addresses.delete(bare);
    if (addresses.size === 0) this.#data.accounts.delete(user);
  }
}

/** The entry of a key, as the newest one of the map. */
function newest<V>(map: Map<string, V>, key: string, create: () => V): V {
  const value = map.get(key) ?? create();
  map.delete(key);
  map.set(compactText(key).text, value);
  return value;
}

function first<V>(map: ReadonlyMap<string, V>): [string, V] | undefined {
  for (const entry of map) return entry;
  return undefined;
}

function isLonger(text: string, bytes: number): boolean {
  return text.length > bytes || Buffer.byteLength(text) > bytes;
}

function idBytes(id: string): number {
  return ID_BYTES + Buffer.byteLength(id);
}

function addressBytes(bare: string): number {
  return ADDRESS_BYTES + Buffer.byteLength(bare);
}
