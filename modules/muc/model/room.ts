// A room and its occupants as plain data, which survives a reload of this module, and functions that query them.

import type { Element, Jid, Node } from 'enjamb/api';
import type { Affiliation, Role } from './ranks.ts';
import type { RoomConfig } from './settings.ts';

/** One client in a room, by its full JID. Several clients of one user may share a nick (XEP-0045 §7.2.8). */
export interface Seat {
  /** The full JID. */
  readonly jid: string;
  occupant: Occupant;
  /** The children of the client's last presence, without those that only the room may send. */
  presence: readonly Node[];
  /** The memory of `presence`, see presence_payload.ts. */
  presenceBytes: number;
  priority: number;
  /** A number that grows with every presence in the room: among equal priorities, the latest client is the main one. */
  turn: number;
}

/** One nick in a room. */
export interface Occupant {
  nick: string;
  /** The real bare JID. */
  readonly bare: string;
  /** XEP-0421. */
  readonly id: string;
  role: Role;
  readonly seats: Map<string, Seat>;
  /**
   * The cached available presence for other occupants: with real addresses (`nonAnonymous`) and without. `forgetViews`
   * clears it when something in it changes.
   */
  view: { nonAnonymous?: Element | undefined; semiAnonymous?: Element | undefined };
}

/** A user's affiliation, reserved nick and reason, which the room keeps across visits. */
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
  /** The memory of this entry. */
  readonly bytes: number;
  /** The memory of the message as elements, in bytes. */
  readonly weight: number;
}

export interface Subject {
  readonly text: string;
  /** The nick of the occupant who set the subject. */
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
  /** The creator's bare JID; `undefined` for an administrator on the command line. */
  readonly creator: string | undefined;
  /** By bare JID; a domain may be banned as a whole (§9.2). */
  readonly affiliations: Map<string, AffiliationEntry>;
  /** Reserved nick → bare JID of its user. */
  readonly reserved: Map<string, string>;
  /** The memory of `affiliations`, see affiliations.ts. */
  affiliationBytes: number;
  /** By nick. */
  readonly occupants: Map<string, Occupant>;
  /** By full JID. */
  readonly seats: Map<string, Seat>;
  /** The memory of the presence of all seats, see presence_payload.ts. */
  presenceBytes: number;
  /** Oldest first. */
  readonly history: HistoryEntry[];
  /** The memory of `history`, see ring.ts. */
  historyBytes: number;
  subject: Subject | undefined;
  /** The key of occupant ids. */
  readonly secret: string;
  /** The time of creation, in ms of `clock.elapsed`. Set until the owner has configured the room (§10.1.1). */
  lockedSince: number | undefined;
  /** Whether the owner has requested the form of the new room (§10.1.3) but has not submitted it. */
  configuring: boolean;
  /** Pending invitations: invitee → inviter, bare JIDs. Only these can be declined through the room. */
  readonly invitations: Map<string, string>;
  turn: number;
}

/** Call this after any change of an occupant's presence, role or affiliation. */
export function forgetViews(occupant: Occupant): void {
  occupant.view = {};
}

/** The affiliation of a user. Its own entry has precedence over a ban of its domain (§9.2). */
export function affiliationOf(room: Readonly<Room>, bare: string): Affiliation {
  const own = room.affiliations.get(bare);
  if (own) return own.affiliation;
  const domain = bare.slice(bare.indexOf('@') + 1);
  return room.affiliations.get(domain)?.affiliation === 'outcast' ? 'outcast' : 'none';
}

/** Whether an occupant with this role sees real JIDs (§7.2.3, §7.2.4). */
export function seesJids(room: Readonly<Room>, role: Role): boolean {
  return room.config.whois === 'anyone' || role === 'moderator';
}

/** The seat of a client, by its full JID: a bare JID or a nick does not identify a client. */
export function seatOf(room: Readonly<Room> | undefined, client: Jid): Seat | undefined {
  return room?.seats.get(client.toString());
}

/** All occupants of one user, who may have several nicks. */
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

/** A moderator of the client's user: the client's own occupant, or another one (§8: matched by bare JID). */
export function moderatorOf(room: Room, client: Jid): Occupant | undefined {
  const own = seatOf(room, client)?.occupant;
  if (own?.role === 'moderator') return own;
  return occupantsOf(room, client.bare).find(({ role }) => role === 'moderator');
}

/** The main client of an occupant: that with the highest priority, then with the latest presence. */
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
