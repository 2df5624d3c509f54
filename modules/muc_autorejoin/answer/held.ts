// Stanzas that are held while the server joins for a client: as text, within bounds.

import { type C2SSession, type Element, type FlatElement, SharedBudget } from 'enjamb/api';
import { flatBytes, LazyElement } from 'enjamb/api/stream';
import { keptMark, type Mark } from '../memory/ring.ts';

export interface HeldStanza {
  readonly flat: FlatElement;
  /** For a message that a client may have missed. */
  readonly mark: Mark | undefined;
}

export interface HeldMessage extends HeldStanza {
  readonly mark: Mark;
}

/** Of one place. */
export const MAX_STANZAS = 500;
export const MAX_BYTES = 1024 * 1024;
/** Of all places. */
export const MAX_TOTAL_BYTES = 64 * 1024 * 1024;

/** The bytes that are held for all places. Each remote has a fair share. */
export class HeldBytes {
  readonly #budget = new SharedBudget(MAX_TOTAL_BYTES);

  get used(): number {
    return this.#budget.used;
  }

  /** Takes bytes if the remote has them left; otherwise returns false and takes nothing. */
  take(remote: string, bytes: number): boolean {
    if (this.#budget.obstacle(holderOf(remote), bytes) !== undefined) return false;
    this.force(remote, bytes);
    return true;
  }

  /** Takes bytes even beyond the bound, for data that was accepted before. */
  force(remote: string, bytes: number): void {
    this.#budget.force(holderOf(remote), bytes);
  }

  give(remote: string, bytes: number): void {
    this.#budget.give(holderOf(remote), bytes);
  }
}

function holderOf(remote: string) {
  return { name: remote, share: 'fair' } as const;
}

/** The held stanzas of one place: several lists with one bound. */
export class Held {
  readonly #total: HeldBytes;
  readonly #remote: string;
  #count = 0;
  #bytes = 0;
  /** Presence of occupants, until the room has let the client in. */
  readonly people: HeldStanza[] = [];
  /** The history that the room sends after a join. */
  readonly history: HeldMessage[] = [];
  /** Live stanzas, in order. */
  readonly live: HeldStanza[] = [];

  constructor(total: HeldBytes, remote: string) {
    this.#total = total;
    this.#remote = remote;
  }

  /** In the order in which the client is sent it. */
  get all(): HeldStanza[] {
    return [...this.people, ...this.history, ...this.live];
  }

  /** Returns false at the bound. */
  add(list: HeldStanza[], stanza: Element, mark?: Mark): boolean {
    const flat = stanza.flattened;
    const bytes = flatBytes(flat);
    if (
      this.#count >= MAX_STANZAS ||
      this.#bytes + bytes > MAX_BYTES ||
      !this.#total.take(this.#remote, bytes)
    )
      return false;
    this.#count++;
    this.#bytes += bytes;
    list.push({ flat, mark: mark && keptMark(mark) });
    return true;
  }

  /** Forgets everything. */
  clear(): void {
    for (const list of [this.people, this.history, this.live]) list.length = 0;
    this.#total.give(this.#remote, this.#bytes);
    this.#count = 0;
    this.#bytes = 0;
  }
}

export function give(session: C2SSession, stanzas: Iterable<HeldStanza>): void {
  for (const { flat } of stanzas) session.send(new LazyElement(flat));
}

/** Gives a client copies of stanzas that were sent to another one. */
export function giveCopies(session: C2SSession, stanzas: Iterable<HeldStanza>): void {
  const to = `${session.jid}`;
  for (const { flat } of stanzas) session.send(new LazyElement({ ...flat, attrs: { ...flat.attrs, to } }));
}
