// Assisted joining: the server joins for a client that was told it fell out of a room and does nothing about it, with the
// payload of the client's own join.
//
//     told ──▶ waiting ── 30 s without an act of the client ──▶ sent ──▶ the room's answer, as it is
//               │  └─ the client joins or leaves ──▶ nothing
//               └─ the remote cannot be reached ──▶ sent when it can
//
// A sleeping client is joined immediately: outside the room no message can wake its user.

import {
  type C2SSession,
  type ElapsedClock,
  Jid,
  type Module,
  newId,
  PacedQueue,
  type Payload,
  type Timer,
} from 'enjamb/api';
import type { Facts } from '../memory/facts.ts';
import type { Join, Joins, Place } from '../memory/memory.ts';
import { rejoinOf, seenAt } from '../memory/payload.ts';
import type { PayloadHolder } from '../memory/payloads.ts';
import type { Places } from '../memory/places.ts';
import { Sleepers } from './sleepers.ts';

type Notice = Payload<'ping-muc-notice'>;

/** The server has joined for a client. */
interface Rejoined {
  readonly at: number;
  /** This join has not created the room yet. */
  isUnseen: boolean;
}

export interface Waiting extends PayloadHolder {
  readonly occupant: Jid;
  /** What the room was when the client was told. */
  readonly facts: Facts | undefined;
  /** The client has missed the messages after this time (XEP-0082). */
  readonly seenAt: string;
  /** The server does not join after this time. */
  readonly until: number;
  /** Runs while the client may still act itself. */
  timer: Timer | undefined;
}

/** How long the client may take to act itself. */
const OWN_STEP_MS = 30_000;
/** If a room loses a client again within this time, the client has to join by itself. */
const PAUSE_MS = 10 * 60_000;
/** How long a join waits for a remote that cannot be reached. */
const GIVE_UP_MS = 24 * 60 * 60_000;
/** Between the return of a remote and the first join. */
const SETTLE_MS = 2_000;
/** Joins to one remote, and to one of its rooms, after its return. */
const JOINS_PER_SECOND = 100;
const ROOM_GAP_MS = 200;

export class AssistedRejoins {
  readonly #module: Pick<Module, 'ask' | 'log' | 'send' | 'report' | 'after' | 'clock' | 'onUnload'>;
  readonly #joins: Joins;
  /** Its timers end with the module. */
  readonly #clock: ElapsedClock;
  readonly #places: Places;
  readonly #rejoined = new WeakMap<Place, Rejoined>();
  /** By session, then by room. */
  readonly #waiting = new Map<C2SSession, Map<string, Waiting>>();
  /** The joins whose rooms cannot be reached, by remote. */
  readonly #cutOff = new Map<string, Set<Waiting>>();
  readonly #sleepers: Sleepers<Waiting>;

  constructor(
    module: Pick<Module, 'ask' | 'log' | 'send' | 'report' | 'after' | 'clock' | 'onUnload'>,
    joins: Joins,
    places: Places,
  ) {
    this.#module = module;
    this.#joins = joins;
    this.#places = places;
    const after = (delayMs: number, task: () => void) => module.after(delayMs, task);
    this.#clock = { elapsed: () => module.clock.elapsed(), after };
    this.#sleepers = new Sleepers(module, (waiting) => this.#send(waiting));
    module.onUnload(() => {
      for (const session of [...this.#waiting.keys()]) this.left(session);
    });
  }

  /** A join has passed into another state. */
  changed(join: Join): void {
    if (join.state !== 'joining') this.#sleepers.answered(join.session, join.room.jid);
  }

  /** Whether the server joins for the client once it is told. */
  takes(join: Join): boolean {
    const place = this.#places.get(join.session, join.room.jid);
    return (
      place?.join === join && this.#payloadFor(place) !== undefined && this.#sleepers.takes(join.session)
    );
  }

  /** The client has been told that it is out. */
  told({ session, room, nick, cause }: Notice): void {
    const place = this.#places.get(session, room);
    const payload = place && this.#payloadFor(place);
    if (payload === undefined) return;
    this.acted(session, room); // If it was told before.
    const { join, room: memory } = place!;
    const occupant = Jid.parse(`${room}/${nick}`);
    const until = this.#now() + GIVE_UP_MS;
    const waiting: Waiting = {
      session,
      occupant,
      payload: undefined,
      facts: memory.facts,
      seenAt: seenAt(join, this.#module.clock),
      until,
      timer: undefined,
    };
    this.#places.setPayload(waiting, payload);
    this.#add(waiting);
    if (cause === 'given-up') this.#cutOffOf(occupant.domain).add(waiting);
    else this.#await(waiting);
  }

  /** A room is new. Returns whether a join of the server has created it; true only once. */
  hasMade(session: C2SSession, room: string): boolean {
    const place = this.#places.get(session, room);
    const rejoined = place && this.#rejoined.get(place);
    if (!rejoined?.isUnseen) return false;
    rejoined.isUnseen = false;
    return true;
  }

  /** The client has acted on this room itself. */
  acted(session: C2SSession, room: string): void {
    const waiting = this.#waiting.get(session)?.get(room);
    if (waiting) this.#remove(waiting);
  }

  /** The client has asked whether it is in the room, and may act on the answer. */
  asked(session: C2SSession, room: string): void {
    const waiting = this.#waiting.get(session)?.get(room);
    if (waiting?.timer) this.#await(waiting);
  }

  /** The client goes offline, or its session ends. */
  left(session: C2SSession): void {
    for (const waiting of this.#of(session)) this.#remove(waiting);
    this.#sleepers.forget(session);
  }

  /** The client is awake. It sees the notices now, and may act. */
  resumed(session: C2SSession): void {
    this.#sleepers.forget(session);
    for (const waiting of this.#of(session)) if (!this.#isCutOff(waiting)) this.#await(waiting);
  }

  /** The remote can be reached again. */
  reachable(domain: string): void {
    if (!this.#cutOff.has(domain)) return;
    // The leaves that are owed there come first (track_muc_joins).
    this.#module.after(SETTLE_MS, () => {
      const queue = new PacedQueue<Waiting>({
        perSecond: JOINS_PER_SECOND,
        laneGapMs: ROOM_GAP_MS,
        clock: this.#clock,
      });
      for (const waiting of this.#cutOff.get(domain) ?? []) queue.push(waiting.occupant.bare, waiting);
      this.#cutOff.delete(domain);
      this.#drain(queue);
    });
  }

  #drain(queue: PacedQueue<Waiting>): void {
    const waitMs = queue.drain((waiting) => {
      try {
        if (this.#isWaiting(waiting)) this.#go(waiting);
      } catch (error) {
        this.#module.report(error); // The other clients still join again.
      }
    });
    if (waitMs !== undefined) this.#module.after(waitMs, () => this.#drain(queue));
  }

  /** Gives the client time to act, unless it sleeps. */
  #await(waiting: Waiting): void {
    waiting.timer?.cancel();
    waiting.timer = undefined;
    if (waiting.session.connected) waiting.timer = this.#module.after(OWN_STEP_MS, () => this.#go(waiting));
    else this.#go(waiting);
  }

  #go(waiting: Waiting): void {
    waiting.timer = undefined;
    if (waiting.session.connected) this.#send(waiting);
    else this.#sleepers.add(waiting);
  }

  /** Returns false if no answer of the room is expected. */
  #send(waiting: Waiting): boolean {
    const { log } = this.#module;
    const { session, occupant, payload, facts } = waiting;
    if (!this.#isWaiting(waiting) || payload === undefined) return false;
    this.#remove(waiting);
    if (this.#now() > waiting.until || this.#joins.get(session, occupant.bare)) return false;
    const user = session.jid.local ?? '';
    if (this.#module.ask('blocklist-blocks', { user, jid: occupant.bare })) return false;
    const id = newId();
    const join = this.#joins.enter(session, occupant, id);
    if (join === undefined) return false;
    const place = this.#places.begin(join, payload);
    place.room.facts ??= facts;
    this.#rejoined.set(place, { at: this.#now(), isUnseen: true });
    log.debug('joining again for a client', { session: session.id, room: occupant.bare });
    this.#module.send(rejoinOf({ session, occupant, payload, id }, { since: waiting.seenAt }));
    return true;
  }

  #now(): number {
    return this.#module.clock.elapsed();
  }

  #payloadFor(place: Place): string | undefined {
    const { at = Number.NEGATIVE_INFINITY } = this.#rejoined.get(place) ?? {};
    return at + PAUSE_MS <= this.#now() && !place.isUnwanted ? place.payload : undefined;
  }

  #add(waiting: Waiting): void {
    const rooms = this.#waiting.get(waiting.session) ?? new Map<string, Waiting>();
    this.#waiting.set(waiting.session, rooms.set(waiting.occupant.bare, waiting));
  }

  #remove(waiting: Waiting): void {
    const { session, occupant, timer } = waiting;
    timer?.cancel();
    this.#places.setPayload(waiting, undefined);
    const rooms = this.#waiting.get(session);
    rooms?.delete(occupant.bare);
    if (rooms?.size === 0) this.#waiting.delete(session);
    const cutOff = this.#cutOff.get(occupant.domain);
    cutOff?.delete(waiting);
    if (cutOff?.size === 0) this.#cutOff.delete(occupant.domain);
  }

  #isWaiting(waiting: Waiting): boolean {
    return this.#waiting.get(waiting.session)?.get(waiting.occupant.bare) === waiting;
  }

  #isCutOff(waiting: Waiting): boolean {
    return this.#cutOff.get(waiting.occupant.domain)?.has(waiting) === true;
  }

  #cutOffOf(domain: string): Set<Waiting> {
    const waiting = this.#cutOff.get(domain) ?? new Set();
    this.#cutOff.set(domain, waiting);
    return waiting;
  }

  #of(session: C2SSession): Waiting[] {
    return [...(this.#waiting.get(session)?.values() ?? [])];
  }
}
