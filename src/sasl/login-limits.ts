// Limits on guessing passwords. The rules, and why an attacker cannot lock users out with them, are in
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
/** How long an account is familiar at an address where it has logged in. */
const FAMILIAR_MS = 30 * DAY_MS;
const MAX_KEYS = 20_000;

/** Failures of all clients of the server; knows accounts by their bare JID, and only as hashes. */
export class LoginLimits {
  readonly #clock: Clock;
  readonly #addresses: TokenBuckets;
  readonly #shares: TokenBuckets;
  readonly #accounts: TokenBuckets;
  /** Failures of accounts at addresses where they are familiar. */
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
   * Called before the account is looked up, so that the answer does not depend on whether it exists.
   * @throws SaslError 'temporary-auth-failure'
   */
  check(account: string, source: LoginSource): void {
    if (this.#reached(account, source) === undefined) return;
    throw new SaslError('temporary-auth-failure', 'Too many failed attempts; try again later');
  }

  /** Counts a wrong password. Returns the limit that this failure has reached, for the log. */
  failed(account: string, { address, network }: LoginSource): LoginLimit | undefined {
    const pair = keyOf(account, address);
    if (this.#isFamiliar(pair)) return this.#homes.spend(pair) ? 'account' : undefined;
    const share = keyOf(account, network);
    // Failures of one network beyond its share do not count against the account.
    const isAccountFull = this.#shares.has(share) && this.#accounts.spend(keyOf(account));
    const isShareFull = this.#shares.spend(share);
    const isAddressFull = this.#addresses.spend(address);
    if (isAccountFull) return 'account';
    if (isAddressFull) return 'address';
    return isShareFull ? 'account-from-network' : undefined;
  }

  /** Makes the account familiar at the address. The address keeps the failures that it has on other accounts. */
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

/** A hash of fixed length, so that long names take no more memory than short ones. */
function keyOf(account: string, place = ''): string {
  return createHash('sha256').update(`${account}\0${place}`).digest('base64url').slice(0, 22);
}
