// What the connections of components are given by the server around them.

import type { ServerContext } from '../core/context.ts';
import type { TokenBuckets } from '../util/flow/index.ts';

export interface ComponentContext extends ServerContext {
  /** Failed handshakes, by address and domain. */
  readonly failures: TokenBuckets;
}
