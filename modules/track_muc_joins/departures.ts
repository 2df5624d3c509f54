// Leaves that rooms have not confirmed. One that did not arrive leaves a ghost in the room: an occupant that nobody can
// reach. So a leave that was lost is sent again when the link with its domain opens, which is wanted until then.
//
//            the room confirms, or refuses
//     sent ─────────────────────────────────▶ forgotten
//      │ ▲                                        ▲
//      │ └────── the link opens ──────┐           │ the client is in again
//      └─ the link broke, or ──────▶ owed ────────┘
//         could not be opened         ▲
//                                     └── leaves of clients of an earlier run (ghosts.ts)
//
// A link may be open while the service behind it is away. Then one leave is sent again after 15 s, 30 s, … 5 min.

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

/** After that the client counts as gone, whether the room confirms it or not. */
const CONFIRM_MS = 10 * 60_000;
/** After that no room needs to be told any more. */
const FORGET_MS = 24 * 60 * 60_000;
/** A peer that closes a stream in order has read what was sent so long before. */
const READ_MS = 5_000;
/** Of all domains together; what is older is forgotten. */
const MAX_DEPARTURES = 100_000;
/** Of one account: as many as one client can be in rooms, so that nobody uses up what is there for all. */
const MAX_OF_ACCOUNT = 5_000;
/** So many leaves in a second at most when a domain is back. */
const BATCH = 100;
const BATCH_MS = 1_000;
/** Leaves that were answered of late, in case they are about to be sent again. */
const MAX_ANSWERED = 1_000;

export interface DepartureParts {
  readonly data: DepartureData;
  readonly clock: Clock;
  send(stanza: Stanza): void;
  after(delayMs: number, task: () => void): Timer;
  link(domain: string): Pick<Link, 'state' | 'want'>;
  /** Whether this address is in that room again, or on its way in. */
  standing(full: string, room: string): 'in' | 'entering' | 'out';
  /** The room's word is no longer waited for: the client counts as gone. */
  settle(full: string, room: string): void;
  /** A leave of this client is waited for from now on, or no longer. */
  changed(full: string): void;
}

/** Who leaves what. */
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
  /** Clients and rooms of leaves that were answered of late, the oldest first. */
  readonly #settled = new BoundedMap<string, true>(MAX_ANSWERED);
  /** By domain: before the next batch. */
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

  /** Whether no leave is waited for: rules out all else, once per stanza. */
  get none(): boolean {
    return this.#data.all.size === 0;
  }

  /** The client's own leave is on its way, under this id. */
  sent(join: Join, id: string | undefined): void {
    this.#add(join, { state: 'sent', id: worthKeeping(id), quiet: false });
  }

  /** Sends a leave; `quiet`: one that the client knows nothing of. */
  leave(join: Join, { quiet = true } = {}): void {
    this.#send(this.#add(join, { state: 'sent', id: undefined, quiet }));
  }

  /** A leave that has to be made up for when the domain, which nobody can reach, is back. */
  owe(join: Join): void {
    this.#add(join, { state: 'owed', id: undefined, quiet: true });
    this.#retries.start(join.room.domain.name);
  }

  /** A client of an earlier run of this server, which died with it, may still be in this room. */
  oweFor(from: string, room: Jid, nick: string): void {
    const place = { from, room: room.bare, nick, domain: room.domain };
    this.#addPlace(place, { state: 'owed', id: undefined, quiet: true });
    this.#retries.start(room.domain);
  }

  /** The server has started: what is owed since an earlier run is sent soon. */
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

  /** The leaves of this client that nobody has confirmed. */
  *of(from: string): Generator<{ readonly room: string; readonly nick: string; readonly at: number }> {
    for (const { from: full, room, to, at } of departuresBeside(this.#data, from)) {
      if (full === from) yield { room, nick: to.slice(room.length + 1), at };
    }
  }

  /** The client's session has ended: whoever has its address next knows nothing of its leaves. */
  hush({ session, room }: Join): void {
    const departure = findDeparture(this.#data, `${session.jid}`, room.jid);
    if (departure) departure.quiet = true;
  }

  /** Whether a leave is on its way of which the client knows nothing. */
  isQuiet(full: string, room: string): boolean {
    return this.#sent(full, room)?.quiet === true;
  }

  /** The room has said that this address is no longer in it. Answers whether the client is not to hear of it. */
  confirmed(full: string, room: string): boolean {
    const departure = this.#sent(full, room);
    if (!departure) return false;
    this.#answered(departure);
    return departure.quiet;
  }

  /**
   * The room, or whoever could not reach it, has refused presence of this address; `isLost`: it did not arrive. Answers
   * whether that was a leave of which the client is not to hear.
   */
  refused(full: string, room: string, id: string | undefined, isLost: boolean): boolean {
    const departure = findDeparture(this.#data, full, room);
    if (!departure) return false;
    const isNamed = departure.id !== undefined;
    if (isNamed ? departure.id !== id : !isLost || departure.state === 'owed') return false;
    if (isLost) this.#lost(departure);
    else this.#answered(departure);
    return departure.quiet;
  }

  /**
   * A leave was on a stream that broke, and whoever keeps such stanzas sends it again, or returns it. Until then it is
   * not lost. Answers whether the room has answered it.
   */
  repeated(full: string, room: string, id: string | undefined): boolean {
    const departure = findDeparture(this.#data, full, room);
    if (!departure) return this.#settled.has(keyOf(full, room));
    if (departure.id !== worthKeeping(id)) return false;
    departure.state = 'sent';
    departure.sentAt = this.#parts.clock.elapsed();
    return false;
  }

  /** The client has been let in: there is nothing left to make up for. Answers whether a leave may be on its way. */
  superseded(full: string, room: string): boolean {
    const departure = findDeparture(this.#data, full, room);
    if (departure) this.#drop(departure);
    return departure !== undefined;
  }

  /** A stream broke: what nobody confirmed may be lost; `how`: what the peer has certainly read all the same. */
  broken(domain: string, how: 'all' | 'early' | 'none'): void {
    const readBefore = this.#parts.clock.elapsed() - READ_MS;
    for (const departure of this.#at(domain)) {
      if (departure.state !== 'sent') continue;
      // Of a client's own leave the answer may have been lost, and its client waits for it.
      const isRead = how === 'all' || (how === 'early' && departure.resent && departure.sentAt <= readBefore);
      if (isRead) this.#drop(departure);
      else this.#lost(departure);
      this.#parts.settle(departure.from, departure.room);
    }
  }

  /** Answers may be lost: nobody is waited for any more. */
  settle(domain: string): void {
    for (const { state, from, room } of this.#at(domain))
      if (state === 'sent') this.#parts.settle(from, room);
  }

  /** The domain can be reached again: sends what is owed, a batch at a time. */
  restored(domain: string): void {
    this.#retries.clear(domain);
    if (!this.#batches.has(domain)) this.#sendBatch(domain);
  }

  /** Forgets what has been waited for too long. */
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
    // The next batch is planned first: sending may throw (docs/adr/0024).
    if (hasMore) {
      this.#batches.set(
        domain,
        this.#parts.after(BATCH_MS, () => this.#sendBatch(domain)),
      );
    }
    for (const departure of due.slice(0, BATCH)) this.#resend(departure);
    if (hasMore) return;
    if (this.#owes(domain)) this.#retries.start(domain); // A client on its way in may be refused.
  }

  #owes(domain: string): boolean {
    return this.#at(domain).some(({ state }) => state === 'owed');
  }

  #sendOne(domain: string): Departure | undefined {
    const [departure] = this.#due(domain);
    if (departure) this.#resend(departure);
    return departure;
  }

  /** The service is there: what else it is owed can be sent. */
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

  /** What is owed and can be sent. Of who is on its way in, the room's answer to that settles it. */
  #due(domain: string): Departure[] {
    const due: Departure[] = [];
    for (const departure of this.#at(domain)) {
      if (departure.state !== 'owed') continue;
      const standing = this.#parts.standing(departure.from, departure.room);
      if (standing === 'in') this.#drop(departure);
      else if (standing === 'out') due.push(departure);
    }
    return due;
  }

  #add({ session, room, nick }: Join, how: Pick<Departure, 'state' | 'id' | 'quiet'>): Departure {
    return this.#addPlace({ from: `${session.jid}`, room: room.jid, nick, domain: room.domain.name }, how);
  }

  #addPlace({ from, room, nick, domain }: Place, how: Pick<Departure, 'state' | 'id' | 'quiet'>): Departure {
    const at = this.#parts.clock.elapsed();
    this.superseded(from, room);
    this.#settled.delete(keyOf(from, room));
    const departure: Departure = {
      ...{ from, to: `${room}/${nick}`, room, domain },
      ...{ at, sentAt: at, resent: false },
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
    departure.quiet = true;
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
