// Saying no in a room's name.

import { type StanzaCondition, StanzaError, type StanzaErrorDetails } from 'enjamb/api';

/** An error that the room itself raises: `by` tells it from those of servers on the way (RFC 6120 §8.3.2). */
export function refusal(
  room: string,
  condition: StanzaCondition,
  details: StanzaErrorDetails = {},
): StanzaError {
  return new StanzaError(condition, { by: room, ...details });
}
