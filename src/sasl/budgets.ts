// How often something may happen to each of very many: so many times at once, and again as time goes by.

import type { Clock } from '../util/clock.ts';

export interface BudgetOptions {
  /** What a key may spend at once; it comes back evenly over `windowMs`. 0: without limit. */
  readonly size: number;
  readonly windowMs: number;
  /** More keys than that are not remembered; the one that has been quiet for longest goes first. */
  readonly maxKeys: number;
}

interface Account {
  readonly spent: number;
  /** Milliseconds since 1970. */
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
   * Spends one, also where nothing is left: what happens at the same moment in many places is counted after the fact,
   * and paid for by waiting longer. Answers whether this was the last one.
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
