// What a session leaves that has ended: the stanzas that its peer has not confirmed, and how often they were sent.

import type { Stanza } from '../xml/element.ts';
import type { S2SStream } from './stream.ts';

/** A stanza that has been under way when more links than that broke may be what breaks them. */
const MAX_RESENDS = 3;

export class Unacknowledged {
  readonly #resends = new WeakMap<Stanza, number>();
  readonly #isNeedless: (stanza: Stanza) => boolean;
  #session: S2SStream | undefined;
  #stanzas: readonly Stanza[] = [];

  /** `isNeedless`: whether somebody knows that the peer has got it. */
  constructor(isNeedless: (stanza: Stanza) => boolean) {
    this.#isNeedless = isNeedless;
  }

  /** Whose they are; `undefined` when there are none. */
  get session(): S2SStream | undefined {
    return this.#session;
  }

  /** Whether a stanza still has to go, or to come back; the peer may have got it, if it was on a stream that broke. */
  isWanted(stanza: Stanza): boolean {
    return !this.#resends.has(stanza) || !this.#isNeedless(stanza);
  }

  /** Takes over what a session has left: what is to be sent again, and what has been too often. */
  take(session: S2SStream, stanzas: readonly Stanza[]): { again: Stanza[]; tooOften: Stanza[] } {
    this.#session = session;
    this.#stanzas = stanzas;
    const counted = stanzas.map((stanza) => {
      const count = (this.#resends.get(stanza) ?? 0) + 1;
      this.#resends.set(stanza, count);
      return { stanza, isTooMuch: count > MAX_RESENDS };
    });
    const pick = (isTooMuch: boolean) =>
      counted.filter((one) => one.isTooMuch === isTooMuch).map(({ stanza }) => stanza);
    return { again: pick(false), tooOften: pick(true) };
  }

  /** The first `count` of them, which the peer has; then there are none. */
  confirmed(count: number): ReadonlySet<Stanza> {
    const confirmed = new Set(this.#stanzas.slice(0, count));
    this.clear();
    return confirmed;
  }

  clear(): void {
    this.#session = undefined;
    this.#stanzas = [];
  }
}
