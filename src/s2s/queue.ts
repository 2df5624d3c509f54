// The stanzas that wait for a stream, each with a deadline. They are kept as text: a tree takes many times the memory, and
// keeps its input alive. Stanzas with equal content share it, such as a room's message to many occupants.

import { eventLoop } from '../net/event-loop.ts';
import type { Clock, Timer } from '../util/clock.ts';
import { type Holder, SharedBudget } from '../util/shared-budget.ts';
import { compactText } from '../xml/compact-text.ts';
import { parseElement } from '../xml/copy.ts';
import type { Stanza } from '../xml/element.ts';
import { StanzaError } from '../xml/errors.ts';
import { flatBytes } from '../xml/flat.ts';
import { LazyElement } from '../xml/lazy.ts';
import { openTag } from '../xml/serialize.ts';

/** Bounds of one queue. */
const MAX_STANZAS = 20_000;
/** Start tags, and each distinct content once. */
const MAX_TEXT_BYTES = 4 * 1024 * 1024;
/** Bounds of all queues together. Bytes are memory here. Queues count while stanzas wait in them. */
const TOTALS = { queues: 20_000, stanzas: 200_000, bytes: 64 * 1024 * 1024 };
/** Text that is drained in one turn of the event loop: some milliseconds of parsing. */
const BYTES_PER_TURN = 32 * 1024;
/** Memory of an entry and of a content, without their text. */
const ENTRY_BYTES = 150;
const CONTENT_BYTES = 250;
/** Pause after stanzas have expired. Each time, the whole queue is searched. */
const EXPIRY_PAUSE_MS = 100;

type Amounts = { readonly [K in keyof typeof TOTALS]?: number };

/** Bounds all queues in total and for each payer. */
export class QueueBudget {
  readonly #budgets = {
    queues: new SharedBudget(TOTALS.queues),
    stanzas: new SharedBudget(TOTALS.stanzas),
    bytes: new SharedBudget(TOTALS.bytes),
  };

  /** The amounts in all queues. */
  get used(): Required<Amounts> {
    const { queues, stanzas, bytes } = this.#budgets;
    return { queues: queues.used, stanzas: stanzas.used, bytes: bytes.used };
  }

  /** The error for more of the payer, if there is no room; `undefined` if there is. */
  refusal(payer: Holder, amounts: Amounts): StanzaError | undefined {
    for (const [budget, amount] of this.#each(amounts)) {
      const obstacle = budget.obstacle(payer, amount);
      if (obstacle === undefined) continue;
      const text =
        obstacle === 'share'
          ? 'Too many stanzas of yours wait for servers that do not answer'
          : 'Too many stanzas wait for servers that do not answer';
      return new StanzaError('resource-constraint', { text });
    }
    return undefined;
  }

  keep(payer: Holder, amounts: Amounts): void {
    for (const [budget, amount] of this.#each(amounts)) budget.force(payer, amount);
  }

  release(payer: Holder, amounts: Amounts): void {
    for (const [budget, amount] of this.#each(amounts)) budget.give(payer, amount);
  }

  #each({ queues = 0, stanzas = 0, bytes = 0 }: Amounts): (readonly [SharedBudget, number])[] {
    const all = [
      [this.#budgets.queues, queues],
      [this.#budgets.stanzas, stanzas],
      [this.#budgets.bytes, bytes],
    ] as const;
    return all.filter(([, amount]) => amount > 0);
  }
}

/** What is inside stanzas of one payer, as XML. */
interface Content {
  readonly text: string;
  readonly bytes: number;
  readonly payer: Holder;
  /** Who is charged: the only recipient, or the payer if there are several. */
  charged: Holder;
  /** The number of entries with it. */
  uses: number;
}

interface Entry {
  /** The start tag, but the stanza itself if it was sent before, because modules recognise that one by identity. */
  readonly head: Stanza | string;
  readonly name: string;
  /** Text of `head`, in bytes. */
  readonly headBytes: number;
  readonly content: Content;
  readonly charged: Holder;
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
  /** By text. */
  readonly #contents = new Map<string, Content>();
  #textBytes = 0;
  /** Who pays for this queue while stanzas wait in it: the payer of the first one. */
  #payer: Holder | undefined;
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
    const { text: head, bytes: headBytes } = compactText(openTag(stanza));
    const payer = this.#payerOf(stanza);
    const charged = recipientOf(payer, stanza);
    const content = this.#contentOf(stanza, payer, charged);
    const isNew = content.uses === 0;
    const textBytes = headBytes + (isNew ? content.bytes : 0);
    if (this.size >= MAX_STANZAS || this.#textBytes + textBytes > MAX_TEXT_BYTES) {
      return new StanzaError('resource-constraint', { text: 'Too many stanzas wait for this server' });
    }
    const bytes = textBytes + ENTRY_BYTES + (isNew ? CONTENT_BYTES : 0);
    const queues = this.size === 0 ? 1 : 0;
    const refusal =
      this.#budget.refusal(payer, { queues }) ?? this.#budget.refusal(charged, { stanzas: 1, bytes });
    if (refusal) return refusal;
    const entry = { head, name: stanza.name, headBytes, content, charged, deadline, isOverhead };
    this.#entries.push(entry);
    this.#keep(entry);
    return undefined;
  }

  /** Puts stanzas that were sent before in front of all others, even beyond the bounds. */
  putFirst(stanzas: readonly Stanza[], deadlineOf: (stanza: Stanza) => number): void {
    const entries = stanzas.map((stanza) => {
      const payer = this.#payerOf(stanza);
      const charged = recipientOf(payer, stanza);
      return {
        head: stanza,
        name: stanza.name,
        headBytes: flatBytes(stanza.flattened),
        content: { text: '', bytes: 0, payer, charged, uses: 0 },
        charged,
        deadline: deadlineOf(stanza),
        isOverhead: false,
      };
    });
    this.#compact();
    this.#entries = [...entries, ...this.#entries];
    for (const entry of entries) this.#keep(entry);
  }

  /** The content of a stanza. One payer's stanzas with the same text share it; another payer does not profit. */
  #contentOf(stanza: Stanza, payer: Holder, charged: Holder): Content {
    const { content: text, contentBytes: bytes } = stanza.flattened;
    const known = this.#contents.get(text);
    return known?.payer.name === payer.name ? known : { text, bytes, payer, charged, uses: 0 };
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
        const { headBytes, content, isOverhead } = this.#entries[this.#left]!;
        bytes += headBytes + content.bytes + ENTRY_BYTES;
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
    else if (this.#left > this.size) this.#compact();
    return parsed(entry);
  }

  /** Removes those of `stanzas` that were sent before. */
  drop(stanzas: ReadonlySet<Stanza>): void {
    if (stanzas.size > 0) this.#take(({ head }) => typeof head !== 'string' && stanzas.has(head));
  }

  /** Removes and returns all stanzas. */
  all(): Stanza[] {
    return this.#take(() => true).map(unparsed);
  }

  #keep({ headBytes, content, charged, deadline }: Entry): void {
    const { payer } = content;
    if (!this.#payer) {
      this.#payer = payer;
      this.#budget.keep(payer, { queues: 1 });
    }
    if (content.uses++ === 0) {
      if (!this.#contents.has(content.text)) this.#contents.set(content.text, content);
      this.#textBytes += content.bytes;
      this.#budget.keep(content.charged, bytesOf(content));
    } else if (content.charged.name !== charged.name) this.#charge(content, payer);
    this.#textBytes += headBytes;
    this.#budget.keep(charged, { stanzas: 1, bytes: headBytes + ENTRY_BYTES });
    this.#watch(deadline);
  }

  #charge(content: Content, holder: Holder): void {
    this.#budget.release(content.charged, bytesOf(content));
    content.charged = holder;
    this.#budget.keep(holder, bytesOf(content));
  }

  #release({ headBytes, content, charged }: Entry): void {
    this.#textBytes -= headBytes;
    this.#budget.release(charged, { stanzas: 1, bytes: headBytes + ENTRY_BYTES });
    if (--content.uses > 0) return;
    if (this.#contents.get(content.text) === content) this.#contents.delete(content.text);
    this.#textBytes -= content.bytes;
    this.#budget.release(content.charged, bytesOf(content));
  }

  #take(isTaken: (entry: Entry) => boolean): Entry[] {
    const taken: Entry[] = [];
    const staying: Entry[] = [];
    this.#compact();
    for (const entry of this.#entries) (isTaken(entry) ? taken : staying).push(entry);
    this.#entries = staying;
    for (const entry of taken) this.#release(entry);
    if (this.size === 0) this.#clear();
    return taken;
  }

  /** Frees the entries that have left. */
  #compact(): void {
    this.#entries = this.#entries.slice(this.#left);
    this.#left = 0;
  }

  #clear(): void {
    this.#entries = [];
    this.#left = 0;
    if (this.#payer) this.#budget.release(this.#payer, { queues: 1 });
    this.#payer = undefined;
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
      const first = this.#entries.reduce((least, { deadline }) => Math.min(least, deadline), Infinity);
      this.#watch(Math.max(first, now + EXPIRY_PAUSE_MS));
    }
    if (expired.length > 0) this.#onExpired(expired.map(unparsed));
  }
}

/**
 * Who is charged for a stanza to this recipient. Users of other servers can cause the stanzas that a service sends to them, so
 * one of them must not use up the share of the others on that server. An account causes its stanzas itself.
 */
function recipientOf(payer: Holder, { attrs: { to = '' } }: Stanza): Holder {
  if (!payer.group) return payer;
  return { name: `${payer.name}: ${to.split('/', 1)[0]}`, share: 'fair', group: payer };
}

function bytesOf({ bytes }: Content): Amounts {
  return { bytes: bytes + CONTENT_BYTES };
}

function parsed({ head, name, content }: Entry): Stanza {
  return typeof head === 'string' ? parseElement(`${head}${content.text}</${name}>`) : head;
}

/** For stanzas that return: their errors need the attributes only. */
function unparsed({ head, name, content: { text, bytes } }: Entry): Stanza {
  if (typeof head !== 'string') return head;
  const { attrs } = parseElement(`${head}</${name}>`);
  return new LazyElement({ name, attrs, content: text, contentBytes: bytes });
}
