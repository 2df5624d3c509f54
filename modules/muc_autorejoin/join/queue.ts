// The joins to each remote: which is next, how many are unanswered, how fast.
//
//   One join is alone after an outage (the canary). One client enters each room first; the others of that room follow once
//   it has caught up. Connected clients come before sleeping ones, rooms heard lately before quiet ones.

import { Backoff, CongestionWindow, Rate, ResettableTimer } from 'enjamb/api';
import type { Place, RoomMemory } from '../memory/memory.ts';
import { sizeOf } from '../memory/rooms.ts';
import type { Context } from '../shared/context.ts';
import { Lane, WAIT } from './lane.ts';

/** The functions that the queue calls. */
export interface Joiner {
  /** Joins now. Returns false if nothing was sent. */
  join(place: Place): boolean;
  /** The earliest time for the next join to this place, in ms of `clock.elapsed`. */
  readyAt(place: Place): number;
}

const WINDOW = { first: 4, largest: 32 };
/** The most occupants of rooms with unanswered joins. */
const MAX_PEOPLE = 2_000;
const SMALL_ROOM = 50;
/** The pause before the first join to a room, in which more of its clients may be found lost, perhaps with a higher affiliation. */
const GATHER_MS = 250;
/** The least time between two joins to one room. */
const ROOM_GAP_MS = 50;
/** The same for services that take long for a join. */
const HEAVY_GAP_MS = 1_000;
const HEAVY_ANSWER_MS = 10_000;
/** How long a room may take to answer; a gateway needs more. */
const ANSWER_MS = { usual: 30_000, heavy: 120_000 };
/** After this many refusals of type `wait` in a row, the queue of the remote pauses. */
const BUSY_ROOMS = 3;

/** Joins a second, to all remotes together. */
const TOTAL_RATE = 200;

/** The queues of all remotes. */
export class Queues {
  readonly #context: Context;
  readonly #joiner: Joiner;
  readonly #total: Rate;
  readonly #queues = new Map<string, RemoteQueue>();

  constructor(context: Context, joiner: Joiner) {
    this.#context = context;
    this.#joiner = joiner;
    this.#total = new Rate(TOTAL_RATE, context.clock);
  }

  of({ room: { domain } }: Place): RemoteQueue {
    const known = this.#queues.get(domain);
    if (known) return known;
    for (const [remote, { isEmpty }] of this.#queues) if (isEmpty) this.#queues.delete(remote);
    const queue = new RemoteQueue(domain, this.#context, this.#joiner, this.#total);
    this.#queues.set(domain, queue);
    return queue;
  }

  remove(place: Place): void {
    this.#queues.get(place.room.domain)?.remove(place);
  }

  linkUp(remote: string): void {
    this.#queues.get(remote)?.linkUp();
  }
}

class RemoteQueue {
  readonly #remote: string;
  readonly #context: Context;
  readonly #joiner: Joiner;
  readonly #total: Rate;
  readonly #rate: Rate;
  readonly #timer: ResettableTimer;
  readonly #window = new CongestionWindow(WINDOW);
  readonly #backoff = new Backoff(WAIT);
  readonly #lanes = new Map<RoomMemory, Lane>();
  /** Places with unanswered joins → when these were sent. */
  readonly #flight = new Map<Place, number>();
  #order: Lane[] | undefined;
  #isProven = false;
  #isHeavy = false;
  #notBefore = Number.NEGATIVE_INFINITY;
  #busyRooms = 0;
  #unwant: (() => void) | undefined;

  /** @param total of all remotes together */
  constructor(remote: string, context: Context, joiner: Joiner, total: Rate) {
    this.#remote = remote;
    this.#context = context;
    this.#joiner = joiner;
    this.#total = total;
    this.#rate = new Rate(context.settings.rate, context.clock);
    this.#timer = new ResettableTimer(context.clock);
  }

  get isEmpty(): boolean {
    return this.#lanes.size === 0 && this.#flight.size === 0;
  }

  /** How long a room of this remote may take to answer. */
  get answerMs(): number {
    return this.#isHeavy ? ANSWER_MS.heavy : ANSWER_MS.usual;
  }

  /** The client waits for its turn. */
  add(place: Place, delayMs = 0): void {
    const lane = this.#lanes.get(place.room) ?? this.#open(place.room);
    lane.add(place);
    lane.notBefore = Math.max(lane.notBefore, this.#context.now() + delayMs);
    this.#isHeavy ||= place.room.facts?.isHeavy === true;
    this.#flight.delete(place);
    this.#pumpSoon();
  }

  /** The client needs no join any more. */
  remove(place: Place): void {
    const lane = this.#lanes.get(place.room);
    this.#flight.delete(place);
    if (lane === undefined) return;
    lane.remove(place);
    this.#settle(lane);
    this.#pumpSoon();
  }

  /** The room has answered a join, and is not busy. */
  answered(place: Place): void {
    const lane = this.#lanes.get(place.room);
    lane?.joined(place);
    const sentAt = this.#flight.get(place);
    if (sentAt === undefined) return;
    this.#flight.delete(place);
    this.#isHeavy = place.room.facts?.isHeavy === true || this.#context.now() - sentAt > HEAVY_ANSWER_MS;
    this.#isProven = true;
    this.#busyRooms = 0;
    this.#backoff.succeeded();
    this.#window.answered();
    this.#pumpSoon();
  }

  /** The client has caught up: the others of the room may follow. */
  done(place: Place): void {
    const lane = this.#lanes.get(place.room);
    this.#flight.delete(place);
    if (lane === undefined) return;
    lane.backoff.succeeded();
    lane.caughtUp(place);
    this.#settle(lane);
    this.#pumpSoon();
  }

  /** The room has not answered in time. The client waits again. */
  timedOut(place: Place): void {
    this.#window.failed();
    this.add(place);
  }

  /** The room, or the service around it, is busy. The client waits again. */
  mustWait(place: Place, who: 'room' | 'remote'): void {
    const lane = this.#lanes.get(place.room) ?? this.#open(place.room);
    this.#window.failed();
    if (who === 'room') this.#isProven = true;
    if (who === 'remote' || ++this.#busyRooms >= BUSY_ROOMS) {
      this.#isProven = false;
      this.#busyRooms = 0;
      this.#notBefore = this.#context.now() + this.#backoff.failed();
    }
    this.add(place, who === 'room' ? lane.backoff.failed() : 0);
  }

  /** The link is new: the first join is alone again. */
  linkUp(): void {
    this.#unwant = undefined;
    this.#isProven = false;
    this.#window.reset();
    for (const lane of this.#lanes.values()) lane.wasTried = false;
    this.#pumpSoon();
  }

  #open(room: RoomMemory): Lane {
    const lane = new Lane(room, (place) => this.#joiner.readyAt(place));
    lane.notBefore = this.#context.now() + GATHER_MS;
    this.#lanes.set(room, lane);
    this.#order = undefined;
    return lane;
  }

  /** Forgets a room without waiting clients and without a leader. */
  #settle(lane: Lane): void {
    if (lane.isEmpty && !lane.isLed) this.#lanes.delete(lane.room);
  }

  #pumpSoon(): void {
    this.#pumpAfter(0);
  }

  #pumpAfter(delayMs: number): void {
    if (!this.#timer.isSet) this.#timer.set(delayMs, () => this.#pump());
    else this.#timer.bringForward(delayMs);
  }

  #pump(): void {
    const { module } = this.#context;
    try {
      this.#joinNext();
    } catch (error) {
      module.report(error, { domain: this.#remote });
      this.#pumpAfter(HEAVY_GAP_MS);
    }
  }

  #joinNext(): void {
    if (this.isEmpty) {
      this.#unwant?.();
      this.#unwant = undefined;
      return;
    }
    if (!this.#isLinkUp()) return;
    for (;;) {
      const now = this.#context.now();
      const rateMs = Math.max(this.#notBefore - now, this.#rate.waitMs, this.#total.waitMs);
      if (this.#flight.size >= this.#limit) return;
      if (rateMs > 0) return this.#pumpAfter(rateMs);
      const next = this.#next(now);
      if (next === undefined) return;
      if ('waitMs' in next) return this.#pumpAfter(next.waitMs);
      if (!this.#hasSpace(next.lane.room)) return;
      this.#go(next.lane, next.place, now);
    }
  }

  #isLinkUp(): boolean {
    const link = this.#context.module.link(this.#remote);
    if (link.state === 'up') return true;
    this.#unwant ??= link.want({ soon: true });
    return false;
  }

  get #limit(): number {
    return this.#isHeavy || !this.#isProven ? 1 : this.#window.size;
  }

  #go(lane: Lane, place: Place, now: number): void {
    lane.notBefore = now + (this.#isHeavy ? HEAVY_GAP_MS : ROOM_GAP_MS);
    if (this.#isHeavy) this.#notBefore = lane.notBefore;
    if (!this.#isProven) lane.wasTried = true;
    lane.joined(place);
    if (!this.#joiner.join(place)) return this.#settle(lane);
    this.#flight.set(place, now);
    this.#rate.take();
    this.#total.take();
  }

  /** Whether the occupants of this room fit in. A room with more than `MAX_PEOPLE` is joined alone. */
  #hasSpace(room: RoomMemory): boolean {
    if (this.#flight.size === 0) return true;
    let people = sizeOf(room);
    for (const { room: other } of this.#flight.keys()) people += sizeOf(other);
    return people <= MAX_PEOPLE;
  }

  #next(
    now: number,
  ): { readonly lane: Lane; readonly place: Place } | { readonly waitMs: number } | undefined {
    this.#order ??= newestFirst(this.#lanes.values());
    const lanes = this.#isProven ? this.#order : this.#canaries(this.#order);
    let first: { readonly lane: Lane; readonly place: Place } | undefined;
    let waitMs = Number.POSITIVE_INFINITY;
    for (const lane of lanes) {
      if (lane.isLed || lane.isEmpty) continue;
      const { place, until } = lane.notBefore > now ? { until: lane.notBefore } : lane.next(now);
      if (place === undefined) waitMs = Math.min(waitMs, until - now);
      else if (first === undefined || (place.session.connected && !first.place.session.connected))
        first = { lane, place };
      if (first?.place.session.connected) break; // No later room comes before it.
    }
    if (first) return first;
    return Number.isFinite(waitMs) ? { waitMs } : undefined;
  }

  /** The rooms for the canary: small ones first, without those that did not answer. */
  #canaries(all: readonly Lane[]): readonly Lane[] {
    if (all.every(({ wasTried, isEmpty }) => wasTried || isEmpty))
      for (const lane of all) lane.wasTried = false;
    const fresh = all.filter(({ wasTried, isEmpty }) => !wasTried && !isEmpty);
    const small = fresh.filter(({ room }) => sizeOf(room) <= SMALL_ROOM);
    return small.length > 0 ? small : fresh;
  }
}

/** The rooms in which something was said last come first. */
function newestFirst(lanes: Iterable<Lane>): Lane[] {
  const times = new Map(Array.from(lanes, (lane) => [lane, lane.heardAt]));
  return [...times.keys()].sort((a, b) => times.get(b)! - times.get(a)!);
}
