// Leaves that rooms have not confirmed. If a leave is lost, the room keeps a ghost: an occupant without a client. So
// a lost leave is owed: it is sent again when the link with its domain opens. Until then the link is wanted.
//
//            the room confirms, or refuses
//     sent ─────────────────────────────────▶ dropped
//      │ ▲                                        ▲
//      │ └────── the link opens ──────┐           │ the client has joined again
//      └─ the link broke, or ──────▶ owed ────────┘
//         could not be opened         ▲
//                                     └── leaves of clients of an earlier run (ghosts.ts)
//
// The link may be open while the service behind it is down. Then one leave is sent again after 15 s, 30 s, … 5 min.

import { BoundedMap, type Clock, type Jid, type Link, newId, type Stanza, type Timer, xml } from 'enjamb/api';
import {
  addDeparture,
  type Departure,
  type DepartureData,
  departuresBeside,
  findDeparture,
  keyOf,
  removeDeparture,
} from './departure_data.ts';
import { type Join, worthKeeping } from './join.ts';
import { Retries } from './retries.ts';

/** The time after which the client counts as gone even if the room has not confirmed its leave. */
const CONFIRM_MS = 10 * 60_000;
/** The time after which an owed leave is dropped. */
const FORGET_MS = 24 * 60 * 60_000;
/** A peer that closes a stream cleanly has read all stanzas that were sent this time before the close. */
const READ_MS = 5_000;
/** The most leaves for all domains; the oldest are dropped. */
const MAX_DEPARTURES = 100_000;
/** The most leaves of one account: the number of rooms that one client may be in. */
const MAX_OF_ACCOUNT = 5_000;
/** The most leaves per `BATCH_MS` to a domain that is reachable again. */
const BATCH = 100;
const BATCH_MS = 1_000;
/** The most answered leaves that are remembered, because a link may be about to resend them. */
const MAX_ANSWERED = 1_000;

export interface DepartureParts {
  readonly data: DepartureData;
  readonly clock: Clock;
  send(stanza: Stanza): void;
  after(delayMs: number, task: () => void): Timer;
  link(domain: string): Pick<Link, 'state' | 'want'>;
  /** Whether the client with this full JID is entering the room. */
  isEntering(full: string, room: string): boolean;
  /** Stops waiting for the room's confirmation: the client counts as gone. */
  settle(full: string, room: string): void;
  /** The leaves of this client have changed. */
  changed(full: string): void;
}

/** A client in a room. `from` is its full JID. */
interface Place {
  readonly from: string;
  readonly room: string;
  readonly nick: string;
  readonly domain: string;
}

export class Departures {
  readonly #parts: DepartureParts;
  readonly #data: DepartureData;
  readonly #retries: Retries;
  /** The keys of recently answered leaves, oldest first. */
  readonly #settled = new BoundedMap<string, true>(MAX_ANSWERED);
  /** The timers of next batches, by domain. */
  readonly #batches = new Map<string, Timer>();

  constructor(parts: DepartureParts) {
    this.#parts = parts;
    this.#data = parts.data;
    this.#retries = new Retries({
      ...parts,
      owes: (domain) => this.#owes(domain),
      sendOne: (domain) => this.#sendOne(domain),
      restored: (domain) => this.restored(domain),
    });
    for (const { state, domain } of this.#data.all.values())
      if (state === 'owed') this.#retries.start(domain);
  }

  /** Whether there are no leaves; checked for every stanza. */
  get none(): boolean {
    return this.#data.all.size === 0;
  }

  /** Call this when the client has sent its own leave, with this id. */
  sent(join: Join, id: string | undefined): void {
    this.#add(join, { state: 'sent', id: worthKeeping(id), hidden: false });
  }

  /** Sends a leave. `hidden`: the client does not know of it and gets no answer. */
  leave(join: Join, { hidden = true } = {}): void {
    this.#send(this.#add(join, { state: 'sent', id: undefined, hidden }));
  }

  /** Records a leave that is sent when the domain is reachable again. */
  owe(join: Join): void {
    this.#add(join, { state: 'owed', id: undefined, hidden: true });
    this.#retries.start(join.room.domain.name);
  }

  /** The same for a client of an earlier run of this server, by its full JID, which may still be in the room. */
  oweFor(from: string, room: Jid, nick: string): void {
    const place = { from, room: room.bare, nick, domain: room.domain };
    this.#addPlace(place, { state: 'owed', id: undefined, hidden: true });
    this.#retries.start(room.domain);
  }

  /** Call this when the server has started: leaves owed since an earlier run are sent soon. */
  begin(): void {
    this.#retries.begin();
  }

  /** A stream with a domain has ended. */
  closed(domain: string): void {
    this.#retries.closed(domain);
  }

  /** An attempt to open the link with a domain has failed. */
  failed(domain: string): void {
    this.settle(domain);
    this.#retries.failed(domain);
  }

  /** The unconfirmed leaves of a client, by its full JID. */
  *of(from: string): Generator<{ readonly room: string; readonly nick: string; readonly at: number }> {
    for (const { from: full, room, to, at } of departuresBeside(this.#data, from)) {
      if (full === from) yield { room, nick: to.slice(room.length + 1), at };
    }
  }

  /** Hides the leave when the session has ended: the next session with this full JID must not get its answer. */
  hide({ session, room }: Join): void {
    const departure = findDeparture(this.#data, `${session.jid}`, room.jid);
    if (departure) departure.hidden = true;
  }

  /** Whether a hidden leave was sent and is not answered. */
  isHidden(full: string, room: string): boolean {
    return this.#sent(full, room)?.hidden === true;
  }

  /** Call this when the room confirms a leave. Returns whether the leave is hidden. */
  confirmed(full: string, room: string): boolean {
    const departure = this.#sent(full, room);
    if (!departure) return false;
    this.#answered(departure);
    return departure.hidden;
  }

  /**
   * Call this for an error to presence of this client. `isLost`: the presence did not arrive. Returns whether the error
   * answers a hidden leave.
   */
  refused(full: string, room: string, id: string | undefined, isLost: boolean): boolean {
    const departure = findDeparture(this.#data, full, room);
    if (!departure) return false;
    const isNamed = departure.id !== undefined;
    if (isNamed ? departure.id !== id : !isLost || departure.state === 'owed') return false;
    if (isLost) this.#lost(departure);
    else this.#answered(departure);
    return departure.hidden;
  }

  /**
   * Call this when a link resends, or returns, a leave from a broken stream: it is not lost yet. Returns whether the
   * room has already answered the leave.
   */
  resending(full: string, room: string, id: string | undefined): boolean {
    const departure = findDeparture(this.#data, full, room);
    if (!departure) return this.#settled.has(keyOf(full, room));
    if (departure.id !== worthKeeping(id)) return false;
    departure.state = 'sent';
    departure.sentAt = this.#parts.clock.elapsed();
    departure.stream = undefined;
    return false;
  }

  /** Drops the leave because the client has joined again. Returns whether there was one. */
  superseded(full: string, room: string): boolean {
    const departure = findDeparture(this.#data, full, room);
    if (departure) this.#drop(departure);
    return departure !== undefined;
  }

  /** A stream carries this leave now. Until then the leave waits, and no stream that ends takes it along. */
  carried(full: string, room: string, id: string | undefined, stream: string): void {
    const departure = this.#sent(full, room);
    if (departure === undefined || departure.id !== worthKeeping(id)) return;
    departure.stream = stream;
    departure.sentAt = this.#parts.clock.elapsed();
  }

  /**
   * A stream has ended, or a service of ours is away. The leaves that it carried may be lost if no room confirmed them.
   * `how` tells which of them the peer has read in any case.
   */
  broken(domain: string, stream: string | undefined, how: 'all' | 'early' | 'none'): void {
    const readBefore = this.#parts.clock.elapsed() - READ_MS;
    for (const departure of this.#at(domain)) {
      if (departure.state !== 'sent') continue;
      if (departure.stream !== stream) {
        this.#parts.settle(departure.from, departure.room);
        continue;
      }
      // The client's own leave is lost even if it was read early: its answer may be lost, and the client waits for it.
      const isRead = how === 'all' || (how === 'early' && departure.resent && departure.sentAt <= readBefore);
      if (isRead) this.#drop(departure);
      else this.#lost(departure);
      this.#parts.settle(departure.from, departure.room);
    }
  }

  /** Stops waiting for confirmations, because answers may be lost. */
  settle(domain: string): void {
    for (const { state, from, room } of this.#at(domain))
      if (state === 'sent') this.#parts.settle(from, room);
  }

  /** Call this when the domain is reachable again: sends the owed leaves in batches. */
  restored(domain: string): void {
    this.#retries.clear(domain);
    if (!this.#batches.has(domain)) this.#sendBatch(domain);
  }

  /** Drops leaves that are too old. */
  sweep(): void {
    const now = this.#parts.clock.elapsed();
    for (const departure of this.#data.all.values()) {
      if (now - departure.at < CONFIRM_MS) return;
      const isDelivered = departure.state === 'sent' && now - departure.sentAt >= CONFIRM_MS;
      if (departure.state === 'sent') this.#parts.settle(departure.from, departure.room);
      if (isDelivered || now - departure.at > FORGET_MS) this.#drop(departure);
    }
  }

  #sendBatch(domain: string): void {
    this.#batches.delete(domain);
    const due = this.#due(domain);
    const hasMore = due.length > BATCH;
    // The next batch is scheduled first, because sending may throw (docs/adr/0024).
    if (hasMore) {
      this.#batches.set(
        domain,
        this.#parts.after(BATCH_MS, () => this.#sendBatch(domain)),
      );
    }
    for (const departure of due.slice(0, BATCH)) this.#resend(departure);
    if (hasMore) return;
    if (this.#owes(domain)) this.#retries.start(domain); // The room may refuse a client that is entering.
  }

  #owes(domain: string): boolean {
    return this.#at(domain).some(({ state }) => state === 'owed');
  }

  #sendOne(domain: string): Departure | undefined {
    const [departure] = this.#due(domain);
    if (departure) this.#resend(departure);
    return departure;
  }

  /** The service has answered, so it is up: sends what else is owed to it. */
  #answered(departure: Departure): void {
    const { from, room, domain } = departure;
    this.#drop(departure);
    this.#settled.set(keyOf(from, room), true);
    if (this.#retries.has(domain)) this.restored(domain);
  }

  #lost(departure: Departure): void {
    departure.state = 'owed';
    this.#batches.get(departure.domain)?.cancel();
    this.#batches.delete(departure.domain);
    this.#retries.start(departure.domain);
  }

  /**
   * The owed leaves that may be sent now. For a client that is entering, the room's answer to the join decides. One that is in,
   * as far as it knows, is about to be told that it is not: its join would have superseded an older leave.
   */
  #due(domain: string): Departure[] {
    const due: Departure[] = [];
    for (const departure of this.#at(domain)) {
      if (departure.state !== 'owed') continue;
      if (!this.#parts.isEntering(departure.from, departure.room)) due.push(departure);
    }
    return due;
  }

  #add({ session, room, nick }: Join, how: Pick<Departure, 'state' | 'id' | 'hidden'>): Departure {
    return this.#addPlace({ from: `${session.jid}`, room: room.jid, nick, domain: room.domain.name }, how);
  }

  #addPlace({ from, room, nick, domain }: Place, how: Pick<Departure, 'state' | 'id' | 'hidden'>): Departure {
    const at = this.#parts.clock.elapsed();
    this.superseded(from, room);
    this.#settled.delete(keyOf(from, room));
    const departure: Departure = {
      ...{ from, to: `${room}/${nick}`, room, domain },
      ...{ at, sentAt: at, stream: undefined, resent: false },
      ...how,
    };
    addDeparture(this.#data, departure);
    const own = departuresBeside(this.#data, from);
    if (own.size > MAX_OF_ACCOUNT) this.#drop(first(own));
    else if (this.#data.all.size > MAX_DEPARTURES) this.#drop(first(this.#data.all.values()));
    this.#parts.changed(from);
    return departure;
  }

  #drop(departure: Departure): void {
    removeDeparture(this.#data, departure);
    this.#retries.forget(departure);
    if (!this.#data.byDomain.has(departure.domain)) this.#retries.clear(departure.domain);
    this.#parts.changed(departure.from);
  }

  #resend(departure: Departure): void {
    departure.state = 'sent';
    departure.sentAt = this.#parts.clock.elapsed();
    departure.stream = undefined;
    departure.hidden = true;
    departure.resent = true;
    this.#send(departure);
  }

  #send(departure: Departure): void {
    departure.id = newId();
    this.#parts.send(leaveFrom(departure.from, departure.to, departure.id));
  }

  #sent(full: string, room: string): Departure | undefined {
    const departure = findDeparture(this.#data, full, room);
    return departure?.state === 'sent' ? departure : undefined;
  }

  #at(domain: string): Departure[] {
    return [...(this.#data.byDomain.get(domain) ?? [])];
  }
}

function first<T>(all: Iterable<T>): T {
  const [oldest] = all;
  return oldest!;
}

/** The presence by which a session leaves a room (XEP-0045 §7.14). */
function leaveFrom(from: string, to: string, id: string): Stanza {
  return xml('presence', { type: 'unavailable', id, from, to });
}
