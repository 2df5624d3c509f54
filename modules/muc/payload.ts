// What of a stanza goes through a room, and what only the room itself may say.

import { type Element, type Node, NS } from 'enjamb/api';

/** XEP-0045 §17.3: roles, affiliations, status codes; XEP-0421 §4; XEP-0317 §5. */
const ONLY_OURS = new Set<string>([NS.MUC, NS.MUC_USER, NS.MUC_ADMIN, NS.MUC_OWNER, NS.OCCUPANT_ID, NS.HATS]);

/** The children of a stanza that the room passes on. */
export function passedOn(stanza: Element, room: string): Node[] {
  return stanza.children.filter((node) => typeof node !== 'string' && !isForged(node, room));
}

function isForged(child: Element, room: string): boolean {
  const xmlns = child.attrs.xmlns;
  if (xmlns === undefined) return false;
  if (ONLY_OURS.has(xmlns)) return true;
  // Stamps that would pass for the room's own (XEP-0203 §4, XEP-0359 §3.1).
  if (xmlns === NS.DELAY) return child.attrs.from === room;
  return xmlns === NS.STANZA_ID && child.name === 'stanza-id' && child.attrs.by === room;
}
