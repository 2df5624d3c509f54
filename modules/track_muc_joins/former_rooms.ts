// What comes from rooms that a client has left, or whoever had its address before: the session that has gone, or the
// same one, which we have taken out of a room (see departures.ts).

import { type C2SSession, isLocalBounce, NS, StanzaError, type StanzaEvent } from 'enjamb/api';
import { hasStatus } from 'enjamb/xep';
import type { Departures } from './departures.ts';

/**
 * Settles leaves that are answered. What the client knows nothing of is kept from it: the answer to such a leave, and
 * before that comes, what the room still says to an occupant that is none any more.
 */
export function fromFormerRoom(
  { stanza, from, to, origin }: Readonly<StanzaEvent>,
  session: C2SSession | undefined,
  departures: Departures,
): 'handled' | undefined {
  const { type, id } = stanza.attrs;
  if (type === 'error') {
    const isLost = isLocalBounce({ stanza, from, origin }) || isUnreachable(StanzaError.from(stanza));
    return departures.refused(`${to}`, from.bare, id, isLost) ? 'handled' : undefined;
  }
  const x = stanza.getChild('x', NS.MUC_USER);
  const isOurs = origin.kind === 'host' && origin.domain !== from.domain; // What ping_muc tells the client.
  if (x === undefined || from.resource === undefined || isOurs) return undefined;
  if (type === 'unavailable' && hasStatus(x, '110') && !hasStatus(x, '303')) {
    return departures.confirmed(`${to}`, from.bare) ? 'handled' : undefined;
  }
  const isThere = session?.state.mucJoins?.has(from.bare) === true;
  return !isThere && departures.isQuiet(`${to}`, from.bare) ? 'handled' : undefined;
}

/** The service itself cannot be reached from where it was looked for. */
function isUnreachable({ condition }: StanzaError): boolean {
  return condition === 'remote-server-timeout' || condition === 'remote-server-not-found';
}
