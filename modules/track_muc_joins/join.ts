// A join: one session in one room, with its nick and the time of the last proof.
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
  /** While joining: the room has sent presence of our nick that does not identify our session. */
  NICK_SEEN: 2,
  /** A room's answer makes it likely, but does not prove, that the client is in the room. */
  UNPROVEN: 4,
} as const;

/** One session in one room. */
export interface Join {
  readonly session: C2SSession;
  readonly room: Room;
  /** The nick that the room last assigned; while joining, the requested one. */
  nick: string;
  state: JoinState;
  /**
   * Counts the joins, leaves and nick changes that the client has sent. Each voids earlier questions about the join.
   */
  epoch: number;
  flags: number;
  /** When the client last entered or requested to. In whole seconds since 1970, since small integers take no memory. */
  sinceSeconds: number;
  /** When the room last proved that this session is in it, in ms of `clock.elapsed`; 0 for never. */
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
  /** When a link with this domain last broke, in ms of `clock.elapsed`: stanzas may have been lost. */
  brokenAt: number;
  /** Until then, only streams that were authenticated after `brokenAt` prove anything. */
  settlesAt: number;
}

declare module 'enjamb/api' {
  interface C2SState {
    /** The rooms this client is in, by bare JID. Owned by track_muc_joins. */
    mucJoins?: Map<string, Join>;
    /**
     * Other addresses that the client has sent presence to: bare JID → ms of `clock.elapsed`. Owned by
     * track_muc_joins.
     */
    mucAddressed?: Map<string, number>;
    /** The nick last used, shared by all joins with the same nick. Owned by track_muc_joins. */
    mucNick?: string;
  }
  interface Events {
    /** The state or nick of a join has changed. */
    'track-muc-joins-change': Event<{ readonly join: Join }>;
  }
}

/** The most characters of a stored id; clients choose ids. */
const MAX_ID = 256;

/** A copy of an id, which does not keep its packet in memory (see `ownCopy` in entries.ts); `undefined` if too long. */
export function worthKeeping(id: string | undefined): string | undefined {
  return id === undefined || id.length > MAX_ID ? undefined : Buffer.from(id).toString();
}
