// Of whom it is not known whether they are still in their rooms.

import type { Context, Join, Joins } from './context.ts';
import type { Notices } from './notice.ts';

/** Among so many there is a good canary. */
const ENOUGH = 1_000;

export class Suspects {
  readonly #domain: string;
  readonly #context: Context;
  readonly #notices: Notices;
  /** Who was a canary before: each time another one. */
  readonly #tried = new Set<Join>();
  /** About whom nothing more can be learned this time. */
  readonly #unproven = new Set<Join>();

  constructor(domain: string, context: Context, notices: Notices) {
    this.#domain = domain;
    this.#context = context;
    this.#notices = notices;
  }

  /** Whoever was not proved to be in a room since the domain broke. Goes on to be right while others are settled. */
  *[Symbol.iterator](): Generator<Join> {
    const { joins } = this.#context;
    const domain = joins.domain(this.#domain);
    for (const room of domain?.rooms.values() ?? []) {
      for (const join of room.joins) {
        if (!isDoubtful(join, room.domain.brokenAt, joins) || this.#unproven.has(join)) continue;
        if (!this.#notices.isPending(join)) yield join;
      }
    }
  }

  get isEmpty(): boolean {
    return this[Symbol.iterator]().next().done === true;
  }

  /** Takes it that this client is in, without a proof. */
  presume(join: Join): void {
    this.#context.joins.presume(join);
    this.#unproven.add(join);
  }

  /** Somebody who is there, in a lively room, and was not the canary before if that can be. */
  canary(): Join | undefined {
    let [fresh, any]: (Join | undefined)[] = [];
    let seen = 0;
    for (const join of this) {
      if (++seen > ENOUGH && fresh !== undefined) break;
      if (any === undefined || isBetterCanary(join, any)) any = join;
      if (this.#tried.has(join)) continue;
      if (fresh === undefined || isBetterCanary(join, fresh)) fresh = join;
    }
    if (fresh === undefined) this.#tried.clear();
    const canary = fresh ?? any;
    if (canary) this.#tried.add(canary);
    return canary;
  }

  clear(): void {
    this.#tried.clear();
    this.#unproven.clear();
  }
}

export function isIn({ state }: Join): boolean {
  return state === 'joined' || state === 'renaming';
}

/**
 * Whether it is not known what the room makes of this client: nothing has come since that moment. Of a
 * client that waits to be let in, the request or the answer to it may have been lost.
 */
export function isDoubtful(join: Join, since: number, joins: Joins): boolean {
  if (join.state !== 'joining') return isIn(join) && join.provenAt <= since;
  return (joins.requested(join)?.at ?? Number.POSITIVE_INFINITY) <= since;
}

/** Whom to ask first: somebody who is there, in the liveliest room. */
export function isBetterCanary(a: Join, b: Join): boolean {
  if (a.session.connected !== b.session.connected) return a.session.connected;
  if (a.state !== b.state) return a.state === 'joined';
  return a.provenAt > b.provenAt;
}
