// Log lines about peers that have not authenticated: a bounded number for each address.

import { limitedLogger } from '../util/limited-logger.ts';
import { LogRate } from '../util/log-rate.ts';
import type { Logger } from '../util/logger.ts';
import { limitKey } from './address.ts';

/** Lines a minute about one address (IPv6: one /64 network). */
const MAX_LINES = 60;
/** Beyond that, addresses share the bound that each message has (`util/logger.ts`). */
const MAX_ADDRESSES = 1_000;

export class StrangerLog {
  readonly #rate = new LogRate({ lines: MAX_LINES, maxKeys: MAX_ADDRESSES });

  /** A logger for one connection, until its peer is known. */
  of(log: Logger, remoteAddress: string): Logger {
    return limitedLogger(log, this.#rate, limitKey(remoteAddress));
  }
}
