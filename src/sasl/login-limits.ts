// How often passwords may be guessed. The rules, and why nobody can lock out somebody else with them, are in
// docs/adr/0013-limits-on-failed-logins.md.

import { createHash } from 'node:crypto';
import type { Clock } from '../util/clock.ts';
import { BoundedMap, TokenBuckets } from '../util/flow/index.ts';
import { SaslError } from '../xml/errors.ts';

export interface LoginLimitOptions {
  /** Failures of one address in a window, over all accounts. 0: without limit. */
  readonly perAddress: number;
  /** Failures on one account in a window, from everywhere together. 0: without limit. */
  readonly perAccount: number;
  readonly windowMs: number;
}

/** Where an attempt comes from. */
export interface LoginSource {
  /** An IPv4 address, or the /64 network that an IPv6 host has to itself. */
  readonly address: string;
  /** An IPv4 address, or the /48 network that an IPv6 site has to itself. */
  readonly network: string;
}

/** Which limit has been reached: that of an address, of an account from one network, or of an account altogether. */
export type LoginLimit = 'address' | 'account-from-network' | 'account';

/** A single network may use up this part of what an account can stand. */
const SHARE = 1 / 10;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Who has logged in is known where it did for so long. */
const FAMILIAR_MS = 30 * DAY_MS;
const MAX_KEYS = 20_000;

/** Failures of all clients of the server; knows accounts by their bare JID, and only as hashes. */
export class LoginLimits {
  readonly #clock: Clock;
  readonly #addresses: TokenBuckets;
  readonly #shares: TokenBuckets;
  readonly #accounts: TokenBuckets;
  /** What accounts may fail from where they are at home. */
  readonly #homes: TokenBuckets;
  /** Account and address → when the account last logged in from there, in ms of `clock.elapsed`. */
  readonly #familiar = new BoundedMap<string, number>(MAX_KEYS);

  constructor(clock: Clock, { perAddress, perAccount, windowMs }: LoginLimitOptions) {
    const buckets = (size: number) => new TokenBuckets(clock, { size, windowMs, maxKeys: MAX_KEYS });
    this.#clock = clock;
    this.#addresses = buckets(perAddress);
    this.#shares = buckets(Math.ceil(perAccount * SHARE));
    this.#accounts = buckets(perAccount);
    this.#homes = buckets(perAccount);
  }

  /**
   * Called when it is known who wants to log in, before anything is looked up: the answer is the same whether there
   * is such an account or not.
   * @throws SaslError 'temporary-auth-failure'
   */
  check(account: string, source: LoginSource): void {
    if (this.#reached(account, source) === undefined) return;
    throw new SaslError('temporary-auth-failure', 'Too many failed attempts; try again later');
  }

  /** Counts a wrong password. Answers which limit this failure has reached, for the log. */
  failed(account: string, { address, network }: LoginSource): LoginLimit | undefined {
    const pair = keyOf(account, address);
    if (this.#isFamiliar(pair)) return this.#homes.spend(pair) ? 'account' : undefined;
    const share = keyOf(account, network);
    // What one network fails beyond its share is no burden on the account.
    const isAccountFull = this.#shares.has(share) && this.#accounts.spend(keyOf(account));
    const isShareFull = this.#shares.spend(share);
    const isAddressFull = this.#addresses.spend(address);
    if (isAccountFull) return 'account';
    if (isAddressFull) return 'address';
    return isShareFull ? 'account-from-network' : undefined;
  }

  /** Whoever has logged in is at home there. This does not make up for what the address has failed elsewhere. */
  succeeded(account: string, { address }: LoginSource): void {
    const pair = keyOf(account, address);
    this.#homes.forget(pair);
    this.#familiar.set(pair, this.#clock.elapsed());
  }

  #reached(account: string, { address, network }: LoginSource): LoginLimit | undefined {
    const pair = keyOf(account, address);
    if (this.#isFamiliar(pair)) return this.#homes.has(pair) ? undefined : 'account';
    if (!this.#addresses.has(address)) return 'address';
    if (!this.#shares.has(keyOf(account, network))) return 'account-from-network';
    return this.#accounts.has(keyOf(account)) ? undefined : 'account';
  }

  #isFamiliar(pair: string): boolean {
    const at = this.#familiar.get(pair);
    return at !== undefined && this.#clock.elapsed() - at < FAMILIAR_MS;
  }
}

/** Of a fixed length, so that long names take no more room than short ones. */
function keyOf(account: string, place = ''): string {
  return createHash('sha256').update(`${account}\0${place}`).digest('base64url').slice(0, 22);
}
