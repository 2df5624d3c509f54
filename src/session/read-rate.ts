// How fast peers may send, from the option `limits`: clients by account, other servers and components by domain.

import type { ServerContext } from '../core/context.ts';
import { ReadBudgets, type ReadRate } from '../stream/read-limit.ts';

export type PeerKind = 'c2s' | 's2s';

/**
 * Bytes added to the size of each stanza, because handling even a tiny one takes time. With a rate of 1 MiB/s and a burst of
 * 4 MiB, an account may send 4,000 tiny stanzas without delay, then 1,000 a second; a client that joins 200 rooms sends 200.
 * The number is smaller for another server, which acts for many users and sends many small presences of rooms.
 */
const BYTES_PER_STANZA: Readonly<Record<PeerKind, number>> = { c2s: 1024, s2s: 256 };

/**
 * Added for each stanza that the server routes because of a client's stanza, beyond the first ones, which that stanza's own
 * addition covers. An account with 1,000 contacts may log in eight times in one go, then twice a second.
 */
const BYTES_PER_CAUSED_STANZA = 128;
const FREE_CAUSED_STANZAS = BYTES_PER_STANZA.c2s / BYTES_PER_CAUSED_STANZA;

/** What a client's stanza costs its account, in bytes, for the number of stanzas that it has caused. */
export function fanOutBytes(stanzas: number): number {
  return Math.max(0, stanzas - FREE_CAUSED_STANZAS) * BYTES_PER_CAUSED_STANZA;
}

/** The rate at which one account or one domain may send over all its streams. `undefined`: no limit. */
export function readRate({ config }: Pick<ServerContext, 'config'>, kind: PeerKind): ReadRate | undefined {
  const { rate, burst } = config.core.limits[kind];
  if (rate === false) return undefined;
  return { bytesPerSecond: rate, burstBytes: burst, bytesPerStanza: BYTES_PER_STANZA[kind] };
}

/** One budget for each account (by bare JID) or domain, however many streams it has. */
export function readBudgets(
  { config, clock }: Pick<ServerContext, 'config' | 'clock'>,
  kind: PeerKind,
): ReadBudgets | undefined {
  const rate = readRate({ config }, kind);
  return rate && new ReadBudgets(rate, clock);
}
