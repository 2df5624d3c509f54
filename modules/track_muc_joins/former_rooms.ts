// Stanzas from rooms that a client, or an earlier session with its full JID, has left (see departures.ts).

import { type C2SSession, isLocalBounce, NS, StanzaError, type StanzaEvent } from 'enjamb/api';
import { hasStatus } from 'enjamb/xep';
import type { Departures } from './departures.ts';
import type { JoinIndex } from './entries.ts';

/**
 * Records answers to leaves. Drops answers to hidden leaves, and stanzas that the room sends to the former occupant
 * before such an answer.
 */
export function fromFormerRoom(
  { stanza, from, to, origin }: Readonly<StanzaEvent>,
  session: C2SSession | undefined,
  departures: Departures,
  index: JoinIndex,
): 'handled' | undefined {
  const { type, id } = stanza.attrs;
  if (type === 'error') {
    const isLost = isLocalBounce({ stanza, from, origin }) || isUnreachable(StanzaError.from(stanza));
    return departures.refused(`${to}`, from.bare, id, isLost) ? 'handled' : undefined;
  }
  const x = stanza.getChild('x', NS.MUC_USER);
  const isOurs = origin.kind === 'host' && origin.domain !== from.domain; // A notice of ping_muc.
  if (x === undefined || from.resource === undefined || isOurs) return undefined;
  if (type === 'unavailable' && hasStatus(x, '110') && !hasStatus(x, '303')) {
    return departures.confirmed(`${to}`, from.bare) ? 'handled' : undefined;
  }
  const join = session?.state.mucJoins?.get(from.bare);
  // Rooms answer in order: presence of the client with another id than its join is from before the leave.
  const isFormer = !join || (hasStatus(x, '110') && isOther(id, index.pending(join)?.id));
  return isFormer && departures.isHidden(`${to}`, from.bare) ? 'handled' : undefined;
}

function isOther(id: string | undefined, joinId: string | undefined): boolean {
  return id !== undefined && joinId !== undefined && id !== joinId;
}

/** Whether an error from the other side means that the service is unreachable there. */
function isUnreachable({ condition }: StanzaError): boolean {
  return condition === 'remote-server-timeout' || condition === 'remote-server-not-found';
}
