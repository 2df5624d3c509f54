// What a stream leaves when it ends: the stanzas that its peer has not acknowledged, and how often each was sent again.

import type { Stanza } from '../xml/element.ts';
import { LazyElement } from '../xml/lazy.ts';
import type { S2SStream } from './stream.ts';

/** A stanza that was under way on more streams than this, all of which broke, may be what breaks them. */
const MAX_RESENDS = 3;

/** Memory of the unacknowledged stanzas of all streams and hosts. */
export const MAX_UNACKNOWLEDGED_BYTES = 128 * 1024 * 1024;

interface Taken {
  readonly all: readonly Stanza[];
  readonly again: readonly Stanza[];
  readonly tooOften: readonly Stanza[];
}

export class Unacknowledged {
  readonly #resends = new WeakMap<Stanza, number>();
  readonly #isNeedless: (stanza: Stanza) => boolean;
  #stream: S2SStream | undefined;
  #stanzas: readonly Stanza[] = [];

  /** @param isNeedless whether the peer is known to have a stanza, or nobody needs it any more */
  constructor(isNeedless: (stanza: Stanza) => boolean) {
    this.#isNeedless = isNeedless;
  }

  /** The stream that has left them; `undefined` when there are none. */
  get stream(): S2SStream | undefined {
    return this.#stream;
  }

  /** Whether a stanza must still be sent or returned. The peer may have it, if it was on a stream that broke. */
  isWanted(stanza: Stanza): boolean {
    return !this.#resends.has(stanza) || !this.#isNeedless(stanza);
  }

  /**
   * Takes over what a stream has left, as text. `again` is to be sent again; `tooOften` was sent again too often; `all` is
   * both.
   */
  take(stream: S2SStream, stanzas: readonly Stanza[]): Taken {
    const all = stanzas.map(lazy);
    this.#stream = stream;
    this.#stanzas = all;
    const again: Stanza[] = [];
    const tooOften: Stanza[] = [];
    for (const stanza of all) {
      const count = (this.#resends.get(stanza) ?? 0) + 1;
      this.#resends.set(stanza, count);
      (count > MAX_RESENDS ? tooOften : again).push(stanza);
    }
    return { all, again, tooOften };
  }

  /** Forgets all of them. Returns the first `count`, which the peer has after all. */
  acknowledge(count: number): ReadonlySet<Stanza> {
    const acknowledged = new Set(this.#stanzas.slice(0, count));
    this.clear();
    return acknowledged;
  }

  clear(): void {
    this.#stream = undefined;
    this.#stanzas = [];
  }
}

/** The ledger may have done so already. */
function lazy(stanza: Stanza): Stanza {
  return stanza instanceof LazyElement ? stanza : new LazyElement(stanza.flattened);
}
