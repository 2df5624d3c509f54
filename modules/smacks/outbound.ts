// What was sent to a peer and not acknowledged, oldest first. For clients it is kept as text, because a tree takes three
// times the memory and keeps the bytes alive that it was parsed from (docs/adr/0014).

import { compactText, type Element, share } from 'enjamb/api';
import type { Delivery } from './deliveries.ts';

export interface Sent {
  /** As it was written to the stream. */
  readonly text: string;
  /** Size of `text` in UTF-8. */
  readonly bytes: number;
  /** In ms since 1970. */
  readonly at: number;
  readonly delivery: Delivery | undefined;
  /** Set if the sender keeps a copy until the client has acknowledged the element. */
  readonly onTaken: (() => void) | undefined;
}

/** The part of a queue's entry that is the same for clients and servers. */
export interface Entry {
  readonly bytes: number;
  readonly delivery?: Delivery | undefined;
  readonly onTaken?: (() => void) | undefined;
}

export interface QueueLimits {
  readonly stanzas: number;
  readonly bytes: number;
}

export interface Outbound<T extends Entry = Sent> {
  /** The peer's last h: what was sent before the first in the queue, modulo 2^32 (§4). */
  acknowledged: number;
  bytes: number;
  readonly queue: T[];
}

export function newOutbound<T extends Entry = Sent>(acknowledged = 0): Outbound<T> {
  return { acknowledged, bytes: 0, queue: [] };
}

/**
 * Adds an element to the queue; returns false, and keeps nothing, if it would exceed the limits. An element of which
 * the sender keeps a copy can wait, so such elements fill at most half of the queue. An empty queue takes one of any size.
 */
export function keep(
  outbound: Outbound,
  element: Element,
  about: Pick<Sent, 'at' | 'delivery' | 'onTaken'>,
  limits: QueueLimits,
): boolean {
  const { stanzas, bytes } = about.onTaken ? limitsWithCopy(outbound, limits) : limits;
  if (outbound.queue.length >= stanzas) return false;
  const sent = { ...compactText(share(element).toString()), ...about }; // Shared with the stream: serialised once.
  if (outbound.bytes + sent.bytes > bytes) return false;
  outbound.bytes += sent.bytes;
  outbound.queue.push(sent);
  return true;
}

function limitsWithCopy({ queue }: Outbound, { stanzas, bytes }: QueueLimits): QueueLimits {
  if (queue.length === 0) return { stanzas: 1, bytes: Number.POSITIVE_INFINITY };
  return { stanzas: stanzas / 2, bytes: bytes / 2 };
}

/** How many stanzas have been sent, modulo 2^32. */
export function sentCount({ acknowledged, queue }: Outbound<Entry>): number {
  return (acknowledged + queue.length) >>> 0;
}

/** Removes what the peer has acknowledged. Returns false, and changes nothing, if fewer stanzas were sent. */
export function acknowledge(outbound: Outbound<Entry>, h: number): boolean {
  const count = (h - outbound.acknowledged) >>> 0;
  if (count > outbound.queue.length) return false;
  outbound.acknowledged = h;
  for (const { bytes, delivery, onTaken } of outbound.queue.splice(0, count)) {
    outbound.bytes -= bytes;
    if (delivery) delivery.isTaken = true;
    onTaken?.();
  }
  return true;
}
