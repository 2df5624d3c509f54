// Errors that a room raises itself.

import { type StanzaCondition, StanzaError, type StanzaErrorDetails } from 'enjamb/api';

/** An error that the room itself raises: `by` tells it from those of servers on the way (RFC 6120 §8.3.2). */
export function roomError(
  room: string,
  condition: StanzaCondition,
  details: StanzaErrorDetails = {},
): StanzaError {
  return new StanzaError(condition, { by: room, ...details });
}
