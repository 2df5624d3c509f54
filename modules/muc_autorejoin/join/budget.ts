// Limits the joins for one client to one room: three in ten minutes, then one in five minutes.

import { BoundedMap, type C2SSession } from 'enjamb/api';

const JOINS = 3;
const WINDOW_MS = 10 * 60_000;
const PAUSE_MS = 5 * 60_000;
/** Rooms of one session. */
const MAX_ROOMS = 5_000;

/** The times of the server's last joins, by session and room. Survives a reload. The client's own joins do not reset it. */
export type Tries = WeakMap<C2SSession, BoundedMap<string, readonly number[]>>;

export class Budget {
  readonly #tries: Tries;
  readonly #now: () => number;

  constructor(tries: Tries, now: () => number) {
    this.#tries = tries;
    this.#now = now;
  }

  /** When the next join is allowed; a time in the past if it is now. */
  readyAt(session: C2SSession, room: string): number {
    const times = this.#tries.get(session)?.get(room) ?? [];
    if (times.length < JOINS) return Number.NEGATIVE_INFINITY;
    return Math.min(times[0]! + WINDOW_MS, times.at(-1)! + PAUSE_MS);
  }

  /** Whether a join is allowed now. */
  isLeft(session: C2SSession, room: string): boolean {
    return this.readyAt(session, room) <= this.#now();
  }

  take(session: C2SSession, room: string): void {
    const rooms = this.#tries.get(session) ?? new BoundedMap<string, readonly number[]>(MAX_ROOMS);
    this.#tries.set(session, rooms);
    rooms.set(room, [...(rooms.get(room) ?? []), this.#now()].slice(-JOINS));
  }

  /** The room has refused the join, so it does not count. */
  giveBack(session: C2SSession, room: string): void {
    const rooms = this.#tries.get(session);
    const times = rooms?.get(room);
    if (times) rooms?.set(room, times.slice(0, -1));
  }
}
