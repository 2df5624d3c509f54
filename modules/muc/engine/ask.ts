// Asks other modules about what an occupant is about to say.

import type { Stanza, StanzaEvent } from 'enjamb/api';
import type { Saying } from '../model/events.ts';
import { type Room, seatOf } from '../model/room.ts';
import type { Service } from './service.ts';

/** Returns the stanza as the other modules leave it. @throws what one of them throws to refuse it */
export function asked(
  service: Service,
  room: Room,
  { stanza, from: client }: Pick<StanzaEvent, 'stanza' | 'from'>,
  kind: Saying['kind'],
): Stanza {
  const saying = { room, client, occupant: seatOf(room, client)?.occupant, stanza, kind };
  service.module.fire('muc-say', saying);
  return saying.stanza;
}
