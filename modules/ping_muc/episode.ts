// The numbers of one outage: one line in the log at its end, and a record for `episodes`.

import { Backoff, type Payload, wallTime } from 'enjamb/api';
import type { Context } from './context.ts';
import { isUnknown, type Outcome } from './verdict.ts';

export type Trigger =
  /** An authenticated stream with the remote has ended. */
  | 'link-lost'
  /** The same, after the remote was silent for longer than the delay. */
  | 'link-silent'
  /** A service of this server has gone. */
  | 'service-down'
  /** A stanza could not be sent: no stream was lost, but the remote cannot be reached. */
  | 'unreachable'
  /** A question about a single join had no answer. */
  | 'unanswered'
  /** An administrator or another module has requested it. */
  | 'asked';

/** One outage that is over. */
export interface EpisodeRecord {
  readonly remote: string;
  readonly cause: Trigger;
  /** In ms since 1970. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** The joins at the remote when the outage began. */
  readonly entries: number;
  /** Joins that were proved without a question of ours. */
  readonly proofs: number;
  /** Questions asked. */
  readonly pings: number;
  /** Joins that were lost, were given up, and could not be proved. */
  readonly lost: number;
  readonly unknown: number;
  readonly unproven: number;
  /** What another module has done for lost clients, if it has. */
  readonly rejoins?: Rejoins;
}

type Rejoins = Payload<'muc-rejoins-over'>['counts'];

export class Episode {
  readonly cause: Trigger;
  readonly startedAt: number;
  /** The pauses between canaries. */
  readonly backoff: Backoff;
  pings = 0;
  lost = 0;
  unknown = 0;
  unproven = 0;
  #joined = 0;
  readonly #entries: number;
  readonly #remote: string;
  readonly #context: Context;

  constructor(remote: string, cause: Trigger, context: Context) {
    this.#remote = remote;
    this.#context = context;
    this.backoff = new Backoff({
      firstMs: context.settings.firstPause,
      longestMs: context.settings.longestPause,
      jitter: 0.2,
      random: () => Math.random(),
    });
    this.cause = cause;
    this.startedAt = context.now();
    this.#entries = entries(remote, context);
  }

  get age(): number {
    return this.#context.now() - this.startedAt;
  }

  /** A join was settled by an answer. */
  concluded(outcome: Outcome): void {
    if (isUnknown(outcome)) return;
    if (outcome === 'joined') this.#joined++;
    if (outcome === 'unproven') this.unproven++;
    this.#context.metrics.settled(this.age);
  }

  /** Logs the outage, at debug level if nothing was asked. */
  end(): EpisodeRecord {
    const { clock, log } = this.#context.module;
    const { cause, pings, lost, unknown, unproven, age: durationMs, startedAt } = this;
    const asked = this.#joined + lost + unknown + unproven;
    const proofs = Math.max(0, this.#entries - asked);
    const counts = { entries: this.#entries, proofs, pings, lost, unknown, unproven };
    log[pings > 0 ? 'info' : 'debug']('rooms asked', { remote: this.#remote, cause, ...counts, durationMs });
    return { remote: this.#remote, cause, startedAt: wallTime(clock, startedAt), durationMs, ...counts };
  }
}

/** The number of joins at a remote. */
export function entries(remote: string, { joins }: Context): number {
  let count = 0;
  for (const room of joins.domain(remote)?.rooms.values() ?? []) count += room.joins.size;
  return count;
}
