// The times at which owed leaves are sent again. A closed link is wanted; when it opens, all leaves are sent. If the
// link is open but the service behind it is down, one leave at a time is tried.
//
//     link closed: want ──▶ link-open ──▶ all
//     link open:   15 s ──▶ one leave ──▶ 30 s ──▶ one leave ──▶ … every 5 min
//                               └─ answered, or not returned for 2 min ──▶ all

import { Backoff, type Clock, type Link, type Timer } from 'enjamb/api';
import type { Departure } from './departure_data.ts';

const PAUSES = { firstMs: 15_000, longestMs: 5 * 60_000, jitter: 0.2 };
/** A leave without an error after this time has arrived: errors for undeliverable stanzas come sooner. */
const DELIVERED_MS = 120_000;
/** The delay of the first leave to a service of this server after the start. */
const BEGIN_MS = 1_000;

export interface RetryParts {
  readonly clock: Clock;
  after(delayMs: number, task: () => void): Timer;
  link(domain: string): Pick<Link, 'state' | 'want'>;
  /** Whether any leave is owed to the domain. */
  owes(domain: string): boolean;
  /** Sends one owed leave and returns it; `undefined` if none may be sent now. */
  sendOne(domain: string): Departure | undefined;
  /** Sends all owed leaves, because the service is up. Clears the retry. */
  restored(domain: string): void;
}

interface Retry {
  readonly backoff: Backoff;
  /** Whether the link is wanted soon; false after the first failed attempt. */
  isSoon: boolean;
  /** Withdraws the want. */
  withdraw: () => void;
  timer: Timer | undefined;
  /** The leave that was tried last, while it is tracked. */
  sent: Departure | undefined;
}

export class Retries {
  readonly #parts: RetryParts;
  readonly #all = new Map<string, Retry>();

  constructor(parts: RetryParts) {
    this.#parts = parts;
  }

  has(domain: string): boolean {
    return this.#all.has(domain);
  }

  /** Call this when a leave is owed to this domain. */
  start(domain: string): void {
    if (!this.has(domain)) this.#wait(domain, this.#add(domain));
  }

  /** Call this when the server has started: domains that were down during an earlier run may be up again. */
  begin(): void {
    for (const domain of [...this.#all.keys()]) {
      this.clear(domain);
      const retry = this.#add(domain);
      retry.isSoon = true;
      this.#wait(domain, retry, BEGIN_MS);
    }
  }

  /** Call this when a stream has ended: wants the link, unless it has another stream. */
  closed(domain: string): void {
    const retry = this.#all.get(domain);
    if (!retry?.timer || this.#parts.link(domain).state === 'up') return;
    retry.timer.cancel();
    retry.timer = undefined;
    this.#wait(domain, retry);
  }

  /** Call this when an attempt to open the link has failed. */
  failed(domain: string): void {
    const retry = this.#all.get(domain);
    if (!retry) return;
    if (!this.#parts.owes(domain)) return this.clear(domain);
    if (!retry.isSoon) return;
    retry.isSoon = false;
    retry.withdraw();
    this.#wait(domain, retry);
  }

  /** Ends the retry: the domain is reachable, or nothing is owed to it. */
  clear(domain: string): void {
    const retry = this.#all.get(domain);
    this.#all.delete(domain);
    retry?.timer?.cancel();
    retry?.withdraw();
  }

  /** Call this when a leave is dropped. */
  forget(departure: Departure): void {
    const retry = this.#all.get(departure.domain);
    if (retry?.sent === departure) retry.sent = undefined;
  }

  #add(domain: string): Retry {
    const retry = {
      ...{ backoff: new Backoff(PAUSES), isSoon: false },
      ...{ withdraw: () => {}, timer: undefined, sent: undefined },
    };
    this.#all.set(domain, retry);
    return retry;
  }

  #wait(domain: string, retry: Retry, delayMs = retry.backoff.failed()): void {
    const link = this.#parts.link(domain);
    if (link.state !== 'up') {
      retry.withdraw = link.want(retry.isSoon ? { soon: true } : undefined);
      return;
    }
    retry.timer = this.#parts.after(delayMs, () => {
      this.#wait(domain, retry); // First, because sending may throw (docs/adr/0024).
      this.#due(domain, retry);
    });
  }

  #due(domain: string, retry: Retry): void {
    if (retry.sent?.state === 'sent') {
      if (this.#parts.clock.elapsed() - retry.sent.sentAt >= DELIVERED_MS) this.#parts.restored(domain);
    } else {
      retry.sent = this.#parts.sendOne(domain);
      if (retry.sent === undefined && !this.#parts.owes(domain)) this.clear(domain);
    }
  }
}
