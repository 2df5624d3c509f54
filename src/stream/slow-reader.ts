// A peer that does not read what it is sent: above a mark it has a limited time to read on, and then it is given up.

import type { Clock, Timer } from '../util/clock.ts';
import { StreamError } from '../xml/errors.ts';
import type { XmlStream } from './stream.ts';

export interface SlowReaderOptions {
  /** With more than this waiting, the time runs; with half of it or less, the peer has read on. */
  readonly markBytes: number;
  readonly limitMs: number;
  /** Whether the peer is not read either meanwhile, so that it causes no more output. */
  readonly isPausing?: boolean;
}

const REASON = 'output';

export class SlowReader {
  readonly #stream: XmlStream;
  readonly #clock: Clock;
  readonly #options: SlowReaderOptions;
  #timer: Timer | undefined;

  constructor(stream: XmlStream, clock: Clock, options: SlowReaderOptions) {
    this.#stream = stream;
    this.#clock = clock;
    this.#options = options;
  }

  /** To be called after each write. */
  written(): void {
    if (this.#timer !== undefined || this.#queuedBytes <= this.#options.markBytes) return;
    if (this.#options.isPausing === true) this.#stream.pause(REASON);
    this.#timer = this.#clock.after(this.#options.limitMs, () => {
      const error = new StreamError('connection-timeout', 'You do not read what you are sent');
      this.#stream.close(error, 'timeout');
    });
  }

  /** To be called when something has gone out. */
  drained(): void {
    if (this.#timer !== undefined && this.#queuedBytes <= this.#options.markBytes / 2) this.stop();
  }

  /** The stream is over, or somebody else's. */
  stop(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#stream.unpause(REASON);
  }

  get #queuedBytes(): number {
    return this.#stream.connection.queuedBytes;
  }
}
