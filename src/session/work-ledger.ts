// The work that the stanzas of one peer have left (`event.waitUntil`): bounds it, and tells when a stanza's is done.

/** Reading from the peer, which stops while too much is under way. */
export interface PausableStream {
  pause(reason: string): void;
  unpause(reason: string): void;
}

const REASON = 'work';

export class WorkLedger {
  readonly #max: number;
  #stream: PausableStream | undefined;
  #pending = 0;
  /** What the stanza that is being handled has left so far. */
  #current: Promise<unknown>[] | undefined;

  /** @param max promises under way; with more, nothing is read */
  constructor(max: number, stream?: PausableStream) {
    this.#max = max;
    this.#stream = stream;
  }

  /** The stream that is paused from now on; `undefined` while there is none. */
  set stream(stream: PausableStream | undefined) {
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
   * Handles a stanza, then calls `onHandled`, also if `handle` throws: a stanza that costs its sender the stream must not be
   * sent again over the next one. `work` resolves once everything has settled that the stanza left; `undefined` if it left
   * nothing.
   */
  handle(handle: () => void, onHandled: (work: Promise<unknown> | undefined) => void): void {
    const left: Promise<unknown>[] = [];
    this.#current = left;
    try {
      handle();
    } finally {
      this.#current = undefined;
      onHandled(left.length === 0 ? undefined : Promise.allSettled(left));
    }
  }
}
