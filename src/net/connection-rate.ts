// How many connections a second are taken: of one address, of one IPv6 site, and of all together. Those that come faster
// wait, so that everybody gets back in after a restart, users behind one address too; those that would wait for too long
// are closed.
//
//   enter ──▶ the turn of its site ──▶ of its address ──▶ among all ──▶ admit
//     └─────── too late, or too many ────────┴───────────────┴──────▶ refuse
//
// Each limit is the generic cell rate algorithm. Its state is one time: when the next connection would be due if all came
// at the steady rate. A connection may come earlier than that by the length of a burst.

import type { Clock } from '../util/clock.ts';
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

const BURST_SECONDS = 5;
/** All addresses together. A TLS handshake costs about 2 ms, so this uses less than half a processor. */
const TOTAL = { perSecond: 200, burst: 1_000 };
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
  readonly #addresses: Turns;
  readonly #sites: Turns;
  readonly #total: Limit = { intervalMs: 1_000 / TOTAL.perSecond, burst: TOTAL.burst };
  #totalDue = 0;
  #waiting = 0;

  constructor({ perAddress, clock }: ConnectionRateOptions) {
    this.#clock = clock;
    this.#addresses = new Turns(clock, perAddress);
    this.#sites = new Turns(clock, Math.max(perAddress, TOTAL.perSecond * SITE_SHARE));
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
    const toAll = () => this.#after(this.#reserve(), newcomer, () => newcomer.admit());
    if (PROXIES.has(address)) return toAll();
    const toAddress = () => this.#after(this.#addresses.reserve(limitKey(address)), newcomer, toAll);
    const isIPv6 = address.includes(':');
    if (isIPv6) this.#after(this.#sites.reserve(siteKey(address)), newcomer, toAddress);
    else toAddress();
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

  #reserve(): number | undefined {
    const place = placeAt(this.#total, this.#totalDue, this.#clock.elapsed());
    if (place !== undefined) this.#totalDue = place.due;
    return place?.waitMs;
  }
}

interface Limit {
  readonly intervalMs: number;
  readonly burst: number;
}

/** When the next connection of each key is due, in the order of their last one. */
class Turns {
  readonly #clock: Clock;
  readonly #limit: Limit;
  readonly #dueOf = new Map<string, number>();

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#limit = { intervalMs: 1_000 / perSecond, burst: perSecond * BURST_SECONDS };
  }

  get size(): number {
    return this.#dueOf.size;
  }

  /** How long a connection waits that comes now; `undefined` when it is too long. */
  reserve(key: string): number | undefined {
    const place = placeAt(this.#limit, this.#dueOf.get(key) ?? 0, this.#clock.elapsed());
    if (place === undefined) return undefined;
    this.#dueOf.delete(key);
    this.#dueOf.set(key, place.due);
    const [oldest] = this.#dueOf.keys();
    if (oldest !== undefined && this.#dueOf.size > MAX_ADDRESSES) this.#dueOf.delete(oldest);
    return place.waitMs;
  }
}

/** How long a connection waits that comes now, and when the one after it is due; `undefined` when it is too long. */
function placeAt({ intervalMs, burst }: Limit, due: number, now: number) {
  const waitMs = Math.max(0, Math.ceil(due - (burst - 1) * intervalMs - now));
  return waitMs > MAX_WAIT_MS ? undefined : { waitMs, due: Math.max(due, now) + intervalMs };
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
