// Filters the children of stanzas that a room relays: removes those that only the room itself may send.

import { type Element, Jid, type Node, NS } from 'enjamb/api';
import { isStampOf } from 'enjamb/xep';

/** XEP-0045 §17.3: roles, affiliations, status codes; XEP-0421 §4; XEP-0317 §5. */
const ONLY_OURS = new Set<string>([NS.MUC, NS.MUC_USER, NS.MUC_ADMIN, NS.MUC_OWNER, NS.OCCUPANT_ID, NS.HATS]);

const LEGACY_DELAY = 'jabber:x:delay';

/** The children of a stanza that the room relays. */
export function withoutForgeries(stanza: Element, room: string): Node[] {
  return stanza.children.filter((node) => typeof node !== 'string' && !isForged(node, room));
}

/** @param room a prepared address; the child's address is prepared before the comparison */
function isForged(child: Element, room: string): boolean {
  const { xmlns, from } = child.attrs;
  if (xmlns === undefined) return false;
  if (ONLY_OURS.has(xmlns)) return true;
  // XEP-0091, which clients also read.
  if (xmlns === LEGACY_DELAY) return Jid.tryParse(from)?.toString() === room;
  return isStampOf(child, room);
}
