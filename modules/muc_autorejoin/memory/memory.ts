// The data of this module: rooms, and places (one client in one room). It is plain data, so it survives a reload of the code.
//
// `seq` counts the changes of a room. A client that was sent everything up to `seen` knows an entry if `entry.seq <= seen`.
// A room shows the addresses of its occupants to some clients and not to others, hence two views, each with a roll.

import type { C2SSession, Exports } from 'enjamb/api';
import type { Facts } from './facts.ts';
import type { Print } from './prints.ts';
import type { Ring, Said } from './ring.ts';

export type Joins = Exports['track_muc_joins'];
export type Join = NonNullable<ReturnType<Joins['get']>>;

/**
 * ```
 *       loss           its turn            self-presence            history, archive
 *  in ────────▶ lost ───────────▶ joining ──────────────▶ catching-up ─────────────▶ in
 *                 ▲ └───────────────────────────────────────▲   │
 *                 └──── no answer, link lost, lost again ───────┘
 * ```
 * A client that joins by itself is `in` from its join on: `Join.state` says the rest.
 */
export type PlaceState = 'in' | 'lost' | 'joining' | 'catching-up';

/** Plain data. */
export interface Place {
  readonly session: C2SSession;
  readonly room: RoomMemory;
  join: Join;
  state: PlaceState;
  /** The time of the client's own last join, in ms of `clock.elapsed`. */
  readonly since: number;
  /** The payload of the client's own join; `undefined` if the server cannot join for it. Changed by `Places.setPayload`. */
  payload: string | undefined;
  /** Since then the user has removed the bookmark of the room, or its `autojoin`: the server does not join. */
  isUnwanted: boolean;
  view: ViewName;
  /** The last change of the room that the client was sent. */
  seen: number;
  /** The last message of the room that the client was sent. */
  heard: Said | undefined;
  self: Self | undefined;
  /** The client has received the subject, which ends the answer to a join. */
  hasSubject: boolean;
  /** `undefined` until the server has joined for the client. */
  rejoined: Rejoined | undefined;
}

/** What the joins of the server for a client leave behind. Few places have it, so it takes no memory in the others. */
export interface Rejoined {
  /** How often the client has caught up, and how long its last loss took, in ms. */
  times: number;
  gapMs: number;
  /** The last change among the occupants that it was sent when the room let it in again. `seen` follows after the messages. */
  given: number;
  /** Until then, the room may let the client in a second time: it was too late for the first join of the server. */
  echoUntil: number;
}

/** The client's own presence in the room, as it was sent to the client. */
export interface Self {
  /** The nick that the client believes it has: `Join.nick` is what the room has said, which may be held. */
  readonly nick: string;
  /** Includes the nick. */
  readonly print: Print;
  readonly affiliation: Affiliation;
  /** XEP-0421; another one shows that the room was created again. */
  readonly occupantId: string | undefined;
  /** Status codes that programs show each time: 100 and 170 (XEP-0045 §7.2.3, §7.2.12). */
  readonly codes: readonly string[];
}

/** The nick that the client believes it has. */
export function nickOf({ self, join }: Place): string {
  return self?.nick ?? join.nick;
}

export type Affiliation = 'owner' | 'admin' | 'member' | 'none' | 'outcast';

/** One item that a room has shown: an occupant, its subject, its own presence. */
export interface Entry {
  /** `undefined`: some of our clients do not have the newest presence. (No number stands for that: V8 would box all of them.) */
  print: Print | undefined;
  seq: number;
  /** The `seq` of its arrival, in whichever view. A nick that returns before all our clients were sent its leave keeps the old one. */
  readonly since: number;
  affiliation: Affiliation;
}

export interface View {
  readonly roll: Map<string, Entry>;
  /** Nicks that have left. The oldest first. */
  readonly departed: Map<string, Entry>;
  /** Of entries up to this `seq`, some of our clients do not have the newest presence. */
  doubtedSeq: number;
  /** The number of our clients with this view. */
  places: number;
}

/** The members of a private group (XEP-0045 §9.5). */
export interface Members {
  /** The lists that clients have read. */
  readonly read: Set<Affiliation>;
  /** By bare JID. Removed members stay until all our clients have been sent the removal. */
  readonly all: Map<string, { readonly affiliation: Affiliation; readonly seq: number }>;
}

export interface RoomMemory {
  /** The bare JID. */
  readonly jid: string;
  readonly domain: string;
  readonly places: Set<Place>;
  /** Places that were not sent departures which the server has forgotten: it cannot join silently for them. */
  readonly behind: WeakSet<Place>;
  readonly views: { readonly open: View; readonly masked: View };
  readonly ring: Ring;
  seq: number;
  /** The presence of the room itself (avatar, capabilities). */
  own: Entry | undefined;
  subject: Entry | undefined;
  facts: Facts | undefined;
  /** The `seq` of the last known change of the settings. */
  settingsSeq: number;
  /** `undefined`: it is no private group, or no client has read a list. */
  members: Members | undefined;
  /** The facts of the old room, while a new one that a join of the server has created is locked. */
  making: Facts | undefined;
  /** It had too many occupants. Its people are not remembered until all our clients have left. */
  isLarge: boolean;
}

export type ViewName = keyof RoomMemory['views'];

/** Plain data: survives a reload of the module's code. */
export interface RoomData {
  readonly rooms: Map<string, RoomMemory>;
  /** The seed of all fingerprints. */
  readonly seed: number;
  /** Entries of all rolls. */
  occupants: number;
}

declare module 'enjamb/api' {
  interface C2SState {
    /** The client's places, by room. Owned by muc_autorejoin. */
    mucPlaces?: Map<string, Place>;
  }
}
