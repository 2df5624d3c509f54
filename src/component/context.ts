// The parts of the server that connections of components need.

import type { ServerContext } from '../core/context.ts';
import type { TokenBuckets } from '../util/flow/index.ts';

export interface ComponentContext extends ServerContext {
  /** Failed handshakes, by address and domain. */
  readonly failures: TokenBuckets;
}
