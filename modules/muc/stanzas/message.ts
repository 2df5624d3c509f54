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
  const room = visibleRoom(service, event);
  if (type === 'groupchat') {
    speakToAll(service, room, event);
    return;
  }
  const user = stanza.getChild('x', NS.MUC_USER);
  if (user && handleInvites(service, room, event, user)) return;
  if (user && handleDeclines(service, room, event, user)) return;
  if (handleVoiceForm(service, room, event)) return;
  // Chat states, receipts and such may go astray; what somebody wrote may not.
  if (stanza.getChild('body')) {
    throw roomError(room.jid, 'bad-request', { text: 'Send messages to a room with type groupchat' });
  }
}

/** To an occupant JID. @throws StanzaError with the conditions of §7.5 */
export function messageToOccupant(service: Service, event: StanzaEvent): void {
  if (event.stanza.attrs.type === 'error') handleBounce(service, event);
  else whisper(service, event);
}
