// In which order clients are asked about: those who are there first, every account in its turn, its liveliest rooms
// before the others. Built in one pass; what it sorts, it sorts when that account's turn comes.

import type { Join } from './context.ts';

interface Account {
  readonly joins: Join[];
  isSorted: boolean;
}

export class Rotation {
  readonly #accounts: Account[];
  #turn = 0;

  constructor(joins: Iterable<Join> = []) {
    const accounts = new Map<string, Account>();
    for (const join of joins) {
      const { bare } = join.session.jid;
      const account = accounts.get(bare);
      if (account) account.joins.push(join);
      else accounts.set(bare, { joins: [join], isSorted: false });
    }
    const isPresent = ({ joins }: Account) => joins.some(({ session }) => session.connected);
    const all = [...accounts.values()];
    this.#accounts = [
      ...all.filter((account) => isPresent(account)),
      ...all.filter((account) => !isPresent(account)),
    ];
  }

  next(): Join | undefined {
    if (this.#accounts.length === 0) return undefined;
    if (this.#turn >= this.#accounts.length) this.#turn = 0;
    const account = this.#accounts[this.#turn]!;
    if (!account.isSorted) sort(account);
    const join = account.joins.pop();
    if (account.joins.length === 0) this.#accounts.splice(this.#turn, 1);
    else this.#turn++;
    return join;
  }
}

/** What is to come first stands last, where it costs nothing to take it. */
function sort(account: Account): void {
  account.joins.sort(
    (a, b) => Number(a.session.connected) - Number(b.session.connected) || a.provenAt - b.provenAt,
  );
  account.isSorted = true;
}
