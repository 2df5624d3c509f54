// The objects that all parts of one server share.

import type { Config } from '../config/config.ts';
import type { StrangerLog } from '../net/stranger-log.ts';
import type { Clock } from '../util/clock.ts';
import type { Faults } from '../util/faults.ts';
import type { Logger } from '../util/logger.ts';
import type { Router } from './router.ts';

export interface ServerContext {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** Logs and counts unexpected exceptions. */
  readonly faults: Faults;
  /** Also holds our hosts: `router.hosts`. */
  readonly router: Router;
  /** Loggers for peers that have not authenticated; absent: their lines are not limited. */
  readonly strangers?: StrangerLog | undefined;
}
