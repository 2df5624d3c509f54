// Which messages are copied (§6.1).

import { type Element, NS, type Stanza } from 'enjamb/api';
import { hasHint } from 'enjamb/xep';

/** Payloads of instant messaging: their messages are copied whatever the type is. */
const PAYLOADS: ReadonlySet<string | undefined> = new Set([
  NS.RECEIPTS,
  NS.CHAT_STATES,
  NS.CHAT_MARKERS,
  NS.JINGLE_MESSAGE,
]);

/** Types other than `normal`; an unknown type counts as `normal` (RFC 6121 §5.2.2). */
const TYPES: ReadonlySet<string | undefined> = new Set(['chat', 'error', 'groupchat', 'headline']);

/** Whether a message is copied, if it is no private message of a room. An error depends on its cause: see sent_ids.ts. */
export function isEligible(message: Stanza): boolean {
  const { type } = message.attrs;
  if (type === 'groupchat' || type === 'error' || isExcluded(message)) return false;
  if (type === 'chat') return true;
  const hasBody = !TYPES.has(type) && message.getChild('body') !== undefined;
  return hasBody || message.elements().some((child) => PAYLOADS.has(child.getNS()) || isInvitation(child));
}

/** §9: the sender wants no copies. */
export function isExcluded(message: Stanza): boolean {
  return message.getChild('private', NS.CARBONS) !== undefined || hasHint(message, 'no-copy');
}

/** XEP-0045 §7.5: the mark of a private message, which mediated invitations (§7.8.2) have too. */
export function hasOccupantMark(message: Stanza): boolean {
  const x = message.getChild('x', NS.MUC_USER);
  return x !== undefined && !isInvitation(x);
}

/** XEP-0249 §2, XEP-0045 §7.8.2. */
function isInvitation(child: Element): boolean {
  if (child.name !== 'x') return false;
  const xmlns = child.getNS();
  return xmlns === NS.CONFERENCE || (xmlns === NS.MUC_USER && child.getChild('invite') !== undefined);
}
