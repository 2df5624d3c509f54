// One entry of a roster (RFC 6121 §2.1.2): its stored form, parsed roster sets, and the `<item/>` for clients.

import { type Element, Jid, StanzaError, xml } from 'enjamb/api';
import { isAsking, type SubscriptionState, subscriptionOf } from './subscription.ts';

export interface RosterItem {
  /** The contact's bare JID. */
  readonly jid: string;
  readonly state: SubscriptionState;
  /** Whether the contact is in the user's list; a subscription request does not add it (§3.1.3). */
  readonly listed: boolean;
  readonly name?: string;
  readonly groups: readonly string[];
  /** Whether the user has pre-approved the contact's subscription request (§3.4). */
  readonly approved: boolean;
  /** The contact's pending request as text. */
  readonly request?: string;
  /** The roster version of the last change of this entry. */
  readonly version: number;
}

/** An entry without a version. */
export type Draft = Omit<RosterItem, 'version'>;

/** A parsed roster set of a client. */
export interface RosterSet {
  readonly jid: string;
  readonly remove: boolean;
  readonly name?: string;
  readonly groups: readonly string[];
}

/** The most characters of a name. */
const MAX_NAME = 1024;
const MAX_GROUP = 256;

/**
 * Parses a roster set (§2.1.5, §2.3.3).
 * @throws StanzaError 'bad-request', 'not-acceptable' as in §2.3.3; 'jid-malformed'.
 */
export function parseRosterSet(query: Element, maxGroups: number): RosterSet {
  const [item, more] = query.getChildren('item');
  if (!item || more)
    throw new StanzaError('bad-request', { text: 'A roster set must have exactly one item' });
  const jid = contactJid(item.attrs.jid);
  // §2.1.5: other values of `subscription`, and `ask` and `approved`, are ignored.
  if (item.attrs.subscription === 'remove') return { jid, remove: true, groups: [] };
  const groups = groupsOf(item, maxGroups);
  const name = nameOf(item);
  return { jid, remove: false, groups, ...(name === undefined ? {} : { name }) };
}

/** Approximate bytes of an entry on disk without its texts. */
const OVERHEAD = 95;

/** Approximate bytes of an entry on disk, without the contact's request. */
export function weightOf({ jid, name = '', groups }: Draft): number {
  return OVERHEAD + Buffer.byteLength(JSON.stringify([jid, jid, name, groups]));
}

/** The `<item/>` for clients. */
export function toElement(item: Draft): Element {
  return xml(
    'item',
    {
      jid: item.jid,
      name: item.name,
      subscription: subscriptionOf(item.state),
      ask: isAsking(item.state) ? 'subscribe' : undefined,
      approved: item.approved ? 'true' : undefined,
    },
    ...item.groups.map((group) => xml('group', {}, group)),
  );
}

/** Whether both entries have the same `<item/>`. */
export function looksSame(one: Draft, other: Draft): boolean {
  return toElement(one).toString() === toElement(other).toString();
}

function contactJid(text: string | undefined): string {
  if (text === undefined) throw new StanzaError('bad-request', { text: 'The item has no jid' });
  const jid = Jid.parse(text);
  if (jid.resource !== undefined) {
    throw new StanzaError('bad-request', { text: 'The address of a contact must have no resource' });
  }
  return jid.bare;
}

function nameOf(item: Element): string | undefined {
  const { name } = item.attrs;
  if (name === undefined || name === '') return undefined;
  if (name.length > MAX_NAME) throw new StanzaError('not-acceptable', { text: 'The name is too long' });
  return name;
}

function groupsOf(item: Element, maxGroups: number): readonly string[] {
  const texts = item.getChildren('group').map((group) => group.text());
  if (texts.some((text) => text === '')) {
    throw new StanzaError('not-acceptable', { text: 'A group must have a name' });
  }
  if (texts.length > maxGroups) throw new StanzaError('not-acceptable', { text: 'Too many groups' });
  const groups = texts.map(normalizedGroup);
  if (new Set(groups).size < groups.length) {
    throw new StanzaError('bad-request', { text: 'A group is given twice' });
  }
  return groups;
}

/** Checks the length first, because NFC may take quadratic time. NFC composes at most four characters into one. */
function normalizedGroup(text: string): string {
  const group = text.length > 4 * MAX_GROUP ? undefined : text.normalize('NFC');
  if (group === undefined || group.length > MAX_GROUP) {
    throw new StanzaError('not-acceptable', { text: 'The name of a group is too long' });
  }
  return group;
}
