// Log lines that peers can cause as often as they like: a bounded number for each address before they have authenticated,
// and for each account after that, so that no one hides what others do behind the bound that each message has.

import { limitedLogger } from '../util/limited-logger.ts';
import { LogRate } from '../util/log-rate.ts';
import type { Logger } from '../util/logger.ts';
import { limitKey } from './address.ts';

/** Lines per minute about one address (IPv6: one /64 network). */
const MAX_LINES = 60;
/** Lines a minute about the sessions of one account. */
const MAX_ACCOUNT_LINES = 60;
/** Beyond that, addresses and accounts share the bound that each message has (`util/logger.ts`). */
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
