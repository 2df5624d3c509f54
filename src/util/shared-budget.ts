// A budget that many holders share. Each may take at most its share.

import { ByteBudget } from './byte-budget.ts';

export interface Holder {
  readonly name: string;
  /**
   * The fraction of the total that the holder may take, up to 1. `'fair'`: as much as its group has left. One holder thus gets
   * about half of the share of the group, two get a third each, and so on; the next one always gets something.
   */
  readonly share: number | 'fair';
  /** A second holder that is charged too. */
  readonly group?: Holder;
}

export class SharedBudget {
  readonly #total: ByteBudget;
  readonly #taken = new Map<string, number>();

  /** @param total in any unit, such as bytes, stanzas or calls */
  constructor(total: number) {
    this.#total = new ByteBudget(total);
  }

  get used(): number {
    return this.#total.used;
  }

  /** The bound that the amount would exceed; `undefined` if the amount fits. */
  obstacle(holder: Holder, amount: number): 'share' | 'total' | undefined {
    const { used, max } = this.#total;
    if (this.#takenBy(holder) + amount > this.#shareOf(holder)) return 'share';
    if (holder.group) return this.obstacle(holder.group, amount);
    return used + amount > max ? 'total' : undefined;
  }

  /** Takes an amount, even beyond the bounds. Call `obstacle` before. */
  force(holder: Holder, amount: number): void {
    this.#total.force(amount);
    this.#add(holder, amount);
  }

  give(holder: Holder, amount: number): void {
    this.#total.give(amount);
    this.#add(holder, -amount);
  }

  #shareOf({ share, group }: Holder): number {
    const { used, max } = this.#total;
    if (share !== 'fair') return share * max;
    return group ? this.#shareOf(group) - this.#takenBy(group) : max - used;
  }

  #takenBy({ name }: Holder): number {
    return this.#taken.get(name) ?? 0;
  }

  #add({ name, group }: Holder, amount: number): void {
    const left = (this.#taken.get(name) ?? 0) + amount;
    if (left > 0) this.#taken.set(name, left);
    else this.#taken.delete(name);
    if (group) this.#add(group, amount);
  }
}
