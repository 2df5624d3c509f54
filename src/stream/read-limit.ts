// How fast peers may send: a bucket of bytes that refills at a steady rate, for one connection or for several that
// share it. An empty one is no reason to hang up; its connections are read again, in turn, once the bucket is out of
// debt, and feel it as a slow line.

import type { Clock, Timer } from '../util/clock.ts';

export interface ReadRate {
  readonly bytesPerSecond: number;
  /** What may come at once. */
  readonly burstBytes: number;
  /** What each stanza costs besides its bytes: handling the smallest takes as long as reading so many. Default 0. */
  readonly bytesPerStanza?: number;
}

/** For one connection of a peer that may be anybody: more than any negotiation takes, or a server that asks for keys. */
const STRANGER = { bytesPerSecond: 64 * 1024, burstBytes: 128 * 1024 };

/** How fast a peer may send until it has authenticated, and has a budget with others or of its own. */
export function strangerRate(rate: ReadRate | undefined): ReadRate | undefined {
  return (
    rate && {
      ...rate,
      bytesPerSecond: Math.min(rate.bytesPerSecond, STRANGER.bytesPerSecond),
      burstBytes: Math.min(rate.burstBytes, STRANGER.burstBytes),
    }
  );
}

/** Who can stop reading. */
export interface Pausable {
  pause(reason: string): void;
  unpause(reason: string): void;
}

const REASON = 'rate';

export class ReadBudget {
  readonly #rate: ReadRate;
  readonly #clock: Clock;
  readonly #readers = new Set<Pausable>();
  /** Paused until there is something to spend; the one that has waited longest first. */
  readonly #waiting = new Set<Pausable>();
  #balance: number;
  /** On the monotonic clock. */
  #countedAt: number;
  #timer: Timer | undefined;

  constructor(rate: ReadRate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#balance = rate.burstBytes;
    this.#countedAt = clock.elapsed();
  }

  /** Whether forgetting the budget gives nothing away: no connection spends it, and it is as full as a new one. */
  get isForgettable(): boolean {
    this.#refill();
    return this.#readers.size === 0 && this.#balance >= this.#rate.burstBytes;
  }

  join(reader: Pausable): void {
    this.#readers.add(reader);
  }

  /** Counts what has been read, and pauses the reader for as long as it has been too much. */
  take(bytes: number, stanzas: number, reader: Pausable): void {
    this.#balance -= bytes + stanzas * (this.#rate.bytesPerStanza ?? 0);
    if (this.#balance >= 0) return;
    this.#refill();
    if (this.#balance >= 0) return;
    this.#waiting.add(reader);
    reader.pause(REASON);
    this.#wait();
  }

  /** The reader has gone, or spends from another budget. */
  leave(reader: Pausable): void {
    this.#readers.delete(reader);
    if (this.#waiting.delete(reader)) reader.unpause(REASON);
    if (this.#waiting.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(): void {
    if (this.#timer !== undefined || this.#waiting.size === 0) return;
    const delayMs = Math.max(1, Math.ceil((-this.#balance / this.#rate.bytesPerSecond) * 1_000));
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#refill();
      this.#release();
      this.#wait();
    });
  }

  /** Each reader may spend the budget anew: those that still wait then are first the next time. */
  #release(): void {
    for (const reader of [...this.#waiting]) {
      if (this.#balance < 0) return;
      this.#waiting.delete(reader);
      reader.unpause(REASON);
    }
  }

  #refill(): void {
    const now = this.#clock.elapsed();
    const earned = ((now - this.#countedAt) * this.#rate.bytesPerSecond) / 1_000;
    this.#countedAt = now;
    this.#balance = Math.min(this.#rate.burstBytes, this.#balance + earned);
  }
}

/** From how many on it is worth looking for budgets that can be forgotten. */
const FIRST_SWEEP = 1_000;

/** One budget for each key, such as an account. Those that nobody needs any more are forgotten. */
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
