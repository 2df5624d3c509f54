// What other modules may ask and say about joins: `module.use('track_muc_joins')`.

import type { C2SSession, Clock, Jid, Origin } from 'enjamb/api';
import type { Departures } from './departures.ts';
import type { JoinIndex } from './entries.ts';
import { type Domain, FLAG, type Join } from './join.ts';

export interface Joins {
  get(session: C2SSession, room: string): Join | undefined;
  /** The rooms of one domain that any of our clients is in. */
  domain(name: string): Domain | undefined;
  domains(): Iterable<Domain>;
  /** A domain is in doubt: what comes within `settleMs` proves nothing, unless a newer stream brings it. */
  doubt(domain: Domain, settleMs: number): void;
  /** The room has shown that this session is in it; `origin` is what brought that, if it may be older than a break. */
  prove(join: Join, origin?: Origin): void;
  /** The room has let it be understood, without a proof. */
  presume(join: Join): void;
  /** The room knows the session under another nick than we did. */
  adopt(join: Join, nick: string): void;
  /** What the client has asked for and the room has not confirmed: to be let in under a nick, or another nick. */
  requested(join: Join): Request | undefined;
  /**
   * The caller asks the room to let the client in, in its place, by a presence with this id. `undefined`: the
   * client is in too many rooms.
   */
  enter(session: C2SSession, occupant: Jid, id: string): Join | undefined;
  /** The client is no longer in the room, and knows. */
  remove(join: Join): void;
  /** Takes the session out of the room, without a word to the client. */
  leave(join: Join): void;
  /** As `leave`, once the domain can be reached again, unless the client has joined anew by then. */
  leaveLater(join: Join): void;
}

export interface Request {
  readonly nick: string;
  /** In ms of `clock.elapsed`. */
  readonly at: number;
  /** The id of the presence that asks to be let in. */
  readonly id: string | undefined;
}

declare module 'enjamb/api' {
  interface Exports {
    track_muc_joins: Joins;
  }
  interface Items {
    /** Says whether a domain of rooms is in doubt, in a word for `enjamb joins`; of the module that looks after that. */
    'muc-domain-state': (domain: string) => string;
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
    leaveLater: (join) => departures.owe(join),
  };
}
