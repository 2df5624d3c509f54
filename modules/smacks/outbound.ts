// The queue of stanzas that were sent to a peer and not acknowledged, oldest first (§4).

/** The common part of entries for clients and servers. */
export interface Entry {
  readonly bytes: number;
}

export interface Outbound<T extends Entry> {
  /** The peer's last h: the number of stanzas before the first in the queue, modulo 2^32 (§4). */
  acknowledged: number;
  bytes: number;
  readonly queue: T[];
}

export function newOutbound<T extends Entry>(acknowledged = 0): Outbound<T> {
  return { acknowledged, bytes: 0, queue: [] };
}

/** The number of sent stanzas, modulo 2^32. */
export function sentCount({ acknowledged, queue }: Outbound<Entry>): number {
  return (acknowledged + queue.length) >>> 0;
}

/**
 * Removes acknowledged stanzas, and returns them. Returns `undefined`, and changes nothing, if fewer stanzas were
 * sent.
 */
export function acknowledge<T extends Entry>(outbound: Outbound<T>, h: number): readonly T[] | undefined {
  const count = (h - outbound.acknowledged) >>> 0;
  if (count > outbound.queue.length) return undefined;
  outbound.acknowledged = h;
  const taken = outbound.queue.splice(0, count);
  for (const { bytes } of taken) outbound.bytes -= bytes;
  return taken;
}
