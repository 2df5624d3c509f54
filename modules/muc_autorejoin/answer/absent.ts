// Occupants that a client knows, and that the room did not show after a silent join. After a restart of a service all occupants
// return one by one, so the client sees them leave only if they are still away after a while.

import { ResettableTimer } from 'enjamb/api';
import { type Affiliation, nickOf, type Place } from '../memory/memory.ts';
import type { Context } from '../shared/context.ts';
import { leaveOf } from './people.ts';

/** The most leaves that a client is shown in a second. */
const PER_SECOND = 50;

/** The last affiliation of each absent nick. */
export type Absent = Map<string, Affiliation>;

export class Absences {
  readonly #context: Context;
  /** Plain data, for the next instance of this module. */
  readonly #absent: Map<Place, Absent>;
  readonly #timers = new Map<Place, ResettableTimer>();

  constructor(context: Context, absent: Map<Place, Absent>) {
    this.#context = context;
    this.#absent = absent;
    for (const [place, all] of [...absent]) if (place.state === 'in') this.begin(place, all);
  }

  get none(): boolean {
    return this.#absent.size === 0;
  }

  begin(place: Place, absent: Absent): void {
    this.end(place);
    if (absent.size === 0) return;
    const timer = new ResettableTimer(this.#context.clock);
    this.#absent.set(place, absent);
    this.#timers.set(place, timer);
    timer.set(this.#context.settings.absence, () => this.#show(place, absent, timer));
  }

  /** The room has shown this nick, available or not. Returns whether it was absent. */
  shown(place: Place, nick: string): boolean {
    return this.#absent.get(place)?.delete(nick) === true;
  }

  /** The room has lost the client again. It still knows the absent occupants. */
  pause(place: Place): void {
    this.#timers.get(place)?.cancel();
    this.#timers.delete(place);
  }

  of(place: Place): Iterable<[nick: string, Affiliation]> {
    return this.#absent.get(place) ?? [];
  }

  /** Forgets the absent occupants of a place. */
  end(place: Place): void {
    this.pause(place);
    this.#absent.delete(place);
  }

  /** Silent mode has ended: the absent occupants leave now. */
  stop(): void {
    for (const [place, absent] of [...this.#absent]) {
      const { session, state } = place;
      if (state === 'in' && session.connected)
        for (const [nick, affiliation] of absent) session.send(leaveOf(place, nick, affiliation));
      this.end(place);
    }
  }

  #show(place: Place, absent: Absent, timer: ResettableTimer): void {
    const { metrics, rooms } = this.#context;
    absent.delete(nickOf(place)); // The client now has the nick of an absent occupant.
    let count = 0;
    for (const [nick, affiliation] of absent) {
      if (count++ >= PER_SECOND) return timer.set(1_000, () => this.#show(place, absent, timer));
      absent.delete(nick);
      rooms.left(place, nick); // For our other clients of the room.
      metrics.presences.of('left').add();
      place.session.send(leaveOf(place, nick, affiliation));
    }
    this.end(place);
  }
}
