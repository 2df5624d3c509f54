// Places that a room will let in a second time: it was too late for the first join of the server, and answers every join.

import type { Context } from './context.ts';
import type { Place } from './memory.ts';

/** How long a room may answer a join after it has let the client in. */
const ANSWER_MS = 2 * 60_000;

export class Echoes {
  readonly #context: Context;
  readonly #places = new Set<Place>();

  constructor(context: Context) {
    this.#context = context;
  }

  await(place: Place): void {
    this.#places.add(place);
    this.#context.after(ANSWER_MS, () => this.#places.delete(place));
  }

  has(place: Place): boolean {
    return this.#places.size > 0 && this.#places.has(place);
  }

  /** The answer is over. Returns whether it was waited for. */
  end(place: Place): boolean {
    return this.#places.delete(place);
  }
}
