// Asks other modules about a stanza that an occupant is about to send.

import type { Stanza, StanzaEvent } from 'enjamb/api';
import type { Saying } from '../model/events.ts';
import { type Room, seatOf } from '../model/room.ts';
import type { Service } from './service.ts';

/** Returns the stanza, possibly changed by other modules. @throws their refusal */
export function askModules(
  service: Service,
  room: Room,
  { stanza, from: client }: Pick<StanzaEvent, 'stanza' | 'from'>,
  kind: Saying['kind'],
): Stanza {
  const saying = { room, client, occupant: seatOf(room, client)?.occupant, stanza, kind };
  service.module.fire('muc-say', saying);
  return saying.stanza;
}
