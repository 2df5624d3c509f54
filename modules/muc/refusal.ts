// Saying no in a room's name.

import { NS, type Stanza, type StanzaCondition, StanzaError, type StanzaErrorDetails, xml } from 'enjamb/api';
import { type Service, send } from './service.ts';

/** An error that the room itself raises: `by` tells it from those of servers on the way (RFC 6120 §8.3.2). */
export function refusal(
  room: string,
  condition: StanzaCondition,
  details: StanzaErrorDetails = {},
): StanzaError {
  return new StanzaError(condition, { by: room, ...details });
}

/** Refuses to let somebody in, with the `x` that tells it from other errors (XEP-0045 §7.2). */
export function refuseEntry(service: Service, join: Stanza, error: StanzaError): void {
  const { id, from, to } = join.attrs;
  send(
    service,
    xml('presence', { type: 'error', id, from: to, to: from }, xml('x', NS.MUC), error.toElement()),
  );
}
