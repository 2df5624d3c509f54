// Messages to a room or to one of its occupants (XEP-0045 §7.4, §7.5, §7.8, §7.13).

import { NS, type StanzaEvent } from 'enjamb/api';
import { handleDeclines, handleInvites } from '../acts/invite.ts';
import { speakToAll } from '../acts/speak.ts';
import { whisper } from '../acts/whisper.ts';
import { visibleRoom } from '../engine/rooms.ts';
import type { Service } from '../engine/service.ts';
import { roomError } from '../model/room_error.ts';
import { handleBounce } from './bounce.ts';
import { handleVoiceForm } from './voice.ts';

/**
 * Handles a message to a room.
 * @throws StanzaError 'item-not-found' if the room does not exist (§17.2), 'bad-request' for unsupported messages
 */
export function messageToRoom(service: Service, event: StanzaEvent): void {
  const { stanza } = event;
  const { type } = stanza.attrs;
  if (type === 'error') {
    handleBounce(service, event);
    return;
  }
  const room = visibleRoom(service, event);
  if (type === 'groupchat') {
    speakToAll(service, room, event);
    return;
  }
  const user = stanza.getChild('x', NS.MUC_USER);
  if (user && handleInvites(service, room, event, user)) return;
  if (user && handleDeclines(service, room, event, user)) return;
  if (handleVoiceForm(service, room, event)) return;
  // Chat states, receipts and the like are dropped; text is refused, so that it is not lost unnoticed.
  if (stanza.getChild('body')) {
    throw roomError(room.jid, 'bad-request', { text: 'Send messages to a room with type groupchat' });
  }
}

/** Handles a message to an occupant JID. @throws StanzaError with the conditions of §7.5 */
export function messageToOccupant(service: Service, event: StanzaEvent): void {
  if (event.stanza.attrs.type === 'error') handleBounce(service, event);
  else whisper(service, event);
}
