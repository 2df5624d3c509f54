// Rooms that a join of the server has made anew (XEP-0045 §10.1). Allowed only where anybody may make the room: it was open,
// by what it said about itself. A room that was for members must not come back as one for all.

import { NS, newId, xml } from 'enjamb/api';
import type { Context } from './context.ts';
import type { Place } from './memory.ts';
import type { Rejoining } from './rejoining.ts';
import type { Rejoins } from './rejoins.ts';

/** How long the room may take to accept its configuration. */
const UNLOCK_MS = 10_000;

export class Founding {
  readonly #context: Context;
  readonly #rejoins: Rejoins;

  constructor(context: Context, rejoins: Rejoins) {
    this.#context = context;
    this.#rejoins = rejoins;
  }

  /** A room has let a client in; 201 says that it is new. Returns false if the client must not be in it. */
  entered(place: Place, rejoining: Rejoining, codes: readonly string[]): boolean {
    if (!codes.includes('201')) return true;
    const { metrics } = this.#context;
    if (!place.room.facts?.isOpen) {
      metrics.rejoins.of('room gone').add();
      this.#rejoins.tellRoom(place, 'room-gone');
      return false;
    }
    metrics.roomsMade.add();
    this.#unlock(place, rejoining);
    return true;
  }

  /** Accepts the default configuration, which unlocks the room for other occupants (XEP-0045 §10.1.2). */
  #unlock(place: Place, rejoining: Rejoining): void {
    const { session, room } = place;
    const form = xml('query', NS.MUC_OWNER, xml('x', { xmlns: NS.DATA_FORMS, type: 'submit' }));
    const iq = xml('iq', { type: 'set', id: newId(), from: `${session.jid}`, to: room.jid }, form);
    const goOn = this.#rejoins.waits(place, rejoining);
    this.#context.module.askIq(iq, { timeoutMs: UNLOCK_MS, onAnswer: goOn });
  }
}
