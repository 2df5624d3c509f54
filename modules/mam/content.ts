// Which messages are worth keeping because of what they say (XEP-0313 §5.1.1, XEP-0334 §4).

import { type Element, type Node, NS, type Stanza } from 'enjamb/api';
import { hasHint } from 'enjamb/xep';

const RETRACT_0 = 'urn:xmpp:message-retract:0';

/** Names of elements of a namespace; `all`: any element of it. */
type Names = readonly string[] | 'all';

const ENCRYPTED: Readonly<Record<string, Names>> = {
  'urn:xmpp:eme:0': ['encryption'], // XEP-0380
  'eu.siacs.conversations.axolotl': ['encrypted'], // XEP-0384
  'urn:xmpp:omemo:1': ['encrypted'],
  'urn:xmpp:omemo:2': ['encrypted'],
  'urn:xmpp:openpgp:0': 'all', // XEP-0373
  'jabber:x:encrypted': 'all', // XEP-0027
};

const ARCHIVED: Readonly<Record<string, Names>> = {
  ...ENCRYPTED,
  [NS.RETRACT]: ['retract'], // XEP-0424
  'urn:xmpp:reactions:0': ['reactions'], // XEP-0444
  'urn:xmpp:message-correct:0': ['replace'], // XEP-0308
  'urn:xmpp:receipts': ['received'], // XEP-0184
  'urn:xmpp:chat-markers:0': ['received', 'displayed', 'acknowledged'], // XEP-0333
  'jabber:x:conference': 'all', // XEP-0249
  'urn:xmpp:jingle-message:0': 'all', // XEP-0353
  'urn:xmpp:call-invites:0': 'all', // XEP-0482
  'urn:xmpp:sfs:0': 'all', // XEP-0447
  'jabber:x:oob': 'all', // XEP-0066
};

const ENCRYPTED_NAMES = new Map(Object.entries(ENCRYPTED));
const ARCHIVED_NAMES = new Map(Object.entries(ARCHIVED));

/**
 * Whether a message is archived because of its content. The sender's hints count first.
 * @param kept its children that the archive would keep
 */
export function isWorthKeeping(message: Stanza, kept: readonly Node[]): boolean {
  if (hasHint(message, 'no-store') || hasHint(message, 'no-permanent-store')) return false;
  if (hasHint(message, 'store')) return kept.length > 0;
  return kept.some((child) => typeof child !== 'string' && (isText(child) || isArchived(child)));
}

/** Whether the body, if there is one, is not what the sender wrote. */
export function isEncrypted(children: readonly Node[]): boolean {
  return children.some((child) => typeof child !== 'string' && isAmong(ENCRYPTED_NAMES, child));
}

/** What people read; an empty body too (XEP-0313 §5.1.1). */
function isText({ name, attrs: { xmlns } }: Element): boolean {
  return (name === 'body' || name === 'subject') && (xmlns === undefined || xmlns === NS.CLIENT);
}

function isArchived(child: Element): boolean {
  return isAmong(ARCHIVED_NAMES, child) || isInvitation(child) || isOldRetraction(child);
}

function isAmong(names: ReadonlyMap<string, Names>, { name, attrs: { xmlns } }: Element): boolean {
  if (xmlns === undefined) return false;
  const known = names.get(xmlns);
  return known === 'all' || known?.includes(name) === true;
}

/** XEP-0045 §7.8.2. */
export function isInvitation(child: Element): boolean {
  return child.is('x', NS.MUC_USER) && child.getChild('invite') !== undefined;
}

/** XEP-0424 before version 0.4. */
function isOldRetraction(child: Element): boolean {
  return child.is('apply-to', 'urn:xmpp:fasten:0') && child.getChild('retract', RETRACT_0) !== undefined;
}
