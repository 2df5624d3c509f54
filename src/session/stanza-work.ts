// The pending work (`event.waitUntil`) of one peer's stanzas. Pauses reading from the peer while too much is pending, and
// reports when all work of a stanza is done.

import type { Pausable } from '../stream/read-limit.ts';

const REASON = 'work';

export class StanzaWork {
  readonly #max: number;
  #stream: Pausable | undefined;
  #pending = 0;
  /** The work of the stanza that is being handled. */
  #current: Promise<unknown>[] | undefined;

  /** @param max pending promises; reading pauses above this number */
  constructor(max: number, stream?: Pausable) {
    this.#max = max;
    this.#stream = stream;
  }

  /** The peer's present stream, which is the one to pause; `undefined` while there is none. */
  set stream(stream: Pausable | undefined) {
    this.#stream = stream;
    if (this.#pending > this.#max) stream?.pause(REASON);
  }

  /** Counts a promise until it settles. */
  hold(work: Promise<unknown>): void {
    this.#current?.push(work);
    this.#pending++;
    if (this.#pending > this.#max) this.#stream?.pause(REASON);
    const done = () => {
      this.#pending--;
      if (this.#pending <= this.#max) this.#stream?.unpause(REASON);
    };
    work.then(done, done);
  }

  /**
   * Handles a stanza, then calls `onHandled`. `work` resolves once all work of the stanza has settled; `undefined` if there
   * is none. Also calls it if `handle` throws, which ends the stream: the stanza then counts as handled, so the peer does not
   * send it again on the next stream.
   */
  handle(handle: () => void, onHandled: (work: Promise<unknown> | undefined) => void): void {
    const pending: Promise<unknown>[] = [];
    this.#current = pending;
    try {
      handle();
    } finally {
      this.#current = undefined;
      onHandled(pending.length === 0 ? undefined : Promise.allSettled(pending));
    }
  }
}
