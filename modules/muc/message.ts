// Messages to everybody (XEP-0045 §7.4), and what else is sent to the room's own address.

import { NS, newId, type StanzaEvent, share, xml } from 'enjamb/api';
import { handleBounce } from './bounce.ts';
import { remember } from './history.ts';
import { handleDeclines, handleInvites } from './invite.ts';
import { occupantIdElement } from './occupant_id.ts';
import { passedOn } from './payload.ts';
import { refusal } from './refusal.ts';
import { affiliationOf, type Occupant, type Room, seatOf } from './room.ts';
import { findRoom } from './rooms.ts';
import { type Service, send } from './service.ts';
import { changesSubject, setSubject } from './subject.ts';
import { handleVoiceForm } from './voice.ts';

/**
 * A message to the room.
 * @throws StanzaError 'item-not-found' where there is no room yet (§17.2), 'bad-request' for what a room does not take
 */
export function messageToRoom(service: Service, event: StanzaEvent): void {
  const { stanza } = event;
  const { type } = stanza.attrs;
  if (type === 'error') {
    handleBounce(service, event);
    return;
  }
  const room = openRoom(service, event);
  if (type === 'groupchat') {
    toEverybody(service, room, event);
    return;
  }
  const user = stanza.getChild('x', NS.MUC_USER);
  if (user && handleInvites(service, room, event, user)) return;
  if (user && handleDeclines(service, room, event, user)) return;
  if (handleVoiceForm(service, room, event)) return;
  // Chat states, receipts and such may go astray; what somebody wrote may not.
  if (stanza.getChild('body')) {
    throw refusal(room.jid, 'bad-request', { text: 'Messages to a room are of type groupchat' });
  }
}

/** The room that an event is addressed to, as far as its sender may know of it (§17.2). */
export function openRoom(service: Service, { from, to }: StanzaEvent): Room {
  const room = findRoom(service, to);
  const visible = room && (room.lockedSince === undefined || affiliationOf(room, from.bare) === 'owner');
  if (!visible) throw refusal(to.bare, 'item-not-found', { text: 'There is no such room', type: 'cancel' });
  return room;
}

function toEverybody(service: Service, room: Room, event: StanzaEvent): void {
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
