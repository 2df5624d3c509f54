// How fast a peer may send: a bucket of bytes that refills at a steady rate. An empty one is no reason to hang up;
// the peer is read again once the bucket is out of debt, and feels it as a slow line.

import type { Clock, Timer } from '../util/clock.ts';

export interface ReadRate {
  readonly bytesPerSecond: number;
  /** What may come at once. */
  readonly burstBytes: number;
}

/** Who can stop reading. */
export interface Pausable {
  pause(reason: string): void;
  unpause(reason: string): void;
}

const REASON = 'rate';

export class ReadLimit {
  readonly #rate: ReadRate;
  readonly #clock: Clock;
  readonly #reader: Pausable;
  #balance: number;
  #countedAt: number;
  #timer: Timer | undefined;

  constructor(rate: ReadRate, clock: Clock, reader: Pausable) {
    this.#rate = rate;
    this.#clock = clock;
    this.#reader = reader;
    this.#balance = rate.burstBytes;
    this.#countedAt = clock.now();
  }

  /** Counts what has been read, and pauses the reader for as long as it has been too much. */
  take(bytes: number): void {
    this.#refill();
    this.#balance -= bytes;
    if (this.#balance < 0 && this.#timer === undefined) this.#wait();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #wait(): void {
    this.#reader.pause(REASON);
    const delayMs = Math.ceil((-this.#balance / this.#rate.bytesPerSecond) * 1_000);
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#refill();
      if (this.#balance < 0) this.#wait();
      else this.#reader.unpause(REASON);
    });
  }

  #refill(): void {
    const now = this.#clock.now();
    const elapsedMs = Math.max(0, now - this.#countedAt); // The wall clock may have been set back.
    this.#countedAt = now;
    const earned = (elapsedMs * this.#rate.bytesPerSecond) / 1_000;
    this.#balance = Math.min(this.#rate.burstBytes, this.#balance + earned);
  }
}
