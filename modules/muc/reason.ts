// The reason of a ban, a kick, a membership (XEP-0045 §8, §9): stored with the room, or sent to everybody in it.

import type { Element } from 'enjamb/api';
import { refusal } from './refusal.ts';
import type { Room } from './room.ts';

/** In characters. More than people type; a room keeps the reasons of thousands of people. */
const MAX_REASON_LENGTH = 1024;

/**
 * The reason in an item of a request. One that is too long is refused, not cut: what is kept is what was written.
 * @throws StanzaError 'not-acceptable'
 */
export function reasonIn(room: Room, item: Element): string | undefined {
  const reason = item.getChildText('reason');
  if (reason !== undefined && reason.length > MAX_REASON_LENGTH) {
    throw refusal(room.jid, 'not-acceptable', {
      text: `The reason is longer than ${MAX_REASON_LENGTH} characters`,
    });
  }
  return reason;
}
