// How many connections a second are taken: of one address, of one IPv6 site, and of all together. Those that come faster
// wait, so that everybody gets back in after a restart, users behind one address too; those that would wait for too long
// are closed.
//
//   enter ──▶ the turn of its site ──▶ of its address ──▶ among all ──▶ admit
//     └─────── too late, or too many ────────┴───────────────┴──────▶ refuse

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

/** A proxy on this machine connects from one of these, on behalf of anybody. */
const PROXIES: ReadonlySet<string> = new Set(['127.0.0.1', '::1']);

/** A burst is what the steady rate gives in this time. */
const BURST_MS = 5_000;
/** All addresses together. A TLS handshake costs about 2 ms, so this uses less than half a processor. */
const TOTAL_PER_SECOND = 200;
/** Of that an IPv6 site (one /48 network, 65,536 networks of one host each) may take this part. */
const SITE_SHARE = 1 / 4;
/** The longest wait at one place in the queue; clients give up after some 15 seconds. */
const MAX_WAIT_MS = 10_000;
const MAX_WAITING = 2_000;
/** Addresses that are remembered. Beyond that, the one that has been quiet for longest is forgotten. */
const MAX_ADDRESSES = 10_000;

export class ConnectionRate {
  /** Connections that had to wait, since the start. */
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

  /** How many addresses are remembered. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /** How many connections wait for their turn. */
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
  metrics.counted(
    'connections_refused',
    'Connections that were closed before anything was read',
    ['reason'],
    () => [...refusals].map(([reason, count]): Reading => [[reason], count]),
  );
  metrics.counted('connections_delayed', 'Connections that came too fast and had to wait', [], () => [
    [[], rate?.delayed ?? 0],
  ]);
}
