// The join that the server sends for a client.

import { Jid } from 'enjamb/api';
import type { Context } from './context.ts';
import type { Place } from './memory.ts';
import { rejoinOf } from './payload.ts';

/** History is asked for from a little before the last message that the client heard: clocks and roundings differ. */
const OVERLAP_SECONDS = 120;

/** How long a room may take to answer; a gateway needs more. */
export const ANSWER_MS = { usual: 30_000, heavy: 120_000 };

export function sendJoin({ module, now }: Context, place: Place, payload: string, id: string): void {
  const { session, room } = place;
  module.log.debug('joining again before the client notices', { session: session.id, room: room.jid });
  const history = { seconds: String(historySeconds(place, now())) };
  module.send(rejoinOf({ session, occupant: occupantOf(place), payload, id }, history));
}

/** Since the client that has heard least of the room heard something. One that has heard nothing gets nothing older. */
function historySeconds({ room }: Place, now: number): number {
  let seconds = 0;
  for (const { state, heard, heardAt } of room.places) {
    if (state === 'in') continue;
    const elapsed = (now - heardAt) / 1_000;
    seconds = Math.max(seconds, heard ? Math.ceil(elapsed) + OVERLAP_SECONDS : Math.floor(elapsed));
  }
  return seconds;
}

/** The address of the client in the room, as it knows it. */
export function occupantOf({ room, join }: Place): Jid {
  return Jid.parse(`${room.jid}/${join.nick}`);
}
