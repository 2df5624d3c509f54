// Lets items out one by one: so many in a second at most, and those of one room some time apart. Pure.

import { Rate } from './window.ts';

interface Lane<T> {
  readonly room: string;
  readonly items: T[];
  /** The earliest time at which it may run. */
  freeAt: number;
}

/** After the notice of one room, the next one of the same room: five in a second. */
const ROOM_GAP_MS = 200;

export class Pacing<T> {
  readonly #rate: Rate;
  readonly #lanes = new Map<string, Lane<T>>();
  /** Lanes with items that may go. */
  readonly #free: Lane<T>[] = [];
  /** Lanes that have just let one go, in the order in which they are free again. */
  readonly #resting: Lane<T>[] = [];

  constructor(perSecond: number) {
    this.#rate = new Rate(perSecond);
  }

  push(room: string, item: T): void {
    const lane = this.#lanes.get(room);
    if (lane) {
      lane.items.push(item);
      return;
    }
    const opened = { room, items: [item], freeAt: 0 };
    this.#lanes.set(room, opened);
    this.#free.push(opened);
  }

  /** The next item, or how long to wait; `undefined` when there is none, and what has gone out is long enough ago. */
  next(now: number): { readonly item: T } | { readonly waitMs: number } | undefined {
    this.#wake(now);
    const wait = this.#rate.wait(now);
    if (this.#free.length > 0 && wait > 0) return { waitMs: wait };
    const lane = this.#free.shift();
    if (lane === undefined) {
      const resting = this.#resting[0];
      const waitMs = resting ? resting.freeAt - now : this.#rate.rest(now);
      return waitMs > 0 ? { waitMs: Math.max(1, waitMs) } : undefined;
    }
    this.#rate.take(now);
    lane.freeAt = now + ROOM_GAP_MS;
    this.#resting.push(lane);
    return { item: lane.items.shift()! };
  }

  #wake(now: number): void {
    while (this.#resting[0] !== undefined && this.#resting[0].freeAt <= now) {
      const lane = this.#resting.shift()!;
      if (lane.items.length > 0) this.#free.push(lane);
      else this.#lanes.delete(lane.room);
    }
  }
}
