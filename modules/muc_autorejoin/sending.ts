// The join that the server sends for a client.

import { Jid } from 'enjamb/api';
import type { Context } from './context.ts';
import type { Place } from './memory.ts';
import { rejoinOf } from './payload.ts';

/** History is asked for from a little before the last message that the client heard: clocks and roundings differ. */
const OVERLAP_SECONDS = 120;

export function sendJoin({ module, now }: Context, place: Place, payload: string, id: string): void {
  const { session, room } = place;
  const seconds = Math.ceil((now() - heardLast(room.places)) / 1_000) + OVERLAP_SECONDS;
  module.log.debug('joining again before the client notices', { session: session.id, room: room.jid });
  module.send(rejoinOf({ session, occupant: occupantOf(place), payload, id }, { seconds: String(seconds) }));
}

/** The address of the client in the room, as it knows it. */
export function occupantOf({ room, join }: Place): Jid {
  return Jid.parse(`${room.jid}/${join.nick}`);
}

/** When the client that has heard least of the room heard something. */
function heardLast(places: Iterable<Place>): number {
  let at = Number.POSITIVE_INFINITY;
  for (const { state, heardAt } of places) if (state !== 'in') at = Math.min(at, heardAt);
  return at;
}
