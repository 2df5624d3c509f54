// In which order clients are asked about: those who are there first, every account in its turn, its liveliest rooms
// before the others. Filled bit by bit, and sorted when an account's turn comes: fifty thousand joins block nobody.

import type { Join } from './context.ts';

interface Account {
  readonly bare: string;
  readonly joins: Join[];
  isSorted: boolean;
}

export class Rotation {
  readonly #accounts = new Map<string, Account>();
  /** Accounts with a client that is there, and the others; empty ones are taken out at their turn. */
  readonly #present: Account[] = [];
  readonly #absent: Account[] = [];
  #turn = 0;

  add(joins: Iterable<Join>): void {
    for (const join of joins) {
      const { bare } = join.session.jid;
      const account = this.#accounts.get(bare);
      if (account) {
        account.joins.push(join);
        account.isSorted = false;
      } else this.#open(bare, join);
    }
  }

  next(): Join | undefined {
    return this.#from(this.#present) ?? this.#from(this.#absent);
  }

  #open(bare: string, join: Join): void {
    const account = { bare, joins: [join], isSorted: false };
    this.#accounts.set(bare, account);
    (join.session.connected ? this.#present : this.#absent).push(account);
  }

  #from(accounts: Account[]): Join | undefined {
    while (accounts.length > 0) {
      if (this.#turn >= accounts.length) this.#turn = 0;
      const account = accounts[this.#turn]!;
      if (!account.isSorted) sort(account);
      const join = account.joins.pop();
      if (join !== undefined) {
        this.#turn++;
        return join;
      }
      accounts.splice(this.#turn, 1);
      this.#accounts.delete(account.bare);
    }
    return undefined;
  }
}

/** What is to come first stands last, where it costs nothing to take it. */
function sort(account: Account): void {
  account.joins.sort(
    (a, b) => Number(a.session.connected) - Number(b.session.connected) || a.provenAt - b.provenAt,
  );
  account.isSorted = true;
}
