// Private messages between occupants (XEP-0045 §7.5).

import { NS, type StanzaEvent, share, xml } from 'enjamb/api';
import { askModules } from '../engine/ask.ts';
import { visibleRoom } from '../engine/rooms.ts';
import { type Service, send } from '../engine/service.ts';
import { occupantIdElement } from '../model/occupant_id.ts';
import { withoutForgeries } from '../model/payload.ts';
import type { Role } from '../model/ranks.ts';
import { type Room, seatOf } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';

/** Sends a message to all clients of an occupant. @throws StanzaError with the conditions of §7.5 */
export function whisper(service: Service, event: StanzaEvent): void {
  const { from, to } = event;
  const { type, id, 'xml:lang': lang } = event.stanza.attrs;
  const room = visibleRoom(service, event);
  const sender = seatOf(room, from)?.occupant;
  if (!sender)
    throw roomError(room.jid, 'not-acceptable', { type: 'cancel', text: 'You are not in the room' });
  if (type === 'groupchat') {
    throw roomError(room.jid, 'bad-request', {
      text: 'Send messages of type groupchat to the room itself',
    });
  }
  const recipient = room.occupants.get(to.resource ?? '');
  if (!recipient) throw roomError(room.jid, 'item-not-found', { text: 'No occupant has this nickname' });
  if (!maySendPrivately(room, sender.role)) {
    throw roomError(room.jid, 'forbidden', { text: 'You may not send private messages' });
  }
  const stanza = askModules(service, room, event, 'private');
  const message = share(
    xml('message', { type, id, 'xml:lang': lang, from: `${room.jid}/${sender.nick}` }).withChildren([
      ...withoutForgeries(stanza, room.jid),
      xml('x', NS.MUC_USER),
      occupantIdElement(sender.id),
    ]),
  );
  // §7.2.8: "it is RECOMMENDED to route to all resources".
  for (const jid of recipient.seats.keys()) send(service, message.with({ to: jid }));
}

function maySendPrivately(room: Room, role: Role): boolean {
  const { allowPm } = room.config;
  if (allowPm === 'anyone') return true;
  if (allowPm === 'participants') return role !== 'visitor';
  return allowPm === 'moderators' && role === 'moderator';
}
