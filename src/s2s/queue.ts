// The stanzas that wait for a stream, each with a deadline. They are kept as text: a tree takes many times the memory, and
// keeps its input alive.

import { eventLoop } from '../net/event-loop.ts';
import type { Clock, Timer } from '../util/clock.ts';
import { type Holder, SharedBudget } from '../util/shared-budget.ts';
import { compactText } from '../xml/compact-text.ts';
import { parseElement } from '../xml/copy.ts';
import type { Stanza } from '../xml/element.ts';
import { StanzaError } from '../xml/errors.ts';
import { flatBytes } from '../xml/flat.ts';
import { serialize } from '../xml/serialize.ts';

/** Bounds of one queue. */
const MAX_STANZAS = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;
/** Bounds of all queues together. */
const MAX_STANZAS_IN_TOTAL = 20_000;
const MAX_BYTES_IN_TOTAL = 64 * 1024 * 1024;
/** Text that is drained in one turn of the event loop: some milliseconds of parsing. */
const BYTES_PER_TURN = 32 * 1024;
/** Memory of an entry without its text. */
const ENTRY_BYTES = 200;

/** Bounds the waiting stanzas of all queues, in total and for each payer. */
export class QueueBudget {
  readonly #stanzas = new SharedBudget(MAX_STANZAS_IN_TOTAL);
  readonly #bytes = new SharedBudget(MAX_BYTES_IN_TOTAL);

  /** The amount in all queues. */
  get used(): { stanzas: number; bytes: number } {
    return { stanzas: this.#stanzas.used, bytes: this.#bytes.used };
  }

  /** The error for another stanza of the payer, if there is no room; `undefined` if there is. */
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
  /** Text, but an element if the stanza was sent before, because modules recognise that one by identity. */
  readonly content: Stanza | string;
  readonly bytes: number;
  readonly payer: Holder;
  /** In ms of `clock.elapsed`. */
  readonly deadline: number;
  /** It does not count as use of a stream. */
  readonly isOverhead: boolean;
}

export class LinkQueue {
  /** The `drain` under way. */
  #draining: object | undefined;
  readonly #clock: Clock;
  readonly #budget: QueueBudget;
  readonly #payerOf: (stanza: Stanza) => Holder;
  readonly #onExpired: (stanzas: Stanza[]) => void;
  #entries: Entry[] = [];
  /** The number of entries at the beginning that have left. Removing each would move all others. */
  #left = 0;
  #bytes = 0;
  #timer: Timer | undefined;
  #firesAt = 0;

  /**
   * @param budget shared by all links
   * @param onExpired gets the stanzas whose deadline has passed, after they have left the queue
   */
  constructor(
    clock: Clock,
    budget: QueueBudget,
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

  /** Adds a stanza. Returns the error if there is no room for it. */
  add(stanza: Stanza, deadline: number, isOverhead = false): StanzaError | undefined {
    const { text, bytes: size } = compactText(serialize(stanza));
    const payer = this.#payerOf(stanza);
    const entry = { content: text, bytes: size + ENTRY_BYTES, payer, deadline, isOverhead };
    if (this.size >= MAX_STANZAS || this.#bytes + entry.bytes > MAX_BYTES) {
      return new StanzaError('resource-constraint', { text: 'Too many stanzas wait for this server' });
    }
    const refusal = this.#budget.refusal(entry.payer, entry.bytes);
    if (refusal) return refusal;
    this.#entries.push(entry);
    this.#keep(entry);
    return undefined;
  }

  /** Puts stanzas that were sent before in front of all others, even beyond the bounds. */
  putFirst(stanzas: readonly Stanza[], deadlineOf: (stanza: Stanza) => number): void {
    const entries = stanzas.map((stanza) => ({
      content: stanza,
      bytes: flatBytes(stanza.flattened) + ENTRY_BYTES,
      payer: this.#payerOf(stanza),
      deadline: deadlineOf(stanza),
      isOverhead: false,
    }));
    this.#entries = [...entries, ...this.#entries.slice(this.#left)];
    this.#left = 0;
    for (const entry of entries) this.#keep(entry);
  }

  /** True until `drain` is done: a new stanza must queue behind the others. */
  get isDraining(): boolean {
    return this.#draining !== undefined;
  }

  /**
   * Passes waiting stanzas to `take`, in order, while `mayTake`; includes those added meanwhile. Takes a limited part per
   * turn of the event loop, because each stanza is parsed again. A later call replaces this one.
   */
  drain(
    mayTake: () => boolean,
    take: (stanza: Stanza, isOverhead: boolean) => void,
    onDone: () => void,
  ): void {
    const draining = {};
    this.#draining = draining;
    const step = () => {
      if (this.#draining !== draining) return;
      if (this.#drainSlice(mayTake, take)) return eventLoop.defer(step);
      this.#draining = undefined;
      onDone();
    };
    step();
  }

  /** Returns whether there is more to drain. */
  #drainSlice(mayTake: () => boolean, take: (stanza: Stanza, isOverhead: boolean) => void): boolean {
    let bytes = 0;
    try {
      while (this.size > 0 && mayTake()) {
        if (bytes >= BYTES_PER_TURN) return true;
        const { bytes: size, isOverhead } = this.#entries[this.#left]!;
        bytes += size;
        take(this.next()!, isOverhead);
      }
    } catch (error) {
      this.#draining = undefined;
      throw error;
    }
    return false;
  }

  /** Removes and returns the first stanza. */
  next(): Stanza | undefined {
    const entry = this.#entries[this.#left];
    if (!entry) return undefined;
    this.#left++;
    this.#release(entry);
    if (this.size === 0) this.#clear();
    return stanzaOf(entry);
  }

  /** Removes those of `stanzas` that were sent before. */
  drop(stanzas: ReadonlySet<Stanza>): void {
    if (stanzas.size > 0) this.#take(({ content }) => typeof content !== 'string' && stanzas.has(content));
  }

  /** Removes and returns all stanzas. */
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

  /** Sets the one timer, which is for the earliest deadline. */
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

function stanzaOf({ content }: Entry): Stanza {
  return typeof content === 'string' ? parseElement(content) : content;
}
