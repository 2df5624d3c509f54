// Limits the log lines that peers cause: for each address before authentication, for each account after it. So one peer
// cannot use up the limit of a message and hide the lines about others.

import { limitedLogger } from '../util/limited-logger.ts';
import { LogRate } from '../util/log-rate.ts';
import type { Logger } from '../util/logger.ts';
import { limitKey } from './address.ts';

/** Lines per minute about one address (IPv6: one /64 network). */
const MAX_LINES = 60;
/** Lines per minute about the sessions of one account. */
const MAX_ACCOUNT_LINES = 60;
/** The most addresses and accounts; each message has its own limit too (`util/logger.ts`). */
const MAX_KEYS = 1_000;

export class StrangerLog {
  readonly #rate = new LogRate({ lines: MAX_LINES, maxKeys: MAX_KEYS });
  readonly #accounts = new LogRate({ lines: MAX_ACCOUNT_LINES, maxKeys: MAX_KEYS });

  /** A logger for one connection, for use until the peer has authenticated. */
  of(log: Logger, remoteAddress: string): Logger {
    return limitedLogger(log, this.#rate, limitKey(remoteAddress));
  }

  /** A logger for one session of an account, by its bare JID. */
  ofAccount(log: Logger, account: string): Logger {
    return limitedLogger(log, this.#accounts, account);
  }
}
