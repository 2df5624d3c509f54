// Limits new connections per second: from one address, from one IPv6 site, and in total. Connections beyond the rate
// wait, so that all clients get back in after a restart, even behind one address. Those that would wait too long are
// closed.
//
//   enter ──▶ limit of its site ──▶ of its address ──▶ in total ──▶ admit
//     └──── waits too long, or too many wait ─┴──────────────┴──────▶ refuse

import type { Clock } from '../util/clock.ts';
import { TokenBucket, TokenBuckets, type TokenRate } from '../util/flow/index.ts';
import type { Metrics, Reading } from '../util/metrics.ts';
import { limitKey, siteKey } from './address.ts';

export interface ConnectionRateOptions {
  /** Connections per second from one address (IPv6: one /64 network); bursts may be five times as many. */
  readonly perAddress: number;
  readonly clock: Clock;
}

export interface Newcomer {
  /** Takes the connection. Either this or `refuse` is called, once. */
  admit(): void;
  refuse(): void;
}

/** Addresses of a proxy on this machine, which connects on behalf of many clients. */
const PROXIES: ReadonlySet<string> = new Set(['127.0.0.1', '::1']);

/** A burst has as many connections as the rate allows in this time. */
const BURST_MS = 5_000;
/** The total of all addresses. A TLS handshake costs about 2 ms, so this uses less than half a processor. */
const TOTAL_PER_SECOND = 200;
/** The fraction of the total for one IPv6 site (a /48 network, with 65,536 /64 networks). */
const SITE_SHARE = 1 / 4;
/** The longest wait at one limit; clients give up after about 15 seconds. */
const MAX_WAIT_MS = 10_000;
const MAX_WAITING = 2_000;
/** The most addresses; beyond that, the address without a connection for the longest time is removed. */
const MAX_ADDRESSES = 10_000;

export class ConnectionRate {
  /** The number of connections that had to wait since the start. */
  delayed = 0;
  readonly #clock: Clock;
  readonly #addresses: TokenBuckets;
  readonly #sites: TokenBuckets;
  readonly #total: TokenBucket;
  #waiting = 0;

  constructor({ perAddress, clock }: ConnectionRateOptions) {
    this.#clock = clock;
    const perSite = Math.max(perAddress, TOTAL_PER_SECOND * SITE_SHARE);
    this.#addresses = new TokenBuckets(clock, { ...limit(perAddress), maxKeys: MAX_ADDRESSES });
    this.#sites = new TokenBuckets(clock, { ...limit(perSite), maxKeys: MAX_ADDRESSES });
    this.#total = new TokenBucket(limit(TOTAL_PER_SECOND), clock);
  }

  /** The number of addresses. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /** The number of waiting connections. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Admits a connection now or later, or refuses it. */
  enter(address: string, newcomer: Newcomer): void {
    const toAll = () => this.#after(this.#total.reserve(MAX_WAIT_MS), newcomer, () => newcomer.admit());
    if (PROXIES.has(address)) return toAll();
    const toAddress = () =>
      this.#after(this.#addresses.reserve(limitKey(address), MAX_WAIT_MS), newcomer, toAll);
    if (!address.includes(':')) return toAddress();
    this.#after(this.#sites.reserve(siteKey(address), MAX_WAIT_MS), newcomer, toAddress);
  }

  #after(waitMs: number | undefined, newcomer: Newcomer, next: () => void): void {
    if (waitMs === 0) return next();
    if (waitMs === undefined || this.#waiting >= MAX_WAITING) return newcomer.refuse();
    this.delayed++;
    this.#waiting++;
    this.#clock.after(waitMs, () => {
      this.#waiting--;
      next();
    });
  }
}

function limit(perSecond: number): TokenRate {
  return { size: (perSecond * BURST_MS) / 1_000, windowMs: BURST_MS };
}

/** @param refusals the number of refused connections, by NetErrorCode */
export function measureConnections(
  metrics: Metrics,
  refusals: ReadonlyMap<string, number>,
  rate: ConnectionRate | undefined,
): void {
  metrics.counted('connections_refused', 'Connections closed before any data was read', ['reason'], () =>
    [...refusals].map(([reason, count]): Reading => [[reason], count]),
  );
  metrics.counted('connections_delayed', 'Connections that exceeded a rate and had to wait', [], () => [
    [[], rate?.delayed ?? 0],
  ]);
}
