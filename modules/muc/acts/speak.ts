// Messages to everybody in a room (XEP-0045 §7.4), subjects among them (§8.1).

import { newId, type StanzaEvent, share, xml } from 'enjamb/api';
import { remember } from '../engine/ring.ts';
import { type Service, send } from '../engine/service.ts';
import { occupantIdElement } from '../model/occupant_id.ts';
import { passedOn } from '../model/payload.ts';
import { refusal } from '../model/refusal.ts';
import { type Occupant, type Room, seatOf } from '../model/room.ts';
import { changesSubject, setSubject } from './subject.ts';

/** @throws StanzaError 'not-acceptable', 'forbidden' */
export function speakToAll(service: Service, room: Room, event: StanzaEvent): void {
  const occupant = seatOf(room, event.from)?.occupant;
  if (!occupant)
    throw refusal(room.jid, 'not-acceptable', { type: 'cancel', text: 'You are not in the room' });
  if (changesSubject(event.stanza)) {
    setSubject(service, room, occupant, event.stanza);
    reflect(service, room, occupant, event, false);
    return;
  }
  if (occupant.role === 'visitor') throw refusal(room.jid, 'forbidden', { text: 'You have no voice' });
  reflect(service, room, occupant, event, event.stanza.getChild('body') !== undefined);
}

/** Sends a message to every client in the room, the sender's own too; its `id` stays (§7.4). */
function reflect(
  service: Service,
  room: Room,
  occupant: Occupant,
  { stanza }: StanzaEvent,
  historic: boolean,
): void {
  const { id = newId(), 'xml:lang': lang } = stanza.attrs;
  const from = `${room.jid}/${occupant.nick}`;
  const reflected = share(
    xml('message', { type: 'groupchat', id, 'xml:lang': lang, from }).withChildren([
      ...passedOn(stanza, room.jid),
      occupantIdElement(occupant.id),
    ]),
  );
  for (const jid of room.seats.keys()) send(service, reflected.with({ to: jid }));
  if (historic) remember(service, room, reflected, service.module.clock.now());
}
