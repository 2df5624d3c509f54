// The outages that are not over. A remote without joins has none.

import type { Event, Payload } from 'enjamb/api';
import type { Context } from './context.ts';
import type { EpisodeRecord, Trigger } from './episode.ts';
import { type OutageParts, RemoteOutage } from './outage.ts';

declare module 'enjamb/api' {
  interface Events {
    /** An outage is over: each join at the remote was proved or lost, or remains unknown. */
    'ping-muc-settled': Event<{ readonly remote: string }>;
  }
}

/** The names of the states in `enjamb joins`. */
const SUMMARY = {
  idle: 'ok',
  waiting: 'waiting',
  canary: 'asking',
  'fan-out': 'asking',
  down: 'down',
} as const;

type RejoinsOver = Payload<'muc-rejoins-over'>;

/** The most finished outages that are remembered. */
const MAX_EPISODES = 100;

export class Outages {
  readonly #context: Context;
  readonly #parts: OutageParts;
  readonly #outages = new Map<string, RemoteOutage>();
  readonly #episodes: EpisodeRecord[] = [];
  readonly #rejoins: RejoinsOver[] = [];

  constructor(parts: Omit<OutageParts, 'current' | 'ended'>) {
    this.#context = parts.context;
    this.#parts = {
      ...parts,
      current: (remote) => this.of(remote),
      ended: (record) => {
        this.#episodes.push(record);
        if (this.#episodes.length > MAX_EPISODES) this.#episodes.shift();
        this.#context.module.notify('ping-muc-settled', { remote: record.remote });
      },
    };
  }

  /** Finished outages, oldest first. */
  get episodes(): EpisodeRecord[] {
    return this.#episodes.map((record) => {
      const rejoins = this.#rejoins.find((one) => isFollowedBy(record, one))?.counts;
      return rejoins === undefined ? record : { ...record, rejoins };
    });
  }

  /** Call this when another module has joined again for the clients of a remote. */
  rejoined(rejoins: RejoinsOver): void {
    this.#rejoins.push(rejoins);
    if (this.#rejoins.length > MAX_EPISODES) this.#rejoins.shift();
  }

  /** The remotes whose outage is not over. */
  get open(): string[] {
    return this.#unfinished.map(({ remote }) => remote);
  }

  get states(): string[] {
    return this.#unfinished.map(({ state }) => state);
  }

  get #unfinished(): RemoteOutage[] {
    return [...this.#outages.values()].filter(({ isOver }) => !isOver);
  }

  /** The outage of a remote, if it has one. */
  get(remote: string): RemoteOutage | undefined {
    return this.#outages.get(remote);
  }

  /** The state of a remote, in one word for administrators. */
  summary(remote: string): 'ok' | 'waiting' | 'asking' | 'down' {
    return SUMMARY[this.#outages.get(remote)?.state ?? 'idle'];
  }

  /** Call this when joins at the remote may have been lost. */
  trigger(remote: string, cause: Trigger): void {
    if (this.#context.joins.domain(remote)) this.of(remote).trigger(cause);
  }

  /** The outage of a remote; creates one if there is none. */
  of(remote: string): RemoteOutage {
    const known = this.#outages.get(remote);
    if (known) return known;
    for (const { remote: other, isOver } of this.#outages.values()) if (isOver) this.#outages.delete(other);
    const outage = new RemoteOutage(remote, this.#parts);
    this.#outages.set(remote, outage);
    return outage;
  }
}

/** Whether this outage has found the first of the losses. */
function isFollowedBy(record: EpisodeRecord, { remote, startedAt }: RejoinsOver): boolean {
  const sinceMs = startedAt - record.startedAt;
  return remote === record.remote && sinceMs >= 0 && sinceMs <= record.durationMs;
}
