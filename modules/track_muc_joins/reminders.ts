// When domains to which leaves are owed are tried again, should nothing else open a link with them.
//
//     owed ──▶ 15 s ──▶ one leave ──▶ 30 s ──▶ one leave ──▶ … five minutes at most
//                           └─ answered, or a link opens ──▶ all of them
//
// Anybody can join rooms on servers that do not exist, so the more domains there are, the longer are the pauses.

import { Backoff, type Timer } from 'enjamb/api';

const LONGEST_MS = 5 * 60_000;
/** Some more or less, so that not all servers come simultaneously. */
const PAUSES = { firstMs: 15_000, longestMs: LONGEST_MS, jitter: 0.2 };
const LONG_PAUSES = { ...PAUSES, firstMs: LONGEST_MS };
/** With more domains than that, each is tried less often: in the long run one domain in a second is. */
const MANY = LONGEST_MS / 1_000;

export interface ReminderParts {
  after(delayMs: number, task: () => void): Timer;
  /** From 0 to 1. */
  random(): number;
  /** It is time to try this domain. */
  due(domain: string): void;
}

export class Reminders {
  readonly #parts: ReminderParts;
  readonly #all = new Map<string, Timer>();

  constructor(parts: ReminderParts) {
    this.#parts = parts;
  }

  has(domain: string): boolean {
    return this.#all.has(domain);
  }

  /** Something is owed to this domain, which was there a moment ago. */
  set(domain: string, delayMs = this.#pause(this.#backoff(PAUSES))): void {
    this.#all.get(domain)?.cancel();
    this.#arm(domain, this.#backoff(PAUSES), delayMs);
  }

  /** Something is owed to this domain, which has not been there for long. */
  setLate(domain: string): void {
    const backoff = this.#backoff(LONG_PAUSES);
    this.#arm(domain, backoff, this.#pause(backoff));
  }

  /** The domain can be reached, or nothing is owed to it any more. */
  clear(domain: string): void {
    this.#all.get(domain)?.cancel();
    this.#all.delete(domain);
  }

  #arm(domain: string, backoff: Backoff, delayMs: number): void {
    const timer = this.#parts.after(delayMs, () => {
      this.#arm(domain, backoff, this.#pause(backoff));
      this.#parts.due(domain);
    });
    this.#all.set(domain, timer);
  }

  #pause(backoff: Backoff): number {
    return backoff.failed() * Math.max(1, this.#all.size / MANY);
  }

  #backoff(pauses: typeof PAUSES): Backoff {
    return new Backoff({ ...pauses, random: this.#parts.random });
  }
}
