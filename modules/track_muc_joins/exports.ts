// The interface for other modules: `module.use('track_muc_joins')`.

import type { C2SSession, Clock, Jid, Origin } from 'enjamb/api';
import type { Departures } from './departures.ts';
import type { JoinIndex } from './entries.ts';
import { type Domain, FLAG, type Join } from './join.ts';

export interface Joins {
  get(session: C2SSession, room: string): Join | undefined;
  /** The rooms of one domain that have a client of ours. */
  domain(name: string): Domain | undefined;
  domains(): Iterable<Domain>;
  /** Puts a domain in doubt: for `settleMs`, only stanzas on newer streams prove anything. */
  doubt(domain: Domain, settleMs: number): void;
  /**
   * Call this when the room has shown that this session is in it. `origin`: of the stanza, if it may precede a break.
   */
  prove(join: Join, origin?: Origin): void;
  /** Call this when an answer makes it likely, but does not prove, that this session is in the room. */
  presume(join: Join): void;
  /** Call this when the room has the session under another nick than the tracked one. */
  adopt(join: Join, nick: string): void;
  /** The join or nick change that the client has requested and the room has not confirmed. */
  requested(join: Join): Request | undefined;
  /**
   * Call this before sending a join for the client, with this id. Returns `undefined` if the client is in too many
   * rooms.
   */
  enter(session: C2SSession, occupant: Jid, id: string): Join | undefined;
  /** Removes the join: the client has left the room, and knows it. */
  remove(join: Join): void;
  /** Sends a leave that is hidden from the client. */
  leave(join: Join): void;
  /** The same for a client that will be told in any case: from now on it counts as leaving, whatever the room sends. */
  withdraw(join: Join): void;
  /** The same as `leave` when the domain is reachable again, unless the client has joined again by then. */
  leaveLater(join: Join): void;
  /** Sends a leave for the client, which gets the answer of the room. The join is `leaving` until then. */
  quit(join: Join): void;
}

export interface Request {
  readonly nick: string;
  /** In ms of `clock.elapsed`. */
  readonly at: number;
  /** The id of the join. */
  readonly id: string | undefined;
}

/** For `enjamb joins`. */
export interface JoinNote {
  /** Instead of the join's own state. */
  readonly state?: string;
  /** How often the server has joined for the client. */
  readonly again?: number;
  /** How long the last loss took, in seconds. */
  readonly gap?: number;
}

declare module 'enjamb/api' {
  interface Exports {
    track_muc_joins: Joins;
  }
  interface Items {
    /** Returns one word for `enjamb joins` that says whether a domain of rooms is in doubt. */
    'muc-domain-state': (domain: string) => string;
    /** What a module that joins for clients knows of a join, for `enjamb joins`. */
    'muc-join-note': (join: Join) => JoinNote | undefined;
    /** Whether a module is joining for the client, so that nobody need ask the room about it. */
    'muc-join-taken': (join: Join) => boolean;
  }
}

export function exportsOf(index: JoinIndex, departures: Departures, clock: Clock): Joins {
  return {
    get: (session, room) => index.get(session, room),
    domain: (name) => index.domain(name),
    domains: () => index.domains(),
    doubt(domain, settleMs) {
      domain.brokenAt = clock.elapsed();
      domain.settlesAt = domain.brokenAt + settleMs;
    },
    prove: (join, origin) => index.prove(join, origin),
    presume(join) {
      join.flags |= FLAG.UNPROVEN;
    },
    adopt: (join, nick) => index.confirm(join, nick),
    requested(join) {
      const { requested: nick, at = 0, id } = index.pending(join) ?? {};
      return nick === undefined ? undefined : { nick, at, id };
    },
    enter: (session, occupant, id) => index.begin(session, occupant, id),
    remove: (join) => index.remove(join),
    leave: (join) => departures.leave(join),
    withdraw(join) {
      index.leave(join);
      departures.leave(join);
    },
    leaveLater: (join) => departures.owe(join),
    quit(join) {
      index.leave(join);
      departures.leave(join, { hidden: false });
    },
  };
}
