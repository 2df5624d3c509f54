// Limits the rate at which peers send, by a token bucket of bytes for one connection or for several together. A connection
// that overdraws the bucket stays open, but reading pauses until the bucket is refilled to zero. The peer sees a slow network.

import type { Clock, Timer } from '../util/clock.ts';
import { TokenBucket } from '../util/flow/index.ts';
import type { StreamParser } from './framing.ts';

export interface ReadRate {
  readonly bytesPerSecond: number;
  /** Size of the bucket: the bytes that a peer may send without a pause. */
  readonly burstBytes: number;
  /** Added to the size of each stanza, because handling even a tiny one takes time. Default 0. */
  readonly bytesPerStanza?: number;
}

/** The most that an unauthenticated peer may send: more than a negotiation or the verification of dialback keys needs. */
const STRANGER = { bytesPerSecond: 64 * 1024, burstBytes: 128 * 1024 };

/** The rate of a peer that has not authenticated, from the configured rate of its kind. */
export function strangerRate(rate: ReadRate | undefined): ReadRate | undefined {
  return (
    rate && {
      ...rate,
      bytesPerSecond: Math.min(rate.bytesPerSecond, STRANGER.bytesPerSecond),
      burstBytes: Math.min(rate.burstBytes, STRANGER.burstBytes),
    }
  );
}

/**
 * Added to the size of a stanza for each of its elements, attributes and pieces of text: 10,000 times `<a/>` cost as much
 * time and memory as 200 KB of text.
 */
const BYTES_PER_NODE = 16;

/** The cost of a stanza besides its received bytes; see `StreamParser`. */
export type StanzaSize = Pick<StreamParser, 'nodes' | 'addedBytes'>;

/** A stream whose reading can be stopped. */
export interface Pausable {
  pause(reason: string): void;
  unpause(reason: string): void;
}

const REASON = 'rate';

export class ReadBudget {
  readonly #rate: ReadRate;
  readonly #clock: Clock;
  readonly #readers = new Set<Pausable>();
  /** The readers that are paused, in the order in which they continue. */
  readonly #waiting = new Set<Pausable>();
  readonly #bucket: TokenBucket;
  #timer: Timer | undefined;

  constructor(rate: ReadRate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    const windowMs = (rate.burstBytes / rate.bytesPerSecond) * 1_000;
    this.#bucket = new TokenBucket({ size: rate.burstBytes, windowMs }, clock);
  }

  /** Whether a new budget would be the same: no connection uses this one, and it is full. */
  get isForgettable(): boolean {
    return this.#readers.size === 0 && this.#bucket.isFull;
  }

  join(reader: Pausable): void {
    this.#readers.add(reader);
  }

  /**
   * Counts the cost of a stanza besides its bytes, and pauses like `take`. Growth counts too: a prefix of four characters may
   * stand for a namespace of 400 KB, in each of thousands of stanzas.
   */
  takeStanza({ nodes, addedBytes }: StanzaSize, reader: Pausable): void {
    this.take((this.#rate.bytesPerStanza ?? 0) + nodes * BYTES_PER_NODE + addedBytes, reader);
  }

  /** Counts bytes that were read, and pauses the reader if the bucket is overdrawn. */
  take(bytes: number, reader: Pausable): void {
    if (this.#bucket.take(bytes)) return;
    this.#waiting.add(reader);
    reader.pause(REASON);
    this.#wait();
  }

  /** The reader has closed, or uses another budget now. */
  leave(reader: Pausable): void {
    this.#readers.delete(reader);
    if (this.#waiting.delete(reader)) reader.unpause(REASON);
    if (this.#waiting.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(): void {
    if (this.#timer !== undefined || this.#waiting.size === 0) return;
    this.#timer = this.#clock.after(Math.max(1, this.#bucket.waitMs(0)), () => {
      this.#timer = undefined;
      this.#release();
      this.#wait();
    });
  }

  /** Unpauses readers in order until the bucket is overdrawn again. The others are first in the next round. */
  #release(): void {
    for (const reader of [...this.#waiting]) {
      if (this.#bucket.waitMs(0) > 0) return;
      this.#waiting.delete(reader);
      reader.unpause(REASON);
    }
  }
}

/** The number of budgets at which forgettable ones are first removed. */
const FIRST_SWEEP = 1_000;

/** One budget for each key, such as an account. Full budgets without connections are forgotten. */
export class ReadBudgets {
  readonly #rate: ReadRate;
  readonly #clock: Clock;
  readonly #budgets = new Map<string, ReadBudget>();
  #sweepAt = FIRST_SWEEP;

  constructor(rate: ReadRate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  get size(): number {
    return this.#budgets.size;
  }

  of(key: string): ReadBudget {
    const known = this.#budgets.get(key);
    if (known) return known;
    if (this.#budgets.size >= this.#sweepAt) this.#sweep();
    const budget = new ReadBudget(this.#rate, this.#clock);
    this.#budgets.set(key, budget);
    return budget;
  }

  #sweep(): void {
    for (const [key, budget] of this.#budgets) if (budget.isForgettable) this.#budgets.delete(key);
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#budgets.size);
  }
}
