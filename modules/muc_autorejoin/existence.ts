// Whether a room exists, asked before a join that would make one that stays (XEP-0045 §10.1). A room that only says that the
// client is out may be gone by the time of the join; one that ping_muc has asked is there.

import type { Context } from './context.ts';
import type { Founding } from './founding.ts';
import type { Place } from './memory.ts';

export interface Waiting {
  /** The room exists: the client waits for its turn. */
  exists(place: Place): void;
  /** Nobody can say. */
  mustWait(place: Place): void;
  gone(place: Place): void;
}

export class Existence {
  readonly #context: Context;
  readonly #founding: Founding;
  readonly #waiting: Waiting;
  /** Places whose rooms have said that the client is out, and nothing since. */
  readonly #unproven = new WeakSet<Place>();

  constructor(context: Context, founding: Founding, waiting: Waiting) {
    this.#context = context;
    this.#founding = founding;
    this.#waiting = waiting;
  }

  /** The room has put the client out, by 332 or 333. */
  removed(place: Place): void {
    this.#unproven.add(place);
  }

  /** Whether the room must be asked before the join. If so, it is asked, and the client waits. */
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
