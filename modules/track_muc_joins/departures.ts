// Leaves that rooms have not confirmed. One that did not arrive leaves a ghost behind: an occupant whom nobody can
// reach and who does not know that it is there. So a leave that was lost is sent again when the domain is back.
//
//            the room confirms, or refuses
//     sent ─────────────────────────────────▶ forgotten
//      │ ▲                                        ▲
//      │ └──── the domain is back ────┐           │ the client is in again
//      └─ it broke, or cannot be ──▶ owed ────────┘
//         reached

import { type Clock, type Jid, newId, type Stanza, xml } from 'enjamb/api';
import { type Join, worthKeeping } from './join.ts';

interface Departure {
  /** The full JID that has left; its session may be gone. */
  readonly from: string;
  /** The occupant address, as last known. */
  readonly to: string;
  readonly room: string;
  readonly domain: string;
  readonly at: number;
  state: 'sent' | 'owed';
  /** When it was last sent. */
  sentAt: number;
  /** Of the presence, if the client gave it one: the room's error has the same (RFC 6120 §8.1.3). */
  id: string | undefined;
  /** The client knows nothing of this leave, so it gets no answer to it either. */
  quiet: boolean;
  /** It was sent a second time already. */
  resent: boolean;
}

/** Plain data: survives a reload of the module's code. */
export interface DepartureData {
  /** By `keyOf`, the oldest first. */
  readonly all: Map<string, Departure>;
  readonly byDomain: Map<string, Set<Departure>>;
  readonly byClient: Map<string, Set<Departure>>;
}

export function newDepartures(): DepartureData {
  return { all: new Map(), byDomain: new Map(), byClient: new Map() };
}

/** After that the client counts as gone, whether the room confirms it or not. */
const CONFIRM_MS = 10 * 60_000;
/** After that no room needs to be told any more. */
const FORGET_MS = 24 * 60 * 60_000;
/** A peer that closes a stream in order has read what was sent so long before. */
const READ_MS = 5_000;
/** Of all domains together; what is older is forgotten. */
const MAX_DEPARTURES = 50_000;
/** So many leaves in a second at most when a domain is back. */
const BATCH = 100;
const BATCH_MS = 1_000;

export interface DepartureParts {
  readonly data: DepartureData;
  readonly clock: Clock;
  send(stanza: Stanza): void;
  after(delayMs: number, task: () => void): unknown;
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

  constructor(parts: DepartureParts) {
    this.#parts = parts;
    this.#data = parts.data;
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

  /** A leave that has to be made up for when the domain is back. */
  owe(join: Join): void {
    this.#add(join, { state: 'owed', id: undefined, quiet: true });
  }

  /** A client of an earlier run of this server, which died with it, may still be in this room. */
  oweFor(from: string, room: Jid, nick: string): void {
    const place = { from, room: room.bare, nick, domain: room.domain };
    this.#addPlace(place, { state: 'owed', id: undefined, quiet: true });
  }

  /** The leaves of this client that nobody has confirmed. */
  *of(from: string): Generator<{ readonly room: string; readonly nick: string; readonly at: number }> {
    for (const { room, to, at } of this.#data.byClient.get(from) ?? []) {
      yield { room, nick: to.slice(room.length + 1), at };
    }
  }

  /** The client's session has ended: whoever has its address next knows nothing of its leaves. */
  hush({ session, room }: Join): void {
    const departure = this.#data.all.get(keyOf(`${session.jid}`, room.jid));
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
    this.#drop(departure);
    return departure.quiet;
  }

  /**
   * The room, or whoever could not reach it, has refused presence of this address; `isLost`: it did not arrive. Answers
   * whether that was a leave of which the client is not to hear.
   */
  refused(full: string, room: string, id: string | undefined, isLost: boolean): boolean {
    const departure = this.#sent(full, room);
    if (!departure) return false;
    const isAnswer = departure.id === undefined ? isLost : departure.id === id;
    if (!isAnswer) return false;
    if (isLost) departure.state = 'owed';
    else this.#drop(departure);
    return departure.quiet;
  }

  /** The client has been let in: there is nothing left to make up for. */
  superseded(full: string, room: string): void {
    const departure = this.#data.all.get(keyOf(full, room));
    if (departure) this.#drop(departure);
  }

  /** A stream broke: what nobody confirmed may be lost. `orderly`: the peer has read all before it closed. */
  broken(domain: string, orderly: boolean): void {
    const readBefore = this.#parts.clock.now() - READ_MS;
    for (const departure of this.#at(domain)) {
      if (departure.state !== 'sent') continue;
      if (orderly && departure.resent && departure.sentAt <= readBefore) this.#drop(departure);
      else departure.state = 'owed';
      this.#parts.settle(departure.from, departure.room);
    }
  }

  /** The domain can be reached again: sends what is owed, a batch at a time. */
  restored(domain: string): void {
    const owed = this.#at(domain).filter(({ state }) => state === 'owed');
    // Of who is on its way in, the room's answer to that settles it.
    const due = owed.filter(({ from, room }) => this.#parts.standing(from, room) !== 'entering');
    for (const departure of due.slice(0, BATCH)) {
      if (this.#parts.standing(departure.from, departure.room) === 'in') this.#drop(departure);
      else this.#resend(departure);
    }
    if (due.length > BATCH) this.#parts.after(BATCH_MS, () => this.restored(domain));
  }

  /** Forgets what has been waited for too long. */
  sweep(): void {
    const now = this.#parts.clock.now();
    for (const departure of this.#data.all.values()) {
      const age = now - departure.at;
      if (age < CONFIRM_MS) return;
      if (departure.state === 'sent') this.#parts.settle(departure.from, departure.room);
      if (age > FORGET_MS) this.#drop(departure);
    }
  }

  #add({ session, room, nick }: Join, how: Pick<Departure, 'state' | 'id' | 'quiet'>): Departure {
    return this.#addPlace({ from: `${session.jid}`, room: room.jid, nick, domain: room.domain.name }, how);
  }

  #addPlace({ from, room, nick, domain }: Place, how: Pick<Departure, 'state' | 'id' | 'quiet'>): Departure {
    const { all, byDomain, byClient } = this.#data;
    const at = this.#parts.clock.now();
    this.superseded(from, room);
    const departure: Departure = {
      ...{ from, to: `${room}/${nick}`, room, domain },
      ...{ at, sentAt: at, resent: false },
      ...how,
    };
    all.set(keyOf(from, room), departure);
    addTo(byDomain, domain, departure);
    addTo(byClient, from, departure);
    if (all.size > MAX_DEPARTURES) this.#drop(all.values().next().value!);
    this.#parts.changed(from);
    return departure;
  }

  #drop(departure: Departure): void {
    const { all, byDomain, byClient } = this.#data;
    all.delete(keyOf(departure.from, departure.room));
    removeFrom(byDomain, departure.domain, departure);
    removeFrom(byClient, departure.from, departure);
    this.#parts.changed(departure.from);
  }

  #resend(departure: Departure): void {
    departure.state = 'sent';
    departure.sentAt = this.#parts.clock.now();
    departure.quiet = true;
    departure.resent = true;
    this.#send(departure);
  }

  #send(departure: Departure): void {
    departure.id = newId();
    this.#parts.send(leaveFrom(departure.from, departure.to, departure.id));
  }

  #sent(full: string, room: string): Departure | undefined {
    const departure = this.#data.all.get(keyOf(full, room));
    return departure?.state === 'sent' ? departure : undefined;
  }

  #at(domain: string): Departure[] {
    return [...(this.#data.byDomain.get(domain) ?? [])];
  }
}

/** The presence by which a session leaves a room (XEP-0045 §7.14). */
function leaveFrom(from: string, to: string, id: string): Stanza {
  return xml('presence', { type: 'unavailable', id, from, to });
}

function addTo(sets: Map<string, Set<Departure>>, key: string, departure: Departure): void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(departure));
}

function removeFrom(sets: Map<string, Set<Departure>>, key: string, departure: Departure): void {
  const set = sets.get(key);
  set?.delete(departure);
  if (set?.size === 0) sets.delete(key);
}

function keyOf(full: string, room: string): string {
  return `${full} ${room}`;
}
