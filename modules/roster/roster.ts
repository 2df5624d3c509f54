// One user's roster: its data, changes, and pushes to clients (RFC 6121 §2.6).

import { type Element, NS, xml } from 'enjamb/api';
import { type Draft, looksSame, type RosterItem, toElement } from './item.ts';

export interface Roster {
  /** Grows with every change visible to clients; about the time of the last one, in ms since 1970. */
  readonly version: number;
  /** The oldest version from which clients can be updated by pushes. */
  readonly since: number;
  /** By the contact's bare JID. */
  readonly items: Readonly<Record<string, RosterItem>>;
  /** Recently removed contacts, the oldest first. */
  readonly removed: readonly { readonly jid: string; readonly version: number }[];
}

export const EMPTY: Roster = { version: 0, since: 0, items: {}, removed: [] };

/** The most removals that are kept for clients with an old version. */
const MAX_REMOVALS = 100;
/** The most bytes of addresses in these removals. */
const MAX_REMOVED_BYTES = 16 * 1024;

export function itemOf(roster: Roster, contact: string): RosterItem | undefined {
  return Object.hasOwn(roster.items, contact) ? roster.items[contact] : undefined;
}

/** Whether a change is visible to clients. */
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
  // Without a prototype, because `__proto__` is a valid address.
  return { version, since, items: Object.assign(Object.create(null), items), removed };
}

/** Replaces the contact's entry by `draft`; `undefined` removes it. `now` in ms since 1970. */
export function change(
  roster: LiveRoster,
  contact: string,
  draft: Draft | undefined,
  { now, visible }: { readonly now: number; readonly visible: boolean },
): void {
  const before = itemOf(roster, contact);
  // A client may have cached an older roster, such as that of a deleted account with the same name.
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

/** Drops the oldest removals; a client with an older version gets the complete roster. */
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

/** The complete roster for a client. */
export function wholeRoster(roster: Roster): Element {
  const items = Object.values(roster.items).filter((item) => item.listed);
  return xml('query', { xmlns: NS.ROSTER, ver: `${roster.version}` }, ...items.map(toElement));
}

/** The content of a push: the present state of one entry. */
export function pushOf(roster: Roster, contact: string): Element {
  const item = itemOf(roster, contact);
  return item?.listed ? query(item.version, toElement(item)) : query(roster.version, gone(contact));
}

/**
 * The pushes that update a client from version `ver` to the present one, in order (§2.6.3); `undefined` if the version
 * is too old or unknown.
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

/** The characters of a push besides its content, and of its answer. */
const PUSH_ENVELOPE = 150;

/**
 * The pushes for a client with version `ver`, none if nothing has changed. `undefined`: the client needs the complete
 * roster, because it is smaller ("(1) use less bandwidth than sending individual roster pushes", §2.6.3), or because
 * the version is too old or unknown.
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
