// Asks whether a room exists, before a join that would create a room that persists (XEP-0045 §10.1). A room that has only said
// that the client is out may be gone by the time of the join; a room that ping_muc has asked exists.

import type { Place } from '../memory/memory.ts';
import type { Context } from '../shared/context.ts';
import type { Founding } from './founding.ts';

export interface Waiting {
  /** The room exists, so the client may join. */
  exists(place: Place): void;
  /** It is unknown. */
  mustWait(place: Place): void;
  gone(place: Place): void;
}

export class Existence {
  readonly #context: Context;
  readonly #founding: Founding;
  readonly #waiting: Waiting;
  /** Places whose rooms have said that the client is out, and have not been asked since. */
  readonly #unproven = new WeakSet<Place>();

  constructor(context: Context, founding: Founding, waiting: Waiting) {
    this.#context = context;
    this.#founding = founding;
    this.#waiting = waiting;
  }

  /** The room has removed the client with status 332 or 333. */
  removed(place: Place): void {
    this.#unproven.add(place);
  }

  /** Returns whether the room must be asked before the join. If so, asks it; the client waits. */
  asks(place: Place): boolean {
    const { room } = place;
    if (!this.#unproven.has(place) || !this.#founding.mayPersist(room)) return false;
    this.#context.after(0, () =>
      this.#founding.exists(place, (exists) => {
        if (place.state !== 'lost' || !room.places.has(place)) return;
        if (exists) for (const other of room.places) this.#unproven.delete(other);
        if (exists) this.#waiting.exists(place);
        else if (exists === undefined) this.#waiting.mustWait(place);
        else this.#waiting.gone(place);
      }),
    );
    return true;
  }
}
