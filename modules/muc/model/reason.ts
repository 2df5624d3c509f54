// The reason of a ban, kick or membership (XEP-0045 §8, §9). It is stored with the room, or sent to all occupants.

import type { Element } from 'enjamb/api';
import type { Room } from './room.ts';
import { roomError } from './room_error.ts';

/** The most characters of a reason, bounded because a room keeps thousands of reasons. */
const MAX_REASON_LENGTH = 1024;

/**
 * The reason in an item of a request. A reason that is too long is refused, not shortened.
 * @throws StanzaError 'not-acceptable'
 */
export function reasonIn(room: Room, item: Element): string | undefined {
  const reason = item.getChildText('reason');
  if (reason !== undefined && reason.length > MAX_REASON_LENGTH) {
    throw roomError(room.jid, 'not-acceptable', {
      text: `The reason is longer than ${MAX_REASON_LENGTH} characters`,
    });
  }
  return reason;
}
