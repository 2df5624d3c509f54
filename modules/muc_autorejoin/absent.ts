// People that a client knows and the room did not show when the server joined again. After a restart of a service everybody
// comes back by and by, so the client sees them leave only if they are still away after a while.

import { ResettableTimer } from 'enjamb/api';
import type { Context } from './context.ts';
import type { Affiliation, Place } from './memory.ts';
import { leaveOf } from './people.ts';

/** Leaves that a client is shown in a second. */
const PER_SECOND = 50;

/** The last affiliation of each absent nick. */
export type Absent = Map<string, Affiliation>;

export class Absences {
  readonly #context: Context;
  readonly #all = new Map<Place, { readonly absent: Absent; readonly timer: ResettableTimer }>();

  constructor(context: Context) {
    this.#context = context;
  }

  get none(): boolean {
    return this.#all.size === 0;
  }

  begin(place: Place, absent: Absent): void {
    this.end(place);
    if (absent.size === 0) return;
    const timer = new ResettableTimer(this.#context.clock);
    this.#all.set(place, { absent, timer });
    timer.set(this.#context.settings.absence, () => this.#show(place, absent, timer));
  }

  /** The room has shown this nick, or that it has left. Returns whether it was absent. */
  shown(place: Place, nick: string): boolean {
    return this.#all.get(place)?.absent.delete(nick) === true;
  }

  end(place: Place): void {
    this.#all.get(place)?.timer.cancel();
    this.#all.delete(place);
  }

  #show(place: Place, absent: Absent, timer: ResettableTimer): void {
    const { metrics, rooms } = this.#context;
    let count = 0;
    for (const [nick, affiliation] of absent) {
      if (count++ >= PER_SECOND) return timer.set(1_000, () => this.#show(place, absent, timer));
      absent.delete(nick);
      rooms.left(place, nick); // For our other clients: this one would have been told by the room.
      metrics.presences.of('left').add();
      place.session.send(leaveOf(place, nick, affiliation));
    }
    this.end(place);
  }
}
