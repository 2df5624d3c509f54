// What the connections of components are given by the server around them.

import type { ServerContext } from '../core/context.ts';
import type { ReadRate } from '../stream/read-limit.ts';
import type { TokenBuckets } from '../util/flow/index.ts';

export interface ComponentContext extends ServerContext {
  /** Failed handshakes, by address and domain. */
  readonly failures: TokenBuckets;
}

/** The same as for other servers, see `s2s/policy.ts`. */
const BYTES_PER_STANZA = 256;

/** Trusted as it is, a component is read no faster than another server: it shares the process with all others. */
export function readRate({ config }: ComponentContext): ReadRate | undefined {
  const { rate, burst } = config.core.limits.s2s;
  if (rate === false) return undefined;
  return { bytesPerSecond: rate, burstBytes: burst, bytesPerStanza: BYTES_PER_STANZA };
}
