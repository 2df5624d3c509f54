// Finds clients that a room has lost without saying so: it sends a message to another client of ours, and not to this one. Some
// services lose one of several clients in this way.

import type { Place, RoomMemory } from '../memory/memory.ts';
import type { Said } from '../memory/ring.ts';
import type { Context } from '../shared/context.ts';

/** The time in which a message reaches all clients of a room. */
const SPREAD_MS = 10_000;
/** The least time between two questions about one place. */
const PAUSE_MS = 15 * 60_000;

export class Lag {
  readonly #context: Context;
  /** Rooms that will be checked → the message that all their clients must have by then. */
  readonly #due = new Map<RoomMemory, Said>();
  readonly #askedAt = new WeakMap<Place, number>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** A room has sent a live message to one of our clients. */
  talked({ room }: Place, said: Said): void {
    if (room.places.size < 2 || this.#due.has(room)) return;
    this.#due.set(room, said);
    const at = this.#context.now();
    this.#context.after(SPREAD_MS, () => this.#look(room, said, at));
  }

  #look(room: RoomMemory, said: Said, at: number): void {
    const { metrics, now, pingMuc } = this.#context;
    this.#due.delete(room);
    for (const place of room.places) {
      const isLeftOut = place.state === 'in' && (place.heard?.position ?? 0) < said.position;
      const askedAt = this.#askedAt.get(place) ?? Number.NEGATIVE_INFINITY;
      if (!isLeftOut || place.since > at || place.self === undefined || now() - askedAt < PAUSE_MS) continue;
      this.#askedAt.set(place, now());
      metrics.lag.add();
      pingMuc()?.confirm(place.join);
    }
  }
}
