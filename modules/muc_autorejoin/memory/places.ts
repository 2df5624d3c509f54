// Places: one session in one room, as this module remembers it.

import type { C2SSession } from 'enjamb/api';
import type { Join, Place, RoomMemory, ViewName } from './memory.ts';
import { type PayloadHolder, Payloads, type PayloadTotal } from './payloads.ts';
import type { Rooms } from './rooms.ts';

export class Places {
  readonly #rooms: Rooms;
  readonly #payloads: Payloads;
  readonly #now: () => number;

  constructor(rooms: Rooms, payloads: PayloadTotal, now: () => number) {
    this.#rooms = rooms;
    this.#payloads = new Payloads(payloads);
    this.#now = now;
  }

  get(session: C2SSession, room: string): Place | undefined {
    return session.state.mucPlaces?.get(room);
  }

  /** Call this for each join of the client: forgets what is known of an earlier stay. */
  begin(join: Join, payload: string | undefined): Place {
    const { session, room } = join;
    const known = this.get(session, room.jid);
    session.state.mucPlaces ??= new Map();
    const since = Math.floor(this.#now()); // V8 boxes fractions.
    const place = this.#rooms.enter(room.jid, room.domain.name, (memory) => ({
      session,
      room: memory,
      join,
      state: 'in',
      since,
      payload: undefined,
      isUnwanted: false,
      view: usualView(memory),
      seen: 0,
      heard: undefined,
      self: undefined,
      hasSubject: false,
      rejoined: undefined,
    }));
    session.state.mucPlaces.set(place.room.jid, place);
    this.setPayload(place, payload);
    if (known) this.#leave(known);
    return place;
  }

  forget(place: Place): void {
    const { mucPlaces } = place.session.state;
    if (mucPlaces?.get(place.room.jid) === place) mucPlaces.delete(place.room.jid);
    this.#leave(place);
  }

  /** `undefined`: the server cannot join for the client any more. */
  setPayload(holder: PayloadHolder, payload: string | undefined): void {
    this.#payloads.set(holder, payload);
  }

  #leave(place: Place): void {
    this.setPayload(place, undefined);
    this.#rooms.leave(place);
  }
}

/** The view that a new occupant most likely gets. */
function usualView({ views: { open, masked } }: RoomMemory): ViewName {
  return open.places + open.roll.size > masked.places + masked.roll.size ? 'open' : 'masked';
}
