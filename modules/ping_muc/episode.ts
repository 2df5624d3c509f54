// What happens between the moment a domain comes into doubt and the last verdict: one line in the log.

import { Backoff } from 'enjamb/api';
import type { Context } from './context.ts';
import { isUnknown, type Outcome } from './verdict.ts';

export type Trigger =
  /** An authenticated stream with the domain has ended. */
  | 'link-lost'
  /** … after the peer had been silent for so long that the delay has been spent already. */
  | 'link-silent'
  /** The domain is served by this very server, and its service is gone. */
  | 'service-down'
  /** Something could not be sent: no stream was lost, but nobody can be reached. */
  | 'unreachable'
  /** A client was in doubt, and nobody said whether it is in. */
  | 'unanswered'
  /** An administrator wants to know. */
  | 'asked';

export class Episode {
  readonly cause: Trigger;
  readonly startedAt: number;
  /** Between two attempts to reach the domain. */
  readonly backoff: Backoff;
  /** Questions asked. */
  pings = 0;
  /** Clients that are out, and those given up. */
  lost = 0;
  unknown = 0;
  /** About whom nothing more can be learned this time. */
  unproven = 0;
  #joined = 0;
  readonly #entries: number;
  readonly #remote: string;
  readonly #context: Context;

  constructor(remote: string, cause: Trigger, context: Context) {
    this.#remote = remote;
    this.#context = context;
    const { random, settings } = context;
    this.backoff = new Backoff({
      firstMs: settings.firstPause,
      longestMs: settings.longestPause,
      jitter: 0.2,
      random,
    });
    this.cause = cause;
    this.startedAt = context.now();
    this.#entries = entries(remote, context);
  }

  get age(): number {
    return this.#context.now() - this.startedAt;
  }

  /** A question has brought this. */
  concluded(outcome: Outcome): void {
    if (isUnknown(outcome)) return;
    if (outcome === 'joined') this.#joined++;
    if (outcome === 'unproven') this.unproven++;
    this.#context.measures.settled(this.age);
  }

  /** Says it all. Where nobody had to be asked, nobody needs to read of it either. */
  end(): void {
    const { log } = this.#context;
    const { cause, pings, lost, unknown, unproven, age } = this;
    const asked = this.#joined + lost + unknown + unproven;
    // What came from the rooms meanwhile has settled the others, or their clients have.
    const proofs = Math.max(0, this.#entries - asked);
    const line = {
      remote: this.#remote,
      cause,
      entries: this.#entries,
      proofs,
      pings,
      lost,
      unknown,
      unproven,
    };
    log[pings > 0 ? 'info' : 'debug']('rooms asked', { ...line, durationMs: age });
  }
}

/** How many joins there are at a domain. */
export function entries(domain: string, { joins }: Context): number {
  let count = 0;
  for (const room of joins.domain(domain)?.rooms.values() ?? []) count += room.joins.size;
  return count;
}
