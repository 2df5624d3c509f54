// Leaves that rooms have not confirmed. One that did not arrive leaves a ghost behind: an occupant whom nobody can
// reach and who does not know that it is there. So a leave that was lost is sent again when the domain is back.

import { type Clock, type Element, newId, type Stanza, xml } from 'enjamb/api';
import type { Join } from './join.ts';

interface Departure {
  /** The full JID that has left; its session may be gone. */
  readonly from: string;
  /** The occupant address, as last known. */
  readonly to: string;
  readonly room: string;
  readonly at: number;
  /** When it was last sent. */
  readonly sentAt: number;
  /** The client knows nothing of this leave, so it gets no confirmation of it either. */
  readonly quiet: boolean;
  /** It was sent a second time already. */
  readonly resent: boolean;
}

/** By domain; within it by `key`. Plain data: survives a reload of the module's code. */
interface Leaves {
  /** Sent, not confirmed. In the order of sending. */
  readonly open: Map<string, Departure>;
  /** Lost: to be sent when the domain is back. */
  readonly owed: Map<string, Departure>;
}
export type DepartureData = Map<string, Leaves>;

/** After that the client counts as gone, whether the room confirms it or not. */
const CONFIRM_MS = 10 * 60_000;
/** After that no room needs to be told any more. */
const FORGET_MS = 24 * 60 * 60_000;
/** A peer that closes a stream in order has read what was sent so long before. */
const READ_MS = 5_000;
const MAX_PER_DOMAIN = 10_000;
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
}

export class Departures {
  readonly #parts: DepartureParts;

  constructor(parts: DepartureParts) {
    this.#parts = parts;
  }

  /** Whether no leave is waited for: rules out all else, once per stanza. */
  get none(): boolean {
    return this.#parts.data.size === 0;
  }

  /** A leave is on its way. */
  sent(join: Join, options: { quiet?: boolean } = {}): void {
    const leaves = this.#leaves(join.room.domain.name);
    const departure = this.#departure(join, options.quiet ?? false);
    leaves.owed.delete(keyOf(departure.from, departure.room));
    put(leaves.open, departure);
    this.#expire(leaves);
  }

  /** Sends the leave of a client that has said goodbye to everybody at once. */
  send(join: Join): void {
    this.#parts.send(leaveFrom(`${join.session.jid}`, `${join.room.jid}/${join.nick}`));
  }

  /** Sends a leave that the client knows nothing of. */
  leave(join: Join): void {
    this.sent(join, { quiet: true });
    this.send(join);
  }

  /** A leave that has to be made up for when the domain is back. */
  owe(join: Join): void {
    put(this.#leaves(join.room.domain.name).owed, this.#departure(join, true));
  }

  /** The room has said that this address is no longer in it. Answers whether the client is not to hear of it. */
  confirmed(domain: string, full: string, room: string): boolean {
    const leaves = this.#parts.data.get(domain);
    const key = keyOf(full, room);
    const departure = leaves?.open.get(key);
    if (!leaves || !departure) return false;
    leaves.open.delete(key);
    this.#tidy(domain, leaves);
    return departure.quiet;
  }

  /** The client has been let in: there is nothing left to make up for. */
  superseded(domain: string, full: string, room: string): void {
    const leaves = this.#parts.data.get(domain);
    if (!leaves) return;
    leaves.open.delete(keyOf(full, room));
    leaves.owed.delete(keyOf(full, room));
    this.#tidy(domain, leaves);
  }

  /** The leave came back. Answers whether the client is not to hear of it. */
  undeliverable(domain: string, full: string, room: string): boolean {
    const leaves = this.#parts.data.get(domain);
    const departure = leaves?.open.get(keyOf(full, room));
    if (!leaves || !departure) return false;
    leaves.open.delete(keyOf(full, room));
    put(leaves.owed, departure);
    return departure.quiet;
  }

  /** A stream broke: what nobody confirmed may be lost. `orderly`: the peer has read all before it closed. */
  broken(domain: string, orderly: boolean): void {
    const leaves = this.#parts.data.get(domain);
    if (!leaves) return;
    const now = this.#parts.clock.now();
    for (const departure of [...leaves.open.values()]) {
      leaves.open.delete(keyOf(departure.from, departure.room));
      if (!orderly || !departure.resent || departure.sentAt > now - READ_MS) put(leaves.owed, departure);
      this.#parts.settle(departure.from, departure.room);
    }
    this.#expire(leaves);
    this.#tidy(domain, leaves);
  }

  /** The domain can be reached again: sends what is owed, a batch at a time. */
  restored(domain: string): void {
    const leaves = this.#parts.data.get(domain);
    if (!leaves || leaves.owed.size === 0) return;
    this.#expire(leaves);
    const before = leaves.owed.size;
    for (const departure of [...leaves.owed.values()].slice(0, BATCH)) {
      const standing = this.#parts.standing(departure.from, departure.room);
      if (standing === 'entering') continue; // Settled by the room's answer to that.
      leaves.owed.delete(keyOf(departure.from, departure.room));
      if (standing === 'in') continue;
      put(leaves.open, { ...departure, quiet: true, resent: true, sentAt: this.#parts.clock.now() });
      this.#parts.send(leaveFrom(departure.from, departure.to));
    }
    if (leaves.owed.size > 0 && leaves.owed.size < before)
      this.#parts.after(BATCH_MS, () => this.restored(domain));
    this.#tidy(domain, leaves);
  }

  /** Forgets what has been waited for too long. */
  sweep(): void {
    for (const [domain, leaves] of this.#parts.data) {
      this.#expire(leaves);
      this.#tidy(domain, leaves);
    }
  }

  #departure(join: Join, quiet: boolean): Departure {
    const { session, room, nick } = join;
    const at = this.#parts.clock.now();
    return {
      from: `${session.jid}`,
      to: `${room.jid}/${nick}`,
      room: room.jid,
      at,
      sentAt: at,
      quiet,
      resent: false,
    };
  }

  #leaves(domain: string): Leaves {
    const leaves = this.#parts.data.get(domain) ?? { open: new Map(), owed: new Map() };
    this.#parts.data.set(domain, leaves);
    return leaves;
  }

  #expire({ open, owed }: Leaves): void {
    const now = this.#parts.clock.now();
    for (const { from, room, at } of open.values()) {
      if (at >= now - CONFIRM_MS) break;
      this.#parts.settle(from, room);
    }
    dropWhile(open, ({ at }) => at < now - FORGET_MS || open.size > MAX_PER_DOMAIN);
    dropWhile(owed, ({ at }) => at < now - FORGET_MS || owed.size > MAX_PER_DOMAIN);
  }

  #tidy(domain: string, leaves: Leaves): void {
    if (leaves.open.size + leaves.owed.size === 0) this.#parts.data.delete(domain);
  }
}

/** The presence by which a session leaves a room (XEP-0045 §7.14). */
function leaveFrom(from: string, to: string): Element {
  return xml('presence', { type: 'unavailable', id: newId(), from, to });
}

function keyOf(full: string, room: string): string {
  return `${full} ${room}`;
}

function put(map: Map<string, Departure>, departure: Departure): void {
  const key = keyOf(departure.from, departure.room);
  map.delete(key);
  map.set(key, departure);
}

function dropWhile(map: Map<string, Departure>, isDue: (departure: Departure) => boolean): void {
  for (const [key, departure] of map) {
    if (!isDue(departure)) return;
    map.delete(key);
  }
}
