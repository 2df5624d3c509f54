// A queue that releases items at a limited rate. Each item is in a lane. Items of one lane keep their order and a
// minimum distance in time, and lanes take turns.

import type { ElapsedClock } from '../clock.ts';
import { Rate } from './rate.ts';

export interface PacedQueueOptions {
  readonly perSecond: number;
  /** The least time between two items of one lane. */
  readonly laneGapMs: number;
  readonly clock: Pick<ElapsedClock, 'elapsed'>;
}

interface Lane<T> {
  readonly name: string;
  readonly items: T[];
  /** The earliest time for the next item of the lane. */
  freeAt: number;
}

export class PacedQueue<T> {
  readonly #options: PacedQueueOptions;
  readonly #rate: Rate;
  readonly #lanes = new Map<string, Lane<T>>();
  /** Lanes whose next item may be released. */
  readonly #free: Lane<T>[] = [];
  /** Lanes that have just released an item, in the order in which they become free. */
  readonly #resting: Lane<T>[] = [];

  constructor(options: PacedQueueOptions) {
    this.#options = options;
    this.#rate = new Rate(options.perSecond, options.clock);
  }

  push(lane: string, item: T): void {
    const known = this.#lanes.get(lane);
    if (known) {
      known.items.push(item);
      return;
    }
    const opened = { name: lane, items: [item], freeAt: 0 };
    this.#lanes.set(lane, opened);
    this.#free.push(opened);
  }

  /**
   * Delivers all items that may be released now. Returns the time in ms until the next call; `undefined` if the queue
   * is empty and has no state left, so that it may be discarded.
   */
  drain(deliver: (item: T) => void): number | undefined {
    for (;;) {
      const next = this.#next();
      if (next === undefined || 'waitMs' in next) return next?.waitMs;
      deliver(next.item);
    }
  }

  #next(): { readonly item: T } | { readonly waitMs: number } | undefined {
    const now = this.#options.clock.elapsed();
    this.#wake(now);
    const { waitMs } = this.#rate;
    if (this.#free.length > 0 && waitMs > 0) return { waitMs };
    const lane = this.#free.shift();
    if (lane === undefined) return this.#rest(now);
    this.#rate.take();
    lane.freeAt = now + this.#options.laneGapMs;
    this.#resting.push(lane);
    return { item: lane.items.shift()! };
  }

  #rest(now: number): { readonly waitMs: number } | undefined {
    const [resting] = this.#resting;
    const waitMs = resting ? resting.freeAt - now : this.#rate.restMs;
    return waitMs > 0 ? { waitMs: Math.max(1, waitMs) } : undefined;
  }

  #wake(now: number): void {
    while (this.#resting[0] !== undefined && this.#resting[0].freeAt <= now) {
      const lane = this.#resting.shift()!;
      if (lane.items.length > 0) this.#free.push(lane);
      else this.#lanes.delete(lane.name);
    }
  }
}
