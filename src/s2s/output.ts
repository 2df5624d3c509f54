// Limits the unread output of one stream. Above a mark, stanzas wait in the bounded queues of their links. Otherwise a user
// who causes too much output would end the link of all others.

import { SlowReader } from '../session/slow-reader.ts';
import type { XmlStream } from '../stream/stream.ts';
import type { Clock } from '../util/clock.ts';

/** Half of the unread output at which the connection ends. */
const BUSY_BYTES = 4 * 1024 * 1024;
/** A remote that reads nothing for this time while it is busy is disconnected. */
const STUCK_MS = 5 * 60_000;

export class StreamOutput {
  readonly #stream: XmlStream;
  readonly #slowReader: SlowReader;
  /** One for each link of the stream, while it waits. */
  readonly #waiting = new Set<() => void>();

  constructor(stream: XmlStream, clock: Clock) {
    this.#stream = stream;
    this.#slowReader = new SlowReader(stream, clock, { markBytes: BUSY_BYTES, limitMs: STUCK_MS });
  }

  /** Whether stanzas must wait. */
  get isBusy(): boolean {
    return this.#stream.queuedBytes > BUSY_BYTES;
  }

  /** Calls back once, when stanzas may be written again; never if the stream ends before. */
  whenFree(callback: () => void): void {
    this.#waiting.add(callback);
  }

  /** Call this after each write. */
  written(): void {
    this.#slowReader.written();
  }

  /** Call this when output has left the queue. */
  drained(): void {
    this.#slowReader.drained();
    if (this.isBusy) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const callback of waiting) callback();
  }

  /** Call this when the stream has ended. */
  stop(): void {
    this.#waiting.clear();
    this.#slowReader.stop();
  }
}
