// The stanzas that wait for a link, in the order in which they leave, each for so long.

import type { Clock, Timer } from '../util/clock.ts';
import type { Stanza } from '../xml/element.ts';
import { serialize } from '../xml/serialize.ts';

/** What may wait for one pair of domains. */
const MAX_STANZAS = 1_000;
const MAX_CHARS = 4 * 1024 * 1024;

interface Entry {
  readonly stanza: Stanza;
  readonly chars: number;
  /** In ms since 1970. */
  readonly deadline: number;
}

export class Waiting {
  #isDraining = false;
  readonly #clock: Clock;
  readonly #onExpired: (stanzas: Stanza[]) => void;
  #entries: Entry[] = [];
  /** How many at the beginning have left: taking each off would move all the others. */
  #left = 0;
  #chars = 0;
  #timer: Timer | undefined;
  #firesAt = 0;

  /** `onExpired` gets those whose time has come; they wait no longer then. */
  constructor(clock: Clock, onExpired: (stanzas: Stanza[]) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#entries.length - this.#left;
  }

  /** False when there is no room for it. */
  add(stanza: Stanza, deadline: number): boolean {
    const entry = { stanza, chars: serialize(stanza).length, deadline };
    if (this.size >= MAX_STANZAS || this.#chars + entry.chars > MAX_CHARS) return false;
    this.#entries.push(entry);
    this.#chars += entry.chars;
    this.#watch(deadline);
    return true;
  }

  /** Puts what has been on its way already before all others. It was accepted once: there is room for it always. */
  putFirst(stanzas: readonly Stanza[], deadlineOf: (stanza: Stanza) => number): void {
    const entries = stanzas.map((stanza) => ({
      stanza,
      chars: serialize(stanza).length,
      deadline: deadlineOf(stanza),
    }));
    this.#entries = [...entries, ...this.#entries.slice(this.#left)];
    this.#left = 0;
    for (const { chars, deadline } of entries) {
      this.#chars += chars;
      this.#watch(deadline);
    }
  }

  /** True inside `drain`: a new stanza must queue behind the others. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Passes waiting stanzas to `take`, in order, while `isOpen`; includes those added meanwhile. */
  drain(isOpen: () => boolean, take: (stanza: Stanza) => void): void {
    this.#isDraining = true;
    try {
      while (this.size > 0 && isOpen()) take(this.next()!);
    } finally {
      this.#isDraining = false;
    }
  }

  /** Takes the first one. */
  next(): Stanza | undefined {
    const entry = this.#entries[this.#left];
    if (!entry) return undefined;
    this.#left++;
    this.#chars -= entry.chars;
    if (this.size === 0) this.#clear();
    return entry.stanza;
  }

  drop(stanzas: ReadonlySet<Stanza>): void {
    this.#take(({ stanza }) => stanzas.has(stanza));
  }

  /** Takes all. */
  all(): Stanza[] {
    return this.#take(() => true);
  }

  #take(isTaken: (entry: Entry) => boolean): Stanza[] {
    const taken: Entry[] = [];
    const staying: Entry[] = [];
    for (const entry of this.#entries.slice(this.#left)) (isTaken(entry) ? taken : staying).push(entry);
    this.#entries = staying;
    this.#left = 0;
    for (const { chars } of taken) this.#chars -= chars;
    if (this.size === 0) this.#clear();
    return taken.map(({ stanza }) => stanza);
  }

  #clear(): void {
    this.#entries = [];
    this.#left = 0;
    this.#stop();
  }

  /** One timer, for the earliest of all. */
  #watch(deadline: number): void {
    if (this.#timer && this.#firesAt <= deadline) return;
    this.#stop();
    this.#firesAt = deadline;
    this.#timer = this.#clock.after(deadline - this.#clock.now(), () => this.#expire());
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    const expired = this.#take(({ deadline }) => deadline <= now);
    if (this.size > 0) {
      this.#watch(
        this.#entries.reduce((first, { deadline }) => Math.min(first, deadline), Number.POSITIVE_INFINITY),
      );
    }
    if (expired.length > 0) this.#onExpired(expired);
  }
}
