// The order in which joins are asked about: accounts with connected clients first, accounts in rotation, and within an
// account the joins that were proved last first. An account is sorted only when it is first due, so 50,000 joins
// block nothing.

import type { Join } from './context.ts';

interface Account {
  readonly bare: string;
  readonly joins: Join[];
  isSorted: boolean;
}

export class AskingOrder {
  readonly #accounts = new Map<string, Account>();
  /** Accounts with a connected client, and the others. `next` removes those without joins. */
  readonly #connected: Account[] = [];
  readonly #asleep: Account[] = [];
  /** The index of the account that is next. */
  #index = 0;

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
    return this.#from(this.#connected) ?? this.#from(this.#asleep);
  }

  #open(bare: string, join: Join): void {
    const account = { bare, joins: [join], isSorted: false };
    this.#accounts.set(bare, account);
    (join.session.connected ? this.#connected : this.#asleep).push(account);
  }

  #from(accounts: Account[]): Join | undefined {
    while (accounts.length > 0) {
      if (this.#index >= accounts.length) this.#index = 0;
      const account = accounts[this.#index]!;
      if (!account.isSorted) sort(account);
      const join = account.joins.pop();
      if (join !== undefined) {
        this.#index++;
        return join;
      }
      accounts.splice(this.#index, 1);
      this.#accounts.delete(account.bare);
    }
    return undefined;
  }
}

/** Puts the join to ask about first at the end, where removal is cheap. */
function sort(account: Account): void {
  account.joins.sort(
    (a, b) => Number(a.session.connected) - Number(b.session.connected) || a.provenAt - b.provenAt,
  );
  account.isSorted = true;
}
