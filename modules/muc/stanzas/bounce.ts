// Error replies to stanzas of a room: decides whether the client is lost (XEP-0045 §18.1.2, "Ghost Users").

import { isLocalBounce, type StanzaCondition, StanzaError, type StanzaEvent } from 'enjamb/api';
import { markGone } from '../acts/depart.ts';
import { findRoom } from '../engine/rooms.ts';
import type { Service } from '../engine/service.ts';
import { seatOf } from '../model/room.ts';

/** The client does not exist any more. */
const CLIENT_GONE = new Set<StanzaCondition>([
  'gone',
  'item-not-found',
  'jid-malformed',
  'recipient-unavailable',
  'redirect',
  'service-unavailable',
]);
/** The client's domain cannot be reached. */
const DOMAIN_GONE = new Set<StanzaCondition>([
  'internal-server-error',
  'remote-server-not-found',
  'remote-server-timeout',
]);

/**
 * Whether an error reply means that its client must be removed from the room. Only this function decides that.
 *
 * - Presence of type error: removed for any condition. A client that refuses presence of a room cannot follow the room.
 * - A message of type error: removed for the conditions above, or if the error has no condition. A filter that refuses
 *   a single message uses other conditions.
 * - An error from our own side: removed for the conditions above, or if the queue of the link was full, since the client
 *   has missed a stanza. A module that refuses a single message uses other conditions.
 */
export function verdict({ stanza, from, origin }: Bounce): 'remove' | 'keep' {
  const error = StanzaError.from(stanza);
  if (CLIENT_GONE.has(error.condition) || DOMAIN_GONE.has(error.condition)) return 'remove';
  if (isLocalBounce({ stanza, from, origin }))
    return error.condition === 'resource-constraint' ? 'remove' : 'keep';
  return stanza.name === 'presence' || error.malformed === true ? 'remove' : 'keep';
}

type Bounce = Pick<StanzaEvent, 'stanza' | 'from' | 'origin'>;

/** Removes the client that the error came from. The error is not relayed. */
export function handleBounce(service: Service, event: StanzaEvent): void {
  if (verdict(event) === 'keep') return;
  const room = findRoom(service, event.to);
  const seat = seatOf(room, event.from);
  if (room && seat) markGone(service, room, seat);
}
