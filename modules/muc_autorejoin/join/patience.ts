// Limits the time for which a client is not told that its room is unreachable.

import { ResettableTimer } from 'enjamb/api';
import type { Place } from '../memory/memory.ts';
import type { Context } from '../shared/context.ts';

export class Patience {
  readonly #context: Context;
  readonly #expired: (place: Place) => void;
  readonly #timer: ResettableTimer;
  /** Places → when their time began; the earliest first, so one timer is enough. */
  readonly #since = new Map<Place, number>();

  constructor(context: Context, expired: (place: Place) => void) {
    this.#context = context;
    this.#expired = expired;
    this.#timer = new ResettableTimer(context.clock);
  }

  begin(place: Place): void {
    if (!Number.isFinite(this.#context.settings.patience) || this.#since.has(place)) return;
    this.#since.set(place, this.#context.now());
    if (!this.#timer.isSet) this.#timer.set(this.#context.settings.patience, () => this.#walk());
  }

  since(place: Place): number {
    return this.#since.get(place) ?? Number.POSITIVE_INFINITY;
  }

  end(place: Place): void {
    this.#since.delete(place);
  }

  #walk(): void {
    const { now, settings, module } = this.#context;
    for (const [place, since] of this.#since) {
      const dueMs = since + settings.patience - now();
      if (dueMs > 0) return this.#timer.set(dueMs, () => this.#walk());
      try {
        this.#expired(place);
      } catch (error) {
        module.report(error, { room: place.room.jid }); // The others are still told.
      }
      this.#since.delete(place);
    }
  }
}
