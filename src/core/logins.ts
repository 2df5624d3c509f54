// Protects the passwords of one host's accounts: limits on failed attempts (docs/adr/0013) and on the work of verifying.

import { limitKey, siteKey } from '../net/address.ts';
import type { Accounts } from '../sasl/accounts.ts';
import type { LoginLimits, LoginSource } from '../sasl/login-limits.ts';
import type { SaslMechanism } from '../sasl/mechanism.ts';
import { type PasswordMechanisms, passwordMechanisms } from '../sasl/mechanisms.ts';
import type { Gate } from '../util/flow/index.ts';
import type { Logger } from '../util/logger.ts';
import { type SaslCondition, SaslError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';

/** What the logins of all hosts share. */
export interface LoginProtection {
  /** Absent: no limit on failed attempts. */
  readonly limits?: LoginLimits;
  /** Absent: any number of passwords is verified at the same time. */
  readonly work?: Gate;
}

export interface LoginsOptions extends LoginProtection {
  readonly accounts: Accounts;
  readonly log: Logger;
  /** Whether clients may send passwords without TLS; asked each time. */
  allowsUnencryptedPlain(): boolean;
}

/** The logins of one host. */
export class Logins {
  readonly mechanisms: PasswordMechanisms;
  readonly #options: LoginsOptions;
  readonly #domain: string;

  constructor(options: LoginsOptions) {
    const { accounts, work } = options;
    this.#options = options;
    this.#domain = accounts.domain;
    this.mechanisms = passwordMechanisms({
      credentials: accounts,
      domain: accounts.domain,
      allowsUnencryptedPlain: () => options.allowsUnencryptedPlain(),
      work,
    });
  }

  /** The attempts that come from one address, one after the other. */
  attempts(remoteAddress: string): LoginAttempts {
    return new LoginAttempts(this.#options.limits, this.#domain, remoteAddress);
  }

  /**
   * Checks a password outside of a stream, such as on a web page, as SASL PLAIN does. Failures count towards the limits of
   * `address`, an IP address.
   */
  async verify(user: string, password: string, address: string): Promise<'ok' | SaslCondition> {
    const attempts = this.attempts(address);
    const offer = { bindings: new Map(), secure: true, mechanisms: ['PLAIN'] };
    const message = Buffer.from(`\0${user}\0${password}`);
    try {
      const mechanism = this.mechanisms.create('PLAIN', { offer });
      attempts.begin(mechanism, message);
      await mechanism.step(message);
      attempts.succeeded();
      return 'ok';
    } catch (error) {
      const refusal = toSaslError(error);
      attempts.refused(refusal, 'PLAIN', this.#options.log);
      return refusal.condition;
    }
  }
}

export class LoginAttempts {
  readonly #limits: LoginLimits | undefined;
  readonly #domain: string;
  readonly #remoteAddress: string;
  readonly #source: LoginSource;
  /** The account that the present attempt names. */
  #account: string | undefined;

  constructor(limits: LoginLimits | undefined, domain: string, remoteAddress: string) {
    this.#limits = limits;
    this.#domain = domain;
    this.#remoteAddress = remoteAddress;
    this.#source = { address: limitKey(remoteAddress), network: siteKey(remoteAddress) };
  }

  /** Forgets the account of the attempt before. */
  reset(): void {
    this.#account = undefined;
  }

  /**
   * Begins an attempt with the client's first message, before anything is looked up.
   * @throws SaslError 'temporary-auth-failure' when a limit is reached; what the mechanism throws for the message.
   */
  begin(mechanism: SaslMechanism, initial: Buffer): void {
    this.reset();
    const user = mechanism.userOf?.(initial);
    if (user === undefined) return;
    this.#account = user === '' ? this.#domain : Jid.of(user, this.#domain).toString();
    this.#limits?.check(this.#account, this.#source);
  }

  /** Ends the attempt. Only a wrong password counts; other refusals prove nothing. */
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

/** The error for the client; a failure that is not its fault is not explained to it (RFC 6120 §6.5.11). */
export function toSaslError(error: unknown): SaslError {
  if (error instanceof SaslError) return error;
  return Object.assign(new SaslError('temporary-auth-failure'), { cause: error });
}
