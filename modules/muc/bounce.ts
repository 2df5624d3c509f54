// Error replies to what a room has sent: whether they mean that somebody is gone (XEP-0045 §18.1.2, "Ghost Users").

import { type StanzaCondition, StanzaError, type StanzaEvent } from 'enjamb/api';
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

/** What an error reply says about the client that it came from. The one place that decides who is removed for it. */
export function verdict(error: StanzaError): 'remove' | 'keep' {
  if (CLIENT_GONE.has(error.condition)) return 'remove';
  return DOMAIN_GONE.has(error.condition) ? 'remove' : 'keep';
}

/** Removes the client that the error came from; nobody else is told of the error. */
export function handleBounce(service: Service, { stanza, from, to }: StanzaEvent): void {
  if (verdict(StanzaError.from(stanza)) === 'keep') return;
  const room = findRoom(service, to);
  const seat = seatOf(room, from);
  if (room && seat) markGone(service, room, seat);
}
