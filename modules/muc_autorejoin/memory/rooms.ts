// What rooms have shown to our clients: the occupants (the roll), and those who have left.

import { detach, type Element, NS } from 'enjamb/api';
import {
  type Affiliation,
  type Entry,
  nickOf,
  type Place,
  type RoomData,
  type RoomMemory,
  type View,
  type ViewName,
} from './memory.ts';
import type { Print } from './prints.ts';
import { newRing } from './ring.ts';

/** Entries of all rolls. */
export const MAX_OCCUPANTS = 200_000;
/** Of one view. */
export const MAX_DEPARTED = 320;
/** The departures that are left when more are forgotten: some together, since each time all places of the room are read. */
const KEPT_DEPARTED = 256;

export class Rooms {
  readonly #data: RoomData;
  readonly #maxOccupants: number;

  /** @param maxOccupants of one room */
  constructor(data: RoomData, maxOccupants: number) {
    this.#data = data;
    this.#maxOccupants = maxOccupants;
  }

  get seed(): number {
    return this.#data.seed;
  }

  get all(): ReadonlyMap<string, RoomMemory> {
    return this.#data.rooms;
  }

  get occupants(): number {
    return this.#data.occupants;
  }

  /** Adds a place to its room. */
  enter(jid: string, domain: string, place: (room: RoomMemory) => Place): Place {
    const room = this.#data.rooms.get(jid) ?? newRoom(jid, domain);
    this.#data.rooms.set(room.jid, room);
    const added = place(room);
    room.places.add(added);
    room.views[added.view].places++;
    return added;
  }

  leave(place: Place): void {
    const { room } = place;
    if (!room.places.delete(place)) return;
    room.views[place.view].places--;
    if (room.places.size > 0) return;
    this.#forgetPeople(room);
    this.#data.rooms.delete(room.jid);
  }

  /**
   * Changes the view of a place. The client knows occupants from the other view, so these are new to it in this one.
   *
   * @param shown the occupants that the client was shown there; `undefined` for all of this one
   */
  move(place: Place, view: ViewName, shown: Iterable<string> | undefined): void {
    if (place.view === view) return;
    const { room, view: before } = place;
    place.view = view;
    room.views[view].places++;
    room.views[before].places--;
    if (shown === undefined) room.views[view].doubtedSeq = room.seq;
    for (const nick of shown ?? []) {
      const entry = room.views[view].roll.get(nick);
      if (entry) entry.print = undefined;
    }
  }

  /** Notes the presence of an occupant. Returns its `seq`. */
  shown(place: Place, nick: string, print: Print, affiliation: Affiliation): number {
    const { room, view } = place;
    const { roll, departed, doubtedSeq } = room.views[view];
    const known = roll.get(nick);
    if (known?.print === print && known.seq > doubtedSeq) return known.seq;
    const seq = ++room.seq;
    if (known) {
      known.print = print;
      known.seq = seq;
      known.affiliation = affiliation;
    } else if (!room.isLarge) {
      const { since = seq } = departed.get(nick) ?? room.views[otherThan(view)].roll.get(nick) ?? {};
      roll.set(detach(nick), { print, seq, since, affiliation });
      departed.delete(nick);
      this.#data.occupants++;
      if (roll.size > this.#maxOccupants || this.#data.occupants > MAX_OCCUPANTS) this.outgrown(room);
    }
    return seq;
  }

  /** Notes that an occupant has left. Returns the `seq` of the leave; 0 for an unknown occupant. */
  left({ room, view }: Place, nick: string): number {
    const { roll, departed } = room.views[view];
    const other = room.views[otherThan(view)];
    let entry = roll.get(nick);
    if (other.places === 0) {
      entry ??= other.roll.get(nick); // The client knows it from that view.
      this.#strike(other, nick);
    }
    if (entry === undefined) return departed.get(nick)?.seq ?? 0;
    this.#strike(room.views[view], nick);
    entry.seq = ++room.seq;
    departed.set(detach(nick), entry);
    if (departed.size > MAX_DEPARTED) this.#forgetDepartures(room, departed);
    return entry.seq;
  }

  /** The nicks that the client knows, except its own, with the last affiliation of each. */
  known(place: Place): Map<string, Affiliation> {
    const { room, view, seen } = place;
    const [own, met] = [nickOf(place), metUntil(place)];
    const { [view]: here, [otherThan(view)]: there } = room.views;
    const known = new Map<string, Affiliation>();
    const add = (nick: string, { since, affiliation }: Entry) => {
      if (nick !== own && since <= met && !known.has(nick)) known.set(nick, affiliation);
    };
    for (const { roll } of [here, there]) for (const [nick, entry] of roll) add(nick, entry);
    for (const { departed } of [here, there])
      for (const [nick, entry] of departed) if (entry.seq > seen) add(nick, entry);
    return known;
  }

  /** The nicks in the room that the client does not know. */
  *unknown(place: Place): Generator<string> {
    const { room, view } = place;
    const [own, met] = [nickOf(place), metUntil(place)];
    for (const [nick, { since }] of room.views[view].roll) if (nick !== own && since > met) yield nick;
  }

  /** Some clients were not sent the newest presence of these nicks, so their next presence counts as new. */
  blur({ room, view, seen }: Place, nicks: Iterable<string>): void {
    for (const nick of nicks) {
      const entry = room.views[view].roll.get(nick);
      if (entry && entry.seq > seen) entry.print = undefined;
    }
  }

  #strike(view: View, nick: string): void {
    if (view.roll.delete(nick)) this.#data.occupants--;
  }

  /** Counts a remembered member of a private group as an occupant. */
  countMember(room: RoomMemory): void {
    if (++this.#data.occupants > MAX_OCCUPANTS) this.outgrown(room);
  }

  /** Forgets removed members when all our clients have been sent the removal. */
  pruneMembers({ members, places }: RoomMemory): void {
    const seen = Math.min(...[...places].map((place) => place.seen));
    for (const [jid, { affiliation, seq }] of members?.all ?? [])
      if (!isMember(affiliation) && seq <= seen && members?.all.delete(jid)) this.#data.occupants--;
  }

  /** It is no private group any more. */
  forgetMembers(room: RoomMemory): void {
    this.#data.occupants -= room.members?.all.size ?? 0;
    room.members = undefined;
  }

  /** The room is too large to be remembered. */
  outgrown(room: RoomMemory): void {
    room.isLarge = true;
    this.#forgetPeople(room);
  }

  #forgetPeople(room: RoomMemory): void {
    for (const view of Object.values(room.views)) {
      this.#data.occupants -= view.roll.size;
      view.roll.clear();
      view.departed.clear();
    }
    this.forgetMembers(room);
  }

  /** Forgets departures that all our clients have been sent, and the oldest: then some clients cannot be joined silently. */
  #forgetDepartures({ behind, places }: RoomMemory, departed: View['departed']): void {
    let seen = Number.POSITIVE_INFINITY;
    for (const place of places) if (!behind.has(place)) seen = Math.min(seen, place.seen);
    let forgotten = 0;
    for (const [nick, { seq }] of departed) {
      if (seq > seen && departed.size <= KEPT_DEPARTED) break;
      departed.delete(nick);
      forgotten = seq;
    }
    if (forgotten > seen) for (const place of places) if (place.seen < forgotten) behind.add(place);
  }
}

/** The last change among the occupants that the client was sent. */
function metUntil({ seen, rejoined }: Place): number {
  return Math.max(seen, rejoined?.given ?? 0);
}

function otherThan(view: ViewName): ViewName {
  return view === 'open' ? 'masked' : 'open';
}

/** Notes the room's own presence or subject. Returns the entry. */
export function entryOf(room: RoomMemory, name: 'own' | 'subject', print: Print): Entry {
  const known = room[name];
  if (known?.print === print) return known;
  const seq = ++room.seq;
  const entry: Entry = { print, seq, since: seq, affiliation: 'none' };
  room[name] = entry;
  return entry;
}

function newRoom(jid: string, domain: string): RoomMemory {
  const view = (): View => ({ roll: new Map(), departed: new Map(), doubtedSeq: 0, places: 0 });
  return {
    jid,
    domain,
    places: new Set(),
    behind: new WeakSet(),
    views: { open: view(), masked: view() },
    ring: newRing(),
    seq: 0,
    own: undefined,
    subject: undefined,
    facts: undefined,
    settingsSeq: 0,
    members: undefined,
    making: undefined,
    isLarge: false,
  };
}

/** The highest first. */
export const RANKS: readonly Affiliation[] = ['owner', 'admin', 'member', 'none', 'outcast'];

/** XEP-0045 §5.2, as the `<item/>` of a presence says. */
export function affiliationIn(x: Element | undefined): Affiliation {
  return asAffiliation(x?.getChild('item', NS.MUC_USER)?.attrs.affiliation);
}

export function asAffiliation(text: string | undefined): Affiliation {
  for (const rank of RANKS) if (rank === text) return rank;
  return 'none';
}

export function isMember(affiliation: Affiliation): boolean {
  return affiliation !== 'none' && affiliation !== 'outcast';
}

/** The number of people. */
export function sizeOf({ views }: RoomMemory): number {
  return Math.max(views.open.roll.size, views.masked.roll.size);
}
