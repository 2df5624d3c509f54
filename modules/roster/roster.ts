// One user's roster: what it holds, what a change does to it, and what clients are told (RFC 6121 §2.6).

import { type Element, NS, xml } from 'enjamb/api';
import { type Draft, looksSame, type RosterItem, toElement } from './item.ts';

export interface Roster {
  /** Grows with every change that clients can see; about the time of the last one, in ms since 1970. */
  readonly version: number;
  /** Changes can be told one by one to clients that know this version or a later one. */
  readonly since: number;
  /** By the contact's bare JID. */
  readonly items: Readonly<Record<string, RosterItem>>;
  /** What was taken off the list lately, the oldest first. */
  readonly removed: readonly { readonly jid: string; readonly version: number }[];
}

export const EMPTY: Roster = { version: 0, since: 0, items: {}, removed: [] };

/** How many removals are remembered for clients that come back with an old version. */
const MAX_REMOVALS = 100;
/** Size of the addresses of remembered removals. */
const MAX_REMOVED_BYTES = 16 * 1024;

export function itemOf(roster: Roster, contact: string): RosterItem | undefined {
  return Object.hasOwn(roster.items, contact) ? roster.items[contact] : undefined;
}

/** Whether a client that shows the list has anything to change in it. */
export function isVisibleChange(before: Draft | undefined, after: Draft | undefined): boolean {
  if (!before?.listed || !after?.listed) return (before?.listed ?? false) !== (after?.listed ?? false);
  return !looksSame(before, after);
}

/** A roster that its owner may change in place. */
export interface LiveRoster extends Roster {
  version: number;
  since: number;
  items: Record<string, RosterItem>;
  removed: Roster['removed'];
}

export function copyOf({ version, since, items, removed }: Roster): LiveRoster {
  // Without a prototype: `__proto__` is an address like any other.
  return { version, since, items: Object.assign(Object.create(null), items), removed };
}

/** Puts `draft` in place of the contact's entry; `undefined` takes the entry away. `now` in ms since 1970. */
export function change(
  roster: LiveRoster,
  contact: string,
  draft: Draft | undefined,
  { now, visible }: { readonly now: number; readonly visible: boolean },
): void {
  const before = itemOf(roster, contact);
  // A roster that begins now cannot tell what a client remembers of an older one, of a former account perhaps.
  const isNew = roster.version === 0;
  if (visible) roster.version = Math.max(now, roster.version + 1);
  if (isNew) roster.since = roster.version;
  const { version } = roster;
  if (draft) roster.items[contact] = { ...draft, version: visible ? version : (before?.version ?? version) };
  else delete roster.items[contact];
  const earlier = roster.removed.filter(({ jid }) => jid !== contact);
  roster.removed = before?.listed && !draft?.listed ? [...earlier, { jid: contact, version }] : earlier;
  forgetRemovals(roster);
}

/** Forgets the oldest removals; a client that has not heard of them gets the complete roster. */
function forgetRemovals(roster: LiveRoster): void {
  let bytes = roster.removed.reduce((sum, { jid }) => sum + Buffer.byteLength(jid), 0);
  while (roster.removed.length > MAX_REMOVALS || bytes > MAX_REMOVED_BYTES) {
    const [oldest, ...rest] = roster.removed;
    if (oldest === undefined) return;
    bytes -= Buffer.byteLength(oldest.jid);
    roster.removed = rest;
    roster.since = Math.max(roster.since, oldest.version);
  }
}

/** The complete roster, as a client gets it. */
export function wholeRoster(roster: Roster): Element {
  const items = Object.values(roster.items).filter((item) => item.listed);
  return xml('query', { xmlns: NS.ROSTER, ver: `${roster.version}` }, ...items.map(toElement));
}

/** What a push says: one entry as it is now. */
export function pushOf(roster: Roster, contact: string): Element {
  const item = itemOf(roster, contact);
  return item?.listed ? query(item.version, toElement(item)) : query(roster.version, gone(contact));
}

/**
 * The pushes that bring a client from the version it names to the present one, in order (§2.6.3); `undefined` when
 * only the complete roster can, because the version is too old or none of ours.
 */
export function pushesSince(roster: Roster, ver: string): readonly Element[] | undefined {
  const known = /^\d{1,15}$/.test(ver) ? Number(ver) : Number.NaN;
  if (!(known >= roster.since && known <= roster.version)) return undefined;
  const items = Object.values(roster.items).filter((item) => item.listed && item.version > known);
  const removed = roster.removed.filter(({ version }) => version > known);
  return [
    ...items.map((item) => ({ version: item.version, element: toElement(item) })),
    ...removed.map(({ jid, version }) => ({ version, element: gone(jid) })),
  ]
    .sort((a, b) => a.version - b.version)
    .map(({ version, element }) => query(version, element));
}

/** What a push takes besides its content, and what its confirmation takes. In characters. */
const PUSH_ENVELOPE = 150;

/**
 * What a client is told that names the version it knows: pushes, none when nothing has changed; `undefined`: the complete
 * roster, because that is less to send ("(1) use less bandwidth than sending individual roster pushes", §2.6.3), or
 * because only that tells the truth.
 */
export function catchUp(roster: Roster, ver: string): readonly Element[] | undefined {
  const pushes = pushesSince(roster, ver);
  if (!pushes || pushes.length === 0) return pushes;
  const size = pushes.reduce((sum, push) => sum + push.toString().length + PUSH_ENVELOPE, 0);
  return wholeRoster(roster).toString().length <= size ? undefined : pushes;
}

function query(version: number, item: Element): Element {
  return xml('query', { xmlns: NS.ROSTER, ver: `${version}` }, item);
}

function gone(contact: string): Element {
  return xml('item', { jid: contact, subscription: 'remove' });
}
