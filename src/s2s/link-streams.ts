// All authenticated streams of one link, in either direction.

import type { S2SStream } from './stream.ts';

export class LinkStreams {
  readonly #streams = new Set<S2SStream>();
  /** When bytes last arrived on streams that have ended. */
  #receivedAt = Number.NEGATIVE_INFINITY;

  get size(): number {
    return this.#streams.size;
  }

  get isAnyOpen(): boolean {
    return [...this.#streams].some(({ isOpen }) => isOpen);
  }

  /** When bytes last arrived on any of them, in ms of `clock.elapsed`; `-Infinity`: never. */
  get lastReceivedAt(): number {
    return Math.max(this.#receivedAt, ...[...this.#streams].map(({ lastReceivedAt }) => lastReceivedAt));
  }

  add(stream: S2SStream): void {
    this.#streams.add(stream);
  }

  delete(stream: S2SStream): void {
    if (this.#streams.delete(stream)) this.#receivedAt = Math.max(this.#receivedAt, stream.lastReceivedAt);
  }
}
