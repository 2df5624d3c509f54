// Token buckets for many keys: each key may spend `size` tokens in one go, and they refill evenly over a window.

import type { Clock } from '../util/clock.ts';

export interface BudgetOptions {
  /** Tokens of each key; an empty bucket refills evenly within `windowMs`. 0: no limit. */
  readonly size: number;
  readonly windowMs: number;
  /** Keys that are remembered; beyond that, the one that has not spent for longest is forgotten. */
  readonly maxKeys: number;
}

interface Account {
  readonly spent: number;
  /** In ms of `clock.elapsed`. */
  readonly at: number;
}

export class Budgets {
  readonly #clock: Clock;
  readonly #options: BudgetOptions;
  /** In the order of their last spending. */
  readonly #accounts = new Map<string, Account>();

  constructor(clock: Clock, options: BudgetOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#accounts.size;
  }

  /** Whether there is anything left to spend. */
  has(key: string): boolean {
    const { size } = this.#options;
    return size === 0 || this.#spent(key) <= size - 1;
  }

  /**
   * Spends one, even if nothing is left: simultaneous events are counted after they have happened, and the key then waits
   * longer. Returns whether this was the last one.
   */
  spend(key: string): boolean {
    const { size, maxKeys } = this.#options;
    if (size === 0) return false;
    const had = this.has(key);
    const spent = this.#spent(key) + 1;
    this.#accounts.delete(key);
    this.#accounts.set(key, { spent, at: this.#clock.elapsed() });
    if (this.#accounts.size > maxKeys) this.#accounts.delete(this.#accounts.keys().next().value ?? '');
    return had && !this.has(key);
  }

  forget(key: string): void {
    this.#accounts.delete(key);
  }

  #spent(key: string): number {
    const account = this.#accounts.get(key);
    if (account === undefined) return 0;
    const { size, windowMs } = this.#options;
    const elapsedMs = this.#clock.elapsed() - account.at;
    return Math.max(0, account.spent - (elapsedMs * size) / windowMs);
  }
}
