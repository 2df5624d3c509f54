// Error replies to what a room has sent: whether they mean that somebody is gone (XEP-0045 §18.1.2, "Ghost Users").

import { isLocalBounce, type StanzaCondition, StanzaError, type StanzaEvent } from 'enjamb/api';
import { markGone } from './leave.ts';
import { seatOf } from './room.ts';
import { findRoom } from './rooms.ts';
import type { Service } from './service.ts';

/** This very client does not exist any more. */
const CLIENT_GONE = new Set<StanzaCondition>([
  'gone',
  'item-not-found',
  'jid-malformed',
  'recipient-unavailable',
  'redirect',
  'service-unavailable',
]);
/** Its whole domain cannot be reached. */
const DOMAIN_GONE = new Set<StanzaCondition>([
  'internal-server-error',
  'remote-server-not-found',
  'remote-server-timeout',
]);

/**
 * What an error reply says about the client that it came from. The one place that decides who is removed for it.
 *
 * - Presence of type error: gone, whatever it holds. A client that cannot take the presence of a room cannot follow it.
 * - A message of type error: gone for the conditions above, or when the error names none. Other conditions are those of
 *   filters, which refuse this one message.
 * - What our own side returned: only the conditions above, since the client has not seen the stanza.
 */
export function verdict({ stanza, from, origin }: Bounce): 'remove' | 'keep' {
  const error = StanzaError.from(stanza);
  if (CLIENT_GONE.has(error.condition) || DOMAIN_GONE.has(error.condition)) return 'remove';
  if (isLocalBounce({ stanza, from, origin })) return 'keep';
  return stanza.name === 'presence' || error.malformed === true ? 'remove' : 'keep';
}

type Bounce = Pick<StanzaEvent, 'stanza' | 'from' | 'origin'>;

/** Removes the client that the error came from; nobody else is told of the error. */
export function handleBounce(service: Service, event: StanzaEvent): void {
  if (verdict(event) === 'keep') return;
  const room = findRoom(service, event.to);
  const seat = seatOf(room, event.from);
  if (room && seat) markGone(service, room, seat);
}
