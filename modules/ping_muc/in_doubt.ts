// The joins of one remote that are in doubt: nothing has proved them since the link broke.

import type { Join, Joins } from './context.ts';

/** The number of joins among which a canary is chosen. */
const CANDIDATES = 1_000;

export class InDoubt {
  readonly #remote: string;
  readonly #joins: Joins;
  readonly #needsNoQuestion: (join: Join) => boolean;
  /** Canaries of this outage: each attempt takes another join. */
  readonly #tried = new Set<Join>();
  /** Joins about which no more questions are asked until the link breaks again → since when. */
  readonly #settled = new Map<Join, number>();

  /** `needsNoQuestion`: for another reason than `settle`. */
  constructor(remote: string, joins: Joins, needsNoQuestion: (join: Join) => boolean) {
    this.#remote = remote;
    this.#joins = joins;
    this.#needsNoQuestion = needsNoQuestion;
  }

  /** The joins in doubt. The iteration stays valid while joins are settled. */
  *[Symbol.iterator](): Generator<Join> {
    const domain = this.#joins.domain(this.#remote);
    for (const room of domain?.rooms.values() ?? []) {
      for (const join of room.joins) {
        const { brokenAt } = room.domain;
        const isSettled = (this.#settled.get(join) ?? Number.NEGATIVE_INFINITY) >= brokenAt;
        if (isDoubtful(join, brokenAt, this.#joins) && !isSettled && !this.#needsNoQuestion(join)) yield join;
      }
    }
  }

  get isEmpty(): boolean {
    return this[Symbol.iterator]().next().done === true;
  }

  /** Removes a join from those in doubt. */
  settle(join: Join, now: number): void {
    this.#settled.set(join, now);
  }

  /** The join to ask about first: see `isBetterCanary`. Prefers joins that were not the canary before. */
  canary(): Join | undefined {
    let [fresh, any]: (Join | undefined)[] = [];
    let seen = 0;
    for (const join of this) {
      if (++seen > CANDIDATES && fresh !== undefined) break;
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
    this.#settled.clear();
  }
}

/** Whether the client is in the room, as far as the tracker knows. */
export function isIn({ state }: Join): boolean {
  return state === 'joined' || state === 'renaming';
}

/**
 * Whether nothing has proved the join since `since`. For a client that is entering: whether its join is older, so that
 * the join or its answer may have been lost.
 */
export function isDoubtful(join: Join, since: number, joins: Joins): boolean {
  if (join.state !== 'joining') return isIn(join) && join.provenAt <= since;
  return (joins.requested(join)?.at ?? Number.POSITIVE_INFINITY) <= since;
}

/** Connected clients first, then joined before renaming, then the join that was proved last. */
export function isBetterCanary(a: Join, b: Join): boolean {
  if (a.session.connected !== b.session.connected) return a.session.connected;
  if (a.state !== b.state) return a.state === 'joined';
  return a.provenAt > b.provenAt;
}
