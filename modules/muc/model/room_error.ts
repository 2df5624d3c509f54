// Errors that a room raises itself.

import { type StanzaCondition, StanzaError, type StanzaErrorDetails } from 'enjamb/api';

/** An error from the room itself: `by` distinguishes it from errors of servers on the path (RFC 6120 §8.3.2). */
export function roomError(
  room: string,
  condition: StanzaCondition,
  details: StanzaErrorDetails = {},
): StanzaError {
  return new StanzaError(condition, { by: room, ...details });
}
