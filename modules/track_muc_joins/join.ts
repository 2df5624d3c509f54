// What is remembered: which session is in which room, under which nick, and when that was last proved.
//
//   domain ── room ── join ── session          one join per (session, room); rooms and domains are shared

import type { C2SSession, Event } from 'enjamb/api';

/**
 * ```
 *           join          110            leave            110, or undeliverable
 *   (none) ─────▶ joining ────▶ joined ────────▶ leaving ────────────────────▶ gone
 *                     ▲          │  ▲
 *                join └──────────┤  │ 110, error, or 303
 *                       new nick ▼  │
 *                             renaming
 * ```
 */
export type JoinState = 'joining' | 'joined' | 'renaming' | 'leaving' | 'gone';

/** The flags of a join, kept as one small number: there may be a hundred thousand joins. */
export const FLAG = {
  /** The room does not mark self-presence with status 110. */
  NO_110: 1,
  /** Our nick has been seen in the room while joining, without anything that says it is us. */
  NICK_SEEN: 2,
  /** A room's answer makes it likely that the client is in, and does not prove it. */
  UNPROVEN: 4,
} as const;

/** One session in one room. */
export interface Join {
  readonly session: C2SSession;
  readonly room: Room;
  /** The nick that the room last told this client, or the one asked for while joining. */
  nick: string;
  state: JoinState;
  /** Counts joins, leaves and nick changes that the client has sent: what was asked before one is void after it. */
  epoch: number;
  flags: number;
  /** When the client was last let in, or asked to be. In whole seconds, which take no memory of their own. */
  sinceSeconds: number;
  /** When the room last showed that this session is in it, in ms of `clock.elapsed`; 0 for never. */
  provenAt: number;
}

export interface Room {
  /** The bare JID. */
  readonly jid: string;
  readonly domain: Domain;
  readonly joins: Set<Join>;
}

export interface Domain {
  readonly name: string;
  readonly rooms: Map<string, Room>;
  /** When stanzas from or to this domain were last in danger of being lost, in ms of `clock.elapsed`. */
  brokenAt: number;
  /** Until then, only streams that were authenticated after `brokenAt` prove anything. */
  settlesAt: number;
}

declare module 'enjamb/api' {
  interface C2SState {
    /** The rooms this client is in, by bare JID. Owned by track_muc_joins. */
    mucJoins?: Map<string, Join>;
    /** Other addresses that the client has sent presence to: bare JID → when. Owned by track_muc_joins. */
    mucAddressed?: Map<string, number>;
    /** The nick last used; most clients have the same one everywhere. Owned by track_muc_joins. */
    mucNick?: string;
  }
  interface Events {
    /** A join has passed into another state, or has got another nick. */
    'track-muc-joins-change': Event<{ readonly join: Join }>;
  }
}

/** Ids come from clients, which may make them as long as they like. */
const MAX_ID = 256;

/** An id of our own to keep, if it is one that anybody would use; see `ownCopy` in `entries.ts`. */
export function worthKeeping(id: string | undefined): string | undefined {
  return id === undefined || id.length > MAX_ID ? undefined : Buffer.from(id).toString();
}
