// The members of private groups: members-only rooms that show all addresses. Clients encrypt to all users on these lists,
// and many read them only when they join (XEP-0045 §9.5). They are remembered once a client has read one.

import { detach, type Element, Jid, NS, type Stanza, xml } from 'enjamb/api';
import type { Rejoining } from '../answer/rejoining.ts';
import type { Affiliation, Place, RoomMemory } from '../memory/memory.ts';
import { affiliationIn, isMember, type Rooms } from '../memory/rooms.ts';

export const LISTS = ['owner', 'admin', 'member'] as const;
export type List = (typeof LISTS)[number];

/** The most members of one room. A room with more counts as large. */
const MAX_MEMBERS = 500;
/** The longest address, in characters. A room with a longer one counts as large. */
const MAX_JID = 512;

/** Returns the list that a client asks for. */
export function listIn(request: Stanza): List | undefined {
  if (request.attrs.type !== 'get') return undefined;
  const items = request.getChild('query', NS.MUC_ADMIN)?.getChildren('item') ?? [];
  return LISTS.find((list) => items.length === 1 && items[0]?.attrs.affiliation === list);
}

/** The bare JIDs in the answer to such a request; `undefined` if the room has refused it. */
export function jidsIn(answer: Stanza): Set<string> | undefined {
  const query = answer.attrs.type === 'result' ? answer.getChild('query', NS.MUC_ADMIN) : undefined;
  if (query === undefined) return undefined;
  const jids = query.getChildren('item').map(({ attrs }) => Jid.tryParse(attrs.jid)?.bare);
  return new Set(jids.filter((jid) => jid !== undefined));
}

/** A client was sent a list. Entries about unknown users count as old. */
export function readList(rooms: Rooms, room: RoomMemory, list: List, jids: ReadonlySet<string>): void {
  if (room.isLarge) return;
  room.members ??= { read: new Set(), all: new Map() };
  const { read, all } = room.members;
  const isFirst = !read.has(list);
  read.add(list);
  for (const [jid, { affiliation }] of all)
    if (affiliation === list && !jids.has(jid)) put(rooms, room, jid, 'none');
  for (const jid of jids) put(rooms, room, jid, list, isFirst && !all.has(jid) ? 0 : undefined);
}

/** Notes an `<item/>` that the room has sent to the client. */
export function noteItem(rooms: Rooms, place: Place, rejoining: Rejoining | undefined, x: Element): void {
  if (place.room.members === undefined) return;
  const jid = Jid.tryParse(x.getChild('item', NS.MUC_USER)?.attrs.jid)?.bare;
  if (jid !== undefined) see(rejoining ?? place, put(rooms, place.room, jid, affiliationIn(x)));
}

/** The client has been sent this change, or will be. */
export function see(one: { seen: number }, seq: number): void {
  one.seen = Math.max(one.seen, seq);
}

/**
 * Compares all three lists with those that are remembered. Returns the bare JIDs whose affiliation has changed; `undefined`
 * if there are too many members.
 *
 * @param since the `seq` of the room when it was asked: later changes are newer than the lists
 */
export function compareLists(
  rooms: Rooms,
  room: RoomMemory,
  lists: ReadonlyMap<List, ReadonlySet<string>>,
  since: number,
): string[] | undefined {
  const now = new Map<string, Affiliation>();
  for (const [list, jids] of lists) for (const jid of jids) now.set(jid, list);
  const { all } = room.members!;
  for (const [jid, { affiliation }] of all) if (isMember(affiliation) && !now.has(jid)) now.set(jid, 'none');
  const changed: string[] = [];
  for (const [jid, affiliation] of now) {
    const known = all.get(jid);
    if (known?.affiliation === affiliation || (known?.seq ?? 0) > since) continue;
    put(rooms, room, jid, affiliation);
    changed.push(jid);
  }
  return room.isLarge ? undefined : changed;
}

/** @param seq by default, it is a change */
function put(rooms: Rooms, room: RoomMemory, jid: string, affiliation: Affiliation, seq?: number): number {
  const all = room.members?.all;
  const known = all?.get(jid);
  if (all === undefined || known?.affiliation === affiliation) return known?.seq ?? 0;
  if (known === undefined && !isMember(affiliation)) return 0;
  const entry = { affiliation, seq: seq ?? ++room.seq };
  all.delete(jid); // The oldest change first.
  all.set(detach(jid), entry);
  if (known === undefined) rooms.countMember(room);
  if (all.size > MAX_MEMBERS) rooms.pruneMembers(room);
  if (all.size > MAX_MEMBERS || jid.length > MAX_JID) rooms.outgrown(room);
  return entry.seq;
}

/** The message of a room about a user who is not in it (XEP-0045 §10.6). */
export function membershipOf({ room, session }: Place, jid: string): Element {
  const { affiliation } = room.members?.all.get(jid) ?? { affiliation: 'none' };
  const x = xml('x', NS.MUC_USER, xml('item', { affiliation, jid }));
  return xml('message', { from: room.jid, to: `${session.jid}` }, x);
}
