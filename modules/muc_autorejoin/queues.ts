// The queues of all remotes.

import { Rate } from 'enjamb/api';
import type { Context } from './context.ts';
import type { Place } from './memory.ts';
import { type Joiner, RemoteQueue } from './queue.ts';

/** Joins a second, to all remotes together. */
const TOTAL_RATE = 200;

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
