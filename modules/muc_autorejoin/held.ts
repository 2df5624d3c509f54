// Stanzas that are kept back from a client while the server joins for it: as text, within bounds.

import type { ByteBudget, C2SSession, Element, FlatElement } from 'enjamb/api';
import { flatBytes, LazyElement } from 'enjamb/api/stream';
import { keptMark, type Mark } from './ring.ts';

export interface HeldStanza {
  readonly flat: FlatElement;
  /** Of a message that a client may have missed. */
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

/** What is kept for one place: several lists with one bound. */
export class Held {
  readonly #total: ByteBudget;
  #count = 0;
  #bytes = 0;
  /** People, until the room has let the client in. */
  readonly people: HeldStanza[] = [];
  /** The room's history, as it answers a join. */
  readonly history: HeldMessage[] = [];
  /** Live stanzas, in their order. */
  readonly live: HeldStanza[] = [];

  constructor(total: ByteBudget) {
    this.#total = total;
  }

  /** In the order in which the client is sent it. */
  get all(): HeldStanza[] {
    return [...this.people, ...this.history, ...this.live];
  }

  /** Returns false when there is no room for it. */
  add(list: HeldStanza[], stanza: Element, mark?: Mark): boolean {
    const flat = stanza.flattened;
    const bytes = flatBytes(flat);
    if (this.#count >= MAX_STANZAS || this.#bytes + bytes > MAX_BYTES || !this.#total.take(bytes))
      return false;
    this.#count++;
    this.#bytes += bytes;
    list.push({ flat, mark: mark && keptMark(mark) });
    return true;
  }

  /** Forgets everything. */
  clear(): void {
    for (const list of [this.people, this.history, this.live]) list.length = 0;
    this.#total.give(this.#bytes);
    this.#count = 0;
    this.#bytes = 0;
  }
}

export function give(session: C2SSession, stanzas: Iterable<HeldStanza>): void {
  for (const { flat } of stanzas) session.send(new LazyElement(flat));
}

/** The same of what was sent to another client. */
export function giveCopies(session: C2SSession, stanzas: Iterable<HeldStanza>): void {
  const to = `${session.jid}`;
  for (const { flat } of stanzas) session.send(new LazyElement({ ...flat, attrs: { ...flat.attrs, to } }));
}
