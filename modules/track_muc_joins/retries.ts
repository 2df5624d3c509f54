// When leaves that are owed to a domain are sent again. A link that is closed is wanted: it opens, and all of them go. A
// link that is open, with the service behind it away, gets one leave after another.
//
//     link closed: want ──▶ link-open ──▶ all
//     link open:   15 s ──▶ one leave ──▶ 30 s ──▶ one leave ──▶ … every 5 min
//                               └─ answered, or not returned for 2 min ──▶ all

import { Backoff, type Clock, type Link, type Timer } from 'enjamb/api';
import type { Departure } from './departure_data.ts';

const PAUSES = { firstMs: 15_000, longestMs: 5 * 60_000, jitter: 0.2 };
/** A leave that has not come back for that long has arrived: what cannot be delivered comes back sooner. */
const DELIVERED_MS = 120_000;
/** Pause before the first leave to a service of this server after the start. */
const BEGIN_MS = 1_000;

export interface RetryParts {
  readonly clock: Clock;
  after(delayMs: number, task: () => void): Timer;
  link(domain: string): Pick<Link, 'state' | 'want'>;
  /** Whether any leave is owed to the domain. */
  owes(domain: string): boolean;
  /** Sends one leave that is owed; `undefined` when none may be sent now. */
  sendOne(domain: string): Departure | undefined;
  /** The service answers: all that is owed can be sent. Clears the retry. */
  restored(domain: string): void;
}

interface Retry {
  readonly backoff: Backoff;
  /** The link is wanted soon, until the first attempt fails. */
  isSoon: boolean;
  /** Withdraws the want. */
  withdraw: () => void;
  timer: Timer | undefined;
  /** The leave that was sent last. */
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

  /** A leave is owed to this domain. */
  start(domain: string): void {
    if (!this.has(domain)) this.#wait(domain, this.#add(domain));
  }

  /** The server has started: domains that were away during an earlier run may be back. */
  begin(): void {
    for (const domain of [...this.#all.keys()]) {
      this.clear(domain);
      const retry = this.#add(domain);
      retry.isSoon = true;
      this.#wait(domain, retry, BEGIN_MS);
    }
  }

  /** A stream has ended: if no other one is open, the link has to be wanted. */
  closed(domain: string): void {
    const retry = this.#all.get(domain);
    if (!retry?.timer || this.#parts.link(domain).state === 'up') return;
    retry.timer.cancel();
    retry.timer = undefined;
    this.#wait(domain, retry);
  }

  /** An attempt to open the link has failed. */
  failed(domain: string): void {
    const retry = this.#all.get(domain);
    if (!retry) return;
    if (!this.#parts.owes(domain)) return this.clear(domain);
    if (!retry.isSoon) return;
    retry.isSoon = false;
    retry.withdraw();
    this.#wait(domain, retry);
  }

  /** The domain can be reached, or nothing is owed to it any more. */
  clear(domain: string): void {
    const retry = this.#all.get(domain);
    this.#all.delete(domain);
    retry?.timer?.cancel();
    retry?.withdraw();
  }

  /** This leave is no longer waited for. */
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
      this.#wait(domain, retry); // First: what follows may throw (docs/adr/0024).
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
