// A room and who is in it: plain data, so that it survives a reload of this module, and the questions asked of it.

import type { Element, Jid, Node } from 'enjamb/api';
import type { Affiliation, Role } from './ranks.ts';
import type { RoomConfig } from './settings.ts';

/** One client in a room, by its full JID. Several of one user may share a nick (XEP-0045 §7.2.8). */
export interface Seat {
  /** The full JID. */
  readonly jid: string;
  occupant: Occupant;
  /** What the client last said about its presence, without what only the room may say. */
  presence: readonly Node[];
  /** Memory of `presence`, see presence_payload.ts. */
  presenceBytes: number;
  priority: number;
  /** Rises with every presence of anybody in the room: the latest wins among equal priorities. */
  turn: number;
}

/** One nick in a room. */
export interface Occupant {
  nick: string;
  /** The bare real JID. */
  readonly bare: string;
  /** XEP-0421. */
  readonly id: string;
  role: Role;
  readonly seats: Map<string, Seat>;
  /**
   * Its available presence as others see it, ready to be sent: with real addresses (`nonAnonymous`) and without. Forgotten
   * by `forgetViews` when something in it changes.
   */
  view: { nonAnonymous?: Element | undefined; semiAnonymous?: Element | undefined };
}

/** What a room remembers of somebody across visits. */
export interface AffiliationEntry {
  readonly affiliation: Exclude<Affiliation, 'none'>;
  /** The reserved nick (§7.12). */
  readonly nick?: string;
  readonly reason?: string;
}

/** A message of the history. */
export interface HistoryEntry {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The message with its stamp, without `to`. */
  readonly text: string;
  /** Memory of this entry. */
  readonly bytes: number;
  /** Memory of the message as elements, in bytes. */
  readonly weight: number;
}

export interface Subject {
  readonly text: string;
  /** The nick of whoever set it. */
  readonly nick: string;
  readonly occupantId: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface Room {
  /** The localpart. */
  readonly name: string;
  /** The bare JID. */
  readonly jid: string;
  config: RoomConfig;
  /** The creator's bare JID; `undefined` for an administrator at the command line. */
  readonly creator: string | undefined;
  /** By bare JID; a domain may be banned as a whole (§9.2). */
  readonly standings: Map<string, AffiliationEntry>;
  /** Reserved nick → bare JID of its user. */
  readonly reserved: Map<string, string>;
  /** Memory of `standings`, see standings.ts. */
  standingBytes: number;
  /** By nick. */
  readonly occupants: Map<string, Occupant>;
  /** By full JID. */
  readonly seats: Map<string, Seat>;
  /** Memory of the presence of all seats, see presence_payload.ts. */
  presenceBytes: number;
  /** Oldest first. */
  readonly history: HistoryEntry[];
  /** Memory of `history`, see history.ts. */
  historyBytes: number;
  subject: Subject | undefined;
  /** What occupant ids are made with. */
  readonly secret: string;
  /** When the room was created, in ms of `clock.elapsed`. Set until its owner has configured it (§10.1.1). */
  lockedSince: number | undefined;
  /** The owner has asked for the form of the new room (§10.1.3) and has not sent it back yet. */
  configuring: boolean;
  /** Invitations under way: invitee → inviter, bare JIDs. Only these may be declined through the room. */
  readonly invitations: Map<string, string>;
  turn: number;
}

/** Call this after any change of what others see of an occupant. */
export function forgetViews(occupant: Occupant): void {
  occupant.view = {};
}

/** §9.2: the user's own standing counts before a ban of its whole domain. */
export function affiliationOf(room: Readonly<Room>, bare: string): Affiliation {
  const own = room.standings.get(bare);
  if (own) return own.affiliation;
  const domain = bare.slice(bare.indexOf('@') + 1);
  return room.standings.get(domain)?.affiliation === 'outcast' ? 'outcast' : 'none';
}

/** Whether somebody may see the real JIDs of occupants (§7.2.3, §7.2.4). */
export function seesJids(room: Readonly<Room>, role: Role): boolean {
  return room.config.whois === 'anyone' || role === 'moderator';
}

/** The seat of a client; full JIDs only: a bare JID or a nick proves nothing. */
export function seatOf(room: Readonly<Room> | undefined, client: Jid): Seat | undefined {
  return room?.seats.get(client.toString());
}

/** Everybody of one user, who may be there under several nicks. */
export function occupantsOf(room: Room, bare: string): Occupant[] {
  return [...room.occupants.values()].filter((occupant) => occupant.bare === bare);
}

/** The occupants by bare JID and by domain, for many look-ups. */
export function occupantsByAddress(room: Room): ReadonlyMap<string, readonly Occupant[]> {
  const found = new Map<string, Occupant[]>();
  for (const occupant of room.occupants.values()) {
    const { bare } = occupant;
    for (const key of new Set([bare, bare.slice(bare.indexOf('@') + 1)])) {
      const others = found.get(key);
      if (others) others.push(occupant);
      else found.set(key, [occupant]);
    }
  }
  return found;
}

/** Who moderates: the client's own occupant, or any other of the same user (§8: matched by bare JID). */
export function moderatorOf(room: Room, client: Jid): Occupant | undefined {
  const own = seatOf(room, client)?.occupant;
  if (own?.role === 'moderator') return own;
  return occupantsOf(room, client.bare).find(({ role }) => role === 'moderator');
}

/** The client that speaks for an occupant: the highest priority, then the latest presence. */
export function mainSeat(occupant: Occupant): Seat {
  let best: Seat | undefined;
  for (const seat of occupant.seats.values()) {
    if (
      !best ||
      seat.priority > best.priority ||
      (seat.priority === best.priority && seat.turn > best.turn)
    ) {
      best = seat;
    }
  }
  if (!best) throw new Error('An occupant without clients');
  return best;
}
