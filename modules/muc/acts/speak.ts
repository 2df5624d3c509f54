// Messages to all occupants of a room (XEP-0045 §7.4), including subjects (§8.1).

import { Jid, newId, type Stanza, type StanzaEvent, share, xml } from 'enjamb/api';
import { askModules } from '../engine/ask.ts';
import { remember } from '../engine/ring.ts';
import type { Service } from '../engine/service.ts';
import { occupantIdElement } from '../model/occupant_id.ts';
import { withoutForgeries } from '../model/payload.ts';
import { type Occupant, type Room, seatOf } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';
import { changesSubject, checkMaySetSubject, setSubject } from './subject.ts';

/** @throws StanzaError 'not-acceptable', 'forbidden' */
export function speakToAll(service: Service, room: Room, event: StanzaEvent): void {
  const occupant = seatOf(room, event.from)?.occupant;
  if (!occupant)
    throw roomError(room.jid, 'not-acceptable', { type: 'cancel', text: 'You are not in the room' });
  const changes = changesSubject(event.stanza);
  if (changes) checkMaySetSubject(room, occupant);
  else if (occupant.role === 'visitor') throw roomError(room.jid, 'forbidden', { text: 'You have no voice' });
  const stanza = askModules(service, room, event, changes ? 'subject' : 'message');
  if (changes) setSubject(service, room, occupant, stanza);
  reflect(service, room, occupant, stanza, !changes && stanza.getChild('body') !== undefined);
}

/** Sends a message to every client in the room, including the sender's, with the same `id` (§7.4). */
function reflect(service: Service, room: Room, occupant: Occupant, stanza: Stanza, kept: boolean): void {
  const { id = newId(), 'xml:lang': lang } = stanza.attrs;
  const from = `${room.jid}/${occupant.nick}`;
  const reflected = share(
    xml('message', { type: 'groupchat', id, 'xml:lang': lang, from }).withChildren([
      ...withoutForgeries(stanza, room.jid),
      occupantIdElement(occupant.id),
    ]),
  );
  const at = service.module.clock.now();
  service.module.sendToAll(reflected, clientsOf(room));
  if (kept) remember(service, room, reflected, at);
  service.module.notify('muc-said', { room, occupant, author: occupant.bare, stanza: reflected, at, kept });
}

function* clientsOf(room: Room): Iterable<Jid> {
  for (const jid of room.seats.keys()) yield Jid.parse(jid);
}
