// When domains to which leaves are owed are tried again, should nothing else open a link with them.
//
//     owed ──▶ 15 s ──▶ one leave ──▶ 30 s ──▶ one leave ──▶ … five minutes at most
//                           └─ answered, or a link opens ──▶ all of them
//
// Anybody can join rooms on servers that do not exist, so the more domains there are, the longer are the pauses.

import type { Timer } from 'enjamb/api';

const FIRST_PAUSE_MS = 15_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** After so many attempts the pauses are as long as they get. */
const SLOW = 5;
/** With more domains than that, each is tried less often: in the long run one domain in a second is. */
const MANY = LONGEST_PAUSE_MS / 1_000;

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
  set(domain: string, delayMs = this.#pause(0)): void {
    this.#all.get(domain)?.cancel();
    this.#arm(domain, 0, delayMs);
  }

  /** Something is owed to this domain, which has not been there for long. */
  setLate(domain: string): void {
    this.#arm(domain, SLOW, this.#pause(SLOW));
  }

  /** The domain can be reached, or nothing is owed to it any more. */
  clear(domain: string): void {
    this.#all.get(domain)?.cancel();
    this.#all.delete(domain);
  }

  #arm(domain: string, attempts: number, delayMs: number): void {
    const timer = this.#parts.after(delayMs, () => {
      this.#arm(domain, attempts + 1, this.#pause(attempts));
      this.#parts.due(domain);
    });
    this.#all.set(domain, timer);
  }

  /** Some more or less, so that not all servers come at once. */
  #pause(attempts: number): number {
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** attempts, LONGEST_PAUSE_MS);
    return pause * Math.max(1, this.#all.size / MANY) * (0.8 + 0.4 * this.#parts.random());
  }
}
