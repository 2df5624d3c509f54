// The room's subject (XEP-0045 §7.2.15, §8.1).

import { type Stanza, xml } from 'enjamb/api';
import { stamp } from '../engine/ring.ts';
import { roomChanged } from '../engine/rooms.ts';
import { type Service, send } from '../engine/service.ts';
import { checkSubject, replaceSubject } from '../engine/subjects.ts';
import { occupantIdElement } from '../model/occupant_id.ts';
import type { Occupant, Room, Seat } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';

/** §8.1: a message with a subject changes it, unless it also has a body or thread. */
export function changesSubject(message: Stanza): boolean {
  return (
    message.getChild('subject') !== undefined &&
    message.getChild('body') === undefined &&
    message.getChild('thread') === undefined
  );
}

/** @throws StanzaError 'forbidden' (§8.1) */
export function checkMaySetSubject(room: Room, { role }: Occupant): void {
  if (role === 'moderator' || (role === 'participant' && room.config.changeSubject)) return;
  throw roomError(room.jid, 'forbidden', { text: 'You may not change the subject' });
}

/**
 * Stores the subject; the caller reflects the message. @throws StanzaError 'policy-violation', 'resource-constraint'
 */
export function setSubject(service: Service, room: Room, occupant: Occupant, message: Stanza): void {
  const text = message.getChildText('subject') ?? '';
  checkSubject(service, room, text);
  const { nick, id: occupantId } = occupant;
  replaceSubject(service, room, { text, nick, occupantId, at: service.module.clock.now() });
  roomChanged(service, room);
}

/** Sends the subject, possibly an empty one, which completes a join. */
export function sendSubject(service: Service, room: Room, seat: Seat): void {
  send(service, subjectMessage(room).with({ to: seat.jid }));
}

function subjectMessage(room: Room): Stanza {
  const { subject } = room;
  if (!subject) return xml('message', { type: 'groupchat', from: room.jid }, xml('subject'));
  return xml(
    'message',
    { type: 'groupchat', from: `${room.jid}/${subject.nick}` },
    xml('subject', {}, subject.text),
    stamp(room, subject.at),
    occupantIdElement(subject.occupantId),
  );
}
