// The queue of unacknowledged stanzas of a client.

import { compactText, type Element, share } from 'enjamb/api';
import { acknowledge } from '../outbound.ts';
import type { Client } from './clients.ts';
import type { Delivery } from './deliveries.ts';
import type { Sent } from './state.ts';

export interface QueueLimits {
  readonly stanzas: number;
  readonly bytes: number;
}

/** Facts about an element in the queue, besides its text. */
export interface About {
  /** In ms since 1970. */
  readonly at: number;
  readonly delivery: Delivery | undefined;
  /** Set if the sender keeps a copy. */
  readonly onTaken: (() => void) | undefined;
}

export class Queues {
  readonly #limits: QueueLimits;
  readonly #onTaken: WeakMap<Sent, () => void>;

  constructor(limits: QueueLimits, onTaken: WeakMap<Sent, () => void>) {
    this.#limits = limits;
    this.#onTaken = onTaken;
  }

  /**
   * Adds an element to the queue; returns false, and keeps nothing, if it would exceed the limits. An element of which the
   * sender keeps a copy can wait, so such elements fill at most half of the queue. An empty queue takes one of any size.
   */
  keep({ state: { outbound } }: Client, element: Element, { at, delivery, onTaken }: About): boolean {
    const { stanzas, bytes } = onTaken ? this.#limitsWithCopy(outbound.queue) : this.#limits;
    if (outbound.queue.length >= stanzas) return false;
    const compact = compactText(share(element).toString()); // Shared with the stream: serialised once.
    if (outbound.bytes + compact.bytes > bytes) return false;
    const { text } = compact;
    const sent: Sent = { text, bytes: compact.bytes, at, delivery, isCopied: onTaken !== undefined };
    if (onTaken) this.#onTaken.set(sent, onTaken);
    outbound.bytes += sent.bytes;
    outbound.queue.push(sent);
    return true;
  }

  /** Removes the stanzas up to `h`. Returns false, and changes nothing, if fewer were sent. */
  acknowledge({ state }: Client, h: number): boolean {
    const taken = acknowledge(state.outbound, h);
    for (const sent of taken ?? []) {
      if (sent.delivery) sent.delivery.isTaken = true;
      if (sent.isCopied) this.#onTaken.get(sent)?.();
    }
    return taken !== undefined;
  }

  /** Elements with a copy leave the other half of the queue free. */
  #limitsWithCopy(queue: readonly Sent[]): QueueLimits {
    if (queue.length === 0) return { stanzas: 1, bytes: Number.POSITIVE_INFINITY };
    return { stanzas: this.#limits.stanzas / 2, bytes: this.#limits.bytes / 2 };
  }
}
