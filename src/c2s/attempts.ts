// What the attempts of one stream to log in mean for the limits that all streams share, and these limits themselves.

import type { Config } from '../config/config.ts';
import { limitKey, siteKey } from '../net/address.ts';
import { LoginLimits, type LoginSource } from '../sasl/login-limits.ts';
import type { Clock } from '../util/clock.ts';
import { Gate } from '../util/flow/index.ts';
import type { Logger } from '../util/logger.ts';
import type { SaslError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import type { C2SContext } from './context.ts';

/**
 * Passwords verified at once: each keeps one of the four threads busy that files and names need too. The others wait
 * their turn, the last of them for a few seconds, as when everybody comes back after a restart.
 */
const PASSWORD_WORK = { atWork: 2, waiting: 2_000 };

/** What protects the passwords of all accounts of a server. */
export function loginProtection(
  { core }: Config,
  clock: Clock,
): Required<Pick<C2SContext, 'loginLimits' | 'passwordWork'>> {
  const loginLimits = new LoginLimits(clock, {
    perAddress: core.auth_failures_per_address,
    perAccount: core.auth_failures_per_account,
    windowMs: core.auth_failure_window,
  });
  return { loginLimits, passwordWork: new Gate(PASSWORD_WORK) };
}

export class Attempts {
  readonly #limits: LoginLimits | undefined;
  readonly #domain: string;
  readonly #remoteAddress: string;
  readonly #source: LoginSource;
  /** The account that the present attempt is about. */
  #account: string | undefined;

  constructor(limits: LoginLimits | undefined, domain: string, remoteAddress: string) {
    this.#limits = limits;
    this.#domain = domain;
    this.#remoteAddress = remoteAddress;
    this.#source = { address: limitKey(remoteAddress), network: siteKey(remoteAddress) };
  }

  /** An attempt begins. */
  begin(): void {
    this.#account = undefined;
  }

  /** Takes the prepared localpart; empty for a name that no account can have. @throws SaslError 'temporary-auth-failure' */
  admit(user: string): void {
    this.#account = user === '' ? this.#domain : Jid.of(user, this.#domain).toString();
    this.#limits?.check(this.#account, this.#source);
  }

  /** The attempt is over. A wrong password counts; whatever else goes wrong proves nothing. */
  refused({ condition, cause }: SaslError, mechanism: string | undefined, log: Logger): void {
    const account = this.#account;
    const fields = { condition, mechanism, account, address: this.#remoteAddress };
    if (cause !== undefined) log.error('authentication impossible', { ...fields, error: cause });
    else log.info('authentication refused', fields);
    if (condition !== 'not-authorized' || account === undefined) return;
    const limit = this.#limits?.failed(account, this.#source);
    if (limit) log.warn('too many failed logins', { limit, account, address: this.#remoteAddress });
  }

  succeeded(): void {
    if (this.#account !== undefined) this.#limits?.succeeded(this.#account, this.#source);
  }
}
