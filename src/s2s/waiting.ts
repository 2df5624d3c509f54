// The stanzas that wait for a link, in the order in which they leave, each for so long. They are kept as text: a tree
// takes many times its length, and keeps the bytes alive that it was parsed from.

import type { Clock, Timer } from '../util/clock.ts';
import { type Holder, SharedBudget } from '../util/shared-budget.ts';
import { parseElement } from '../xml/copy.ts';
import type { Stanza } from '../xml/element.ts';
import { StanzaError } from '../xml/errors.ts';
import { serialize } from '../xml/serialize.ts';
import { treeBytes } from '../xml/tree-bytes.ts';

/** What may wait for one pair of domains. */
const MAX_STANZAS = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;
/** What may wait for all of them together. */
const MAX_STANZAS_IN_TOTAL = 20_000;
const MAX_BYTES_IN_TOTAL = 64 * 1024 * 1024;
/** What one costs besides its text. */
const ENTRY_BYTES = 200;

/** What all links keep together, shared by those on whose behalf they keep it. */
export class WaitingBudget {
  readonly #stanzas = new SharedBudget(MAX_STANZAS_IN_TOTAL);
  readonly #bytes = new SharedBudget(MAX_BYTES_IN_TOTAL);

  /** How much is kept. */
  get used(): { stanzas: number; bytes: number } {
    return { stanzas: this.#stanzas.used, bytes: this.#bytes.used };
  }

  /** Why so much may not be kept; `undefined` when it may. */
  refusal(payer: Holder, bytes: number): StanzaError | undefined {
    const obstacle = this.#stanzas.obstacle(payer, 1) ?? this.#bytes.obstacle(payer, bytes);
    if (obstacle === undefined) return undefined;
    const text =
      obstacle === 'share'
        ? 'Too many stanzas of yours wait for servers that do not answer'
        : 'Too many stanzas wait for servers that do not answer';
    return new StanzaError('resource-constraint', { text });
  }

  keep(payer: Holder, bytes: number): void {
    this.#stanzas.force(payer, 1);
    this.#bytes.force(payer, bytes);
  }

  release(payer: Holder, bytes: number): void {
    this.#stanzas.give(payer, 1);
    this.#bytes.give(payer, bytes);
  }
}

interface Entry {
  /** A stanza that was on its way before is known by identity; any other is text. */
  readonly content: Stanza | string;
  readonly bytes: number;
  readonly payer: Holder;
  /** As `clock.elapsed` tells time. */
  readonly deadline: number;
}

export class Waiting {
  #isDraining = false;
  readonly #clock: Clock;
  readonly #budget: WaitingBudget;
  readonly #payerOf: (stanza: Stanza) => Holder;
  readonly #onExpired: (stanzas: Stanza[]) => void;
  #entries: Entry[] = [];
  /** How many at the beginning have left: taking each off would move all the others. */
  #left = 0;
  #bytes = 0;
  #timer: Timer | undefined;
  #firesAt = 0;

  /** `budget` is shared by all routes. `onExpired` gets those whose time has come; they wait no longer then. */
  constructor(
    clock: Clock,
    budget: WaitingBudget,
    payerOf: (stanza: Stanza) => Holder,
    onExpired: (stanzas: Stanza[]) => void,
  ) {
    this.#clock = clock;
    this.#budget = budget;
    this.#payerOf = payerOf;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#entries.length - this.#left;
  }

  /** Why there is no room for it; `undefined` when it waits now. */
  add(stanza: Stanza, deadline: number): StanzaError | undefined {
    const { text, size } = compact(serialize(stanza));
    const entry = { content: text, bytes: size + ENTRY_BYTES, payer: this.#payerOf(stanza), deadline };
    if (this.size >= MAX_STANZAS || this.#bytes + entry.bytes > MAX_BYTES) {
      return new StanzaError('resource-constraint', { text: 'Too many stanzas wait for this server' });
    }
    const refusal = this.#budget.refusal(entry.payer, entry.bytes);
    if (refusal) return refusal;
    this.#entries.push(entry);
    this.#keep(entry);
    return undefined;
  }

  /** Puts what has been on its way already before all others. It was accepted once: there is room for it always. */
  putFirst(stanzas: readonly Stanza[], deadlineOf: (stanza: Stanza) => number): void {
    const entries = stanzas.map((stanza) => ({
      content: stanza,
      bytes: treeBytes(stanza) + ENTRY_BYTES,
      payer: this.#payerOf(stanza),
      deadline: deadlineOf(stanza),
    }));
    this.#entries = [...entries, ...this.#entries.slice(this.#left)];
    this.#left = 0;
    for (const entry of entries) this.#keep(entry);
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
    this.#release(entry);
    if (this.size === 0) this.#clear();
    return stanzaOf(entry);
  }

  /** Takes those of `stanzas` that were on their way before. */
  drop(stanzas: ReadonlySet<Stanza>): void {
    if (stanzas.size > 0) this.#take(({ content }) => typeof content !== 'string' && stanzas.has(content));
  }

  /** Takes all. */
  all(): Stanza[] {
    return this.#take(() => true).map(stanzaOf);
  }

  #keep({ payer, bytes, deadline }: Entry): void {
    this.#bytes += bytes;
    this.#budget.keep(payer, bytes);
    this.#watch(deadline);
  }

  #release({ payer, bytes }: Entry): void {
    this.#bytes -= bytes;
    this.#budget.release(payer, bytes);
  }

  #take(isTaken: (entry: Entry) => boolean): Entry[] {
    const taken: Entry[] = [];
    const staying: Entry[] = [];
    for (const entry of this.#entries.slice(this.#left)) (isTaken(entry) ? taken : staying).push(entry);
    this.#entries = staying;
    this.#left = 0;
    for (const entry of taken) this.#release(entry);
    if (this.size === 0) this.#clear();
    return taken;
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
    this.#timer = this.#clock.after(deadline - this.#clock.elapsed(), () => this.#expire());
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.elapsed();
    const expired = this.#take(({ deadline }) => deadline <= now);
    if (this.size > 0) {
      this.#watch(
        this.#entries.reduce((first, { deadline }) => Math.min(first, deadline), Number.POSITIVE_INFINITY),
      );
    }
    if (expired.length > 0) this.#onExpired(expired.map(stanzaOf));
  }
}

/** In one piece that holds nothing else alive, of one byte a character where that is enough. */
function compact(text: string): { text: string; size: number } {
  const bytes = Buffer.from(text);
  const isAscii = bytes.length === text.length;
  return { text: bytes.toString(isAscii ? 'latin1' : 'utf8'), size: bytes.length };
}

function stanzaOf({ content }: Entry): Stanza {
  return typeof content === 'string' ? parseElement(content) : content;
}
