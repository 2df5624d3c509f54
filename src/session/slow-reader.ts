// Closes the stream of a peer that does not read. When more output is queued than `markBytes`, the peer has `limitMs` to
// read at least half of that.

import type { ClientStream } from '../stream/client-stream.ts';
import type { Clock, Timer } from '../util/clock.ts';
import { StreamError } from '../xml/errors.ts';

type SlowStream = Pick<ClientStream, 'queuedBytes' | 'pause' | 'unpause' | 'close'>;

export interface SlowReaderOptions {
  /** The time limit starts when more than this is queued, and ends when at most half of it is left. */
  readonly markBytes: number;
  readonly limitMs: number;
  /** Whether reading from the peer pauses meanwhile, so that it causes no more output. Default: no. */
  readonly isPausing?: boolean;
}

const REASON = 'output';

export class SlowReader {
  readonly #stream: SlowStream;
  readonly #clock: Clock;
  readonly #options: SlowReaderOptions;
  #timer: Timer | undefined;

  constructor(stream: SlowStream, clock: Clock, options: SlowReaderOptions) {
    this.#stream = stream;
    this.#clock = clock;
    this.#options = options;
  }

  /** Call this after each write. */
  written(): void {
    if (this.#timer !== undefined || this.#queuedBytes <= this.#options.markBytes) return;
    if (this.#options.isPausing === true) this.#stream.pause(REASON);
    this.#timer = this.#clock.after(this.#options.limitMs, () => {
      const error = new StreamError('connection-timeout', 'The peer does not read what it is sent');
      this.#stream.close(error, 'timeout');
    });
  }

  /** Call this when output has left the queue. */
  drained(): void {
    if (this.#timer !== undefined && this.#queuedBytes <= this.#options.markBytes / 2) this.stop();
  }

  /** Call this when the stream has ended or has another owner. */
  stop(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#stream.unpause(REASON);
  }

  get #queuedBytes(): number {
    return this.#stream.queuedBytes;
  }
}
