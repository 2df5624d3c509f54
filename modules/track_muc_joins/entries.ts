// All joins of a host, by session and room and by domain, and their transitions.

import { BoundedMap, type C2SSession, type Clock, detach, type Jid, type Origin } from 'enjamb/api';
import { type Domain, FLAG, type Join, type Room, worthKeeping } from './join.ts';

/** A join or nick change that a client has requested and a room has not answered. */
interface Pending {
  /** The requested nick; `undefined` for a nick change that the room has announced. */
  readonly requested: string | undefined;
  /** The id of the join, if it has one; the room's error has the same (RFC 6120 §8.1.3). */
  readonly id: string | undefined;
  /** The nick to restore if the room refuses. */
  readonly previous: string | undefined;
  /** Whether the client may be in the room even if the room refuses this request. */
  readonly mayBeIn: boolean;
  /** In ms of `clock.elapsed`. */
  readonly at: number;
}

/** Plain data, which survives a reload of the module. */
export interface JoinData {
  readonly domains: Map<string, Domain>;
  readonly pending: Map<Join, Pending>;
}

/** The most tracked rooms of one session, and of all sessions of one account: far more than any known user has. */
const MAX_ROOMS = 5_000;
const MAX_OF_ACCOUNT = 10_000;
/** The most characters of room and nick. RFC 7622 allows 3,071 bytes, which no known room uses. */
const MAX_ADDRESS = 512;
/** The most addresses of one session that may turn out to be rooms, and the time within which they may. */
const MAX_ADDRESSED = 200;
const ADDRESSED_MS = 5 * 60_000;

/** All joins of one host. */
export class JoinIndex {
  readonly #data: JoinData;
  readonly #clock: Clock;
  readonly #changed: (join: Join) => void;
  /** Joins by account. */
  readonly #counts = new Map<string, number>();

  constructor(data: JoinData, clock: Clock, changed: (join: Join) => void) {
    this.#data = data;
    this.#clock = clock;
    this.#changed = changed;
    for (const { rooms } of data.domains.values()) {
      for (const { joins } of rooms.values()) for (const join of joins) this.#count(join, 1);
    }
  }

  get(session: C2SSession, room: string): Join | undefined {
    return session.state.mucJoins?.get(room);
  }

  domain(name: string): Domain | undefined {
    return this.#data.domains.get(name);
  }

  domains(): Iterable<Domain> {
    return this.#data.domains.values();
  }

  /** The request of the client that the room has not answered. */
  pending(join: Join): Pending | undefined {
    return this.#data.pending.get(join);
  }

  /** The client requests to enter, for the first time or again. Returns `undefined` if a bound prevents tracking. */
  begin(session: C2SSession, address: Jid, id: string | undefined): Join | undefined {
    const join = this.get(session, address.bare) ?? this.#create(session, address);
    const nick = ownCopy(session, address.resource ?? '');
    if (join === undefined) return undefined;
    const previous = join.state === 'joined' || join.state === 'renaming' ? join.nick : undefined;
    const isRepeated = join.state === 'joining' && join.epoch > 0; // The answer to the first may have been lost.
    const mayBeIn = previous !== undefined || isRepeated || this.#data.pending.get(join)?.mayBeIn === true;
    const at = this.#clock.elapsed();
    this.#data.pending.set(join, { requested: nick, id: worthKeeping(id), previous, mayBeIn, at });
    join.nick = nick;
    join.flags &= ~FLAG.NICK_SEEN;
    this.#move(join, 'joining');
    return join;
  }

  /** The client requests another nick. */
  rename(join: Join, nick: string): void {
    this.#data.pending.set(join, {
      requested: nick,
      id: undefined,
      previous: join.nick,
      mayBeIn: true,
      at: this.#clock.elapsed(),
    });
    this.#move(join, 'renaming');
  }

  /** The client has sent a leave. */
  leave(join: Join): void {
    this.#data.pending.delete(join);
    this.#move(join, 'leaving');
  }

  /** The room has shown that the session is in it, under this nick. */
  confirm(join: Join, nick: string, origin?: Origin): void {
    const isNew = join.nick !== nick;
    const changed = isNew || join.state !== 'joined';
    if (join.state === 'joining') join.sinceSeconds = this.#seconds();
    this.#data.pending.delete(join);
    if (isNew) join.nick = ownCopy(join.session, nick);
    join.state = 'joined';
    join.flags &= ~FLAG.NICK_SEEN;
    this.prove(join, origin);
    if (changed) this.#changed(join);
  }

  /** The room announces a new nick (status 303); its presence follows. */
  announce(join: Join, nick: string, origin: Origin): void {
    this.#data.pending.set(join, {
      requested: undefined,
      id: undefined,
      previous: undefined,
      mayBeIn: true,
      at: this.#clock.elapsed(),
    });
    join.nick = ownCopy(join.session, nick);
    join.state = 'renaming';
    this.prove(join, origin);
    this.#changed(join);
  }

  /** The room has refused the request: the client has its previous nick. */
  restore(join: Join): void {
    join.nick = this.#data.pending.get(join)?.previous ?? join.nick;
    this.#data.pending.delete(join);
    join.state = 'joined';
    this.#changed(join);
  }

  /** Removes a join. */
  remove(join: Join): void {
    if (join.state === 'gone') return;
    join.state = 'gone';
    this.#data.pending.delete(join);
    join.session.state.mucJoins?.delete(join.room.jid);
    this.#count(join, -1);
    this.#prune(join);
    this.#changed(join);
  }

  /**
   * Records a stanza that rooms send only to occupants (incoming.ts has the rules). It proves nothing if it may have
   * been sent before the link broke.
   */
  prove(join: Join, origin?: Origin): void {
    if (join.state !== 'joined' && join.state !== 'renaming') return;
    const now = this.#clock.elapsed();
    const { brokenAt, settlesAt } = join.room.domain;
    if (now < settlesAt && origin !== undefined && !isNewer(origin, brokenAt)) return;
    join.provenAt = now;
    if (join.flags & FLAG.UNPROVEN) join.flags &= ~FLAG.UNPROVEN;
  }

  /** Records that the client has sent plain presence to this address, which may be a room that admits it (§7.2.18). */
  address(session: C2SSession, bare: string): void {
    if (bare.length > MAX_ADDRESS) return;
    session.state.mucAddressed ??= new BoundedMap(MAX_ADDRESSED);
    session.state.mucAddressed.set(detach(bare), this.#clock.elapsed());
  }

  /** Makes a join without a request with `<x/>`, if the client has recently sent presence to the room. */
  adopt(session: C2SSession, address: Jid, origin: Origin): Join | undefined {
    const at = session.state.mucAddressed?.get(address.bare);
    if (at === undefined || this.#clock.elapsed() - at > ADDRESSED_MS) return undefined;
    const join = this.#create(session, address);
    if (join !== undefined) this.confirm(join, address.resource ?? '', origin);
    return join;
  }

  #seconds(): number {
    return Math.floor(this.#clock.now() / 1_000);
  }

  #create(session: C2SSession, address: Jid): Join | undefined {
    session.state.mucJoins ??= new Map();
    const joins = session.state.mucJoins;
    if (joins.size >= MAX_ROOMS || `${address}`.length > MAX_ADDRESS) return undefined;
    if ((this.#counts.get(session.jid.bare) ?? 0) >= MAX_OF_ACCOUNT) return undefined;
    const room = this.#room(address);
    const sinceSeconds = this.#seconds();
    const nick = ownCopy(session, address.resource ?? '');
    const join: Join = {
      session,
      room,
      nick,
      state: 'joining',
      epoch: 0,
      flags: 0,
      sinceSeconds,
      provenAt: 0,
    };
    joins.set(room.jid, join);
    room.joins.add(join);
    this.#count(join, 1);
    return join;
  }

  #count({ session }: Join, change: 1 | -1): void {
    const account = session.jid.bare;
    const count = (this.#counts.get(account) ?? 0) + change;
    if (count === 0) this.#counts.delete(account);
    else this.#counts.set(account, count);
  }

  #room(address: Jid): Room {
    const domain: Domain = this.domain(address.domain) ?? {
      name: address.domain,
      rooms: new Map(),
      brokenAt: 0,
      settlesAt: 0,
    };
    this.#data.domains.set(domain.name, domain);
    const room = domain.rooms.get(address.bare) ?? { jid: address.bare, domain, joins: new Set() };
    domain.rooms.set(room.jid, room);
    return room;
  }

  #prune(join: Join): void {
    const { room } = join;
    room.joins.delete(join);
    if (room.joins.size > 0) return;
    room.domain.rooms.delete(room.jid);
    if (room.domain.rooms.size === 0) this.#data.domains.delete(room.domain.name);
  }

  #move(join: Join, state: 'joining' | 'renaming' | 'leaving'): void {
    join.state = state;
    join.epoch++;
    this.#changed(join);
  }
}

/** Whether the stanza was sent after the break. Stanzas from this server's own services are always new. */
function isNewer(origin: Origin, brokenAt: number): boolean {
  if (origin.kind !== 's2s') return true;
  return origin.authenticatedAt !== undefined && origin.authenticatedAt > brokenAt;
}

/**
 * A copy of the nick, shared by all joins with the same nick. A string from the parser would keep its whole packet in
 * memory.
 */
function ownCopy({ state }: C2SSession, nick: string): string {
  if (state.mucNick !== nick) state.mucNick = Buffer.from(nick).toString();
  return state.mucNick;
}
