// One room with clients that wait for their join, or have not caught up after it: which is next.

import { Backoff } from 'enjamb/api';
import type { Place, RoomMemory } from '../memory/memory.ts';
import { RANKS } from '../memory/rooms.ts';

/** The pauses of a busy room or remote. */
export const WAIT = { firstMs: 10_000, longestMs: 5 * 60_000, jitter: 0.2 };

/** The client whose turn it is; `undefined` if none is ready. */
interface Turn {
  readonly place: Place | undefined;
  /** Whether it was connected. */
  readonly isConnected: boolean | undefined;
  /** When another client is ready; ms of `clock.elapsed`. */
  readonly until: number;
}

export class Lane {
  readonly room: RoomMemory;
  readonly backoff = new Backoff(WAIT);
  notBefore = Number.NEGATIVE_INFINITY;
  /** A client of it was the canary of this outage. */
  wasTried = false;
  readonly #readyAt: (place: Place) => number;
  readonly #waiting = new Set<Place>();
  /** The client that joins first; the others wait for it. */
  #leader: Place | undefined;
  /** The leader has caught up. */
  #isOpen = false;
  /** The last answer of `next`, until something has changed: there may be many clients and many questions. */
  #turn: Turn | undefined;

  /** @param readyAt the earliest time for the next join; call `add` again when it is earlier than it was */
  constructor(room: RoomMemory, readyAt: (place: Place) => number) {
    this.room = room;
    this.#readyAt = readyAt;
  }

  /** No client waits for its turn. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** All wait for the first client to catch up. */
  get isLed(): boolean {
    return this.#leader !== undefined && !this.#isOpen;
  }

  /** When the room has last said something; ms of `clock.elapsed`. */
  get heardAt(): number {
    const { places, ring } = this.room;
    if (ring.newest) return ring.newest.at;
    let at = Number.NEGATIVE_INFINITY;
    for (const { since } of places) at = Math.max(at, since);
    return at;
  }

  /** The client waits, or waits again. */
  add(place: Place): void {
    this.#waiting.add(place);
    this.#turn = undefined;
    if (this.#leader !== place) return;
    this.#leader = undefined;
    this.#isOpen = false;
  }

  /** The client needs no join any more. */
  remove(place: Place): void {
    this.#waiting.delete(place);
    this.#turn = undefined;
    if (this.#leader === place) this.#leader = undefined;
  }

  /** A join was sent for the client, or its answer was late. */
  joined(place: Place): void {
    this.#waiting.delete(place);
    this.#turn = undefined;
    if (!this.#isOpen) this.#leader ??= place;
  }

  caughtUp(place: Place): void {
    if (this.#leader !== place) return;
    this.#isOpen = true;
    this.#turn = undefined;
  }

  /** Reads all waiting clients only if the last turn is over. */
  next(now: number): Turn {
    if (this.#turn && this.#isValid(this.#turn, now)) return this.#turn;
    let place: Place | undefined;
    let until = Number.POSITIVE_INFINITY;
    for (const one of this.#waiting) {
      const at = this.#readyAt(one);
      if (at > now) until = Math.min(until, at);
      else if (place === undefined || this.#isBefore(one, place)) place = one;
    }
    this.#turn = { place, isConnected: place?.session.connected, until };
    return this.#turn;
  }

  /** The session of the client may have fallen asleep, or have got too much from other rooms. */
  #isValid({ place, isConnected, until }: Turn, now: number): boolean {
    if (now >= until || place?.session.connected !== isConnected) return false;
    return place === undefined || this.#readyAt(place) <= now;
  }

  /** The client with the highest affiliation enters a room first; connected clients precede sleeping ones. */
  #isBefore(a: Place, b: Place): boolean {
    const trust = this.#isOpen ? 0 : rank(a) - rank(b);
    if (trust !== 0) return trust < 0;
    if (a.session.connected !== b.session.connected) return a.session.connected;
    return heardAtBy(a) > heardAtBy(b);
  }
}

function rank({ self }: Place): number {
  return RANKS.indexOf(self?.affiliation ?? 'none');
}

function heardAtBy({ heard, since }: Place): number {
  return heard?.at ?? since;
}
