// The numbers of the joins to one remote, once none of its clients is lost any more: one line in the log, and an event, from
// which `enjamb joins outages` has them. No nicks, no texts.

import { BoundedMap, type Clock, type Event, type Module, wallTime } from 'enjamb/api';
import type { Place } from '../memory/memory.ts';

/** What became of the clients that the rooms of a remote had lost. */
export interface RejoinCounts {
  lost: number;
  /** In again. */
  alive: number;
  told: number;
  joins: number;
  /** Presences that clients did not know. */
  people: number;
  messages: number;
  leftOut: number;
  resent: number;
  slowestMs: number;
}

declare module 'enjamb/api' {
  interface Events {
    /** None of the clients that the rooms of a remote had lost is lost any more. `startedAt`: in ms since 1970. */
    'muc-rejoins-over': Event<{
      readonly remote: string;
      readonly startedAt: number;
      readonly counts: Readonly<RejoinCounts>;
    }>;
  }
}

interface Report {
  readonly cause: string;
  readonly startedAt: number;
  /** Places that are not settled. */
  readonly open: Set<Place>;
  readonly counts: RejoinCounts;
}

type Owner = Pick<Module, 'log' | 'notify' | 'after'> & { readonly clock: Clock };

type Count = 'told' | 'joins' | 'people' | 'resent';

/** A link that opened earlier than this before the first loss did not cause it. */
const RELATED_MS = 60_000;
const MAX_REMOTES = 1_000;

export class Reports {
  readonly #module: Owner;
  /** By remote. */
  readonly #reports = new Map<string, Report>();
  /** When the link to a remote came up, and how long it was down. */
  readonly #links = new BoundedMap<string, { readonly upAt: number; readonly downMs: number }>(MAX_REMOTES);

  constructor(module: Owner) {
    this.#module = module;
  }

  get #now(): number {
    return this.#module.clock.elapsed();
  }

  /** `brokenAt`: when the former link was lost; `undefined` or 0 if no client was in a room then. */
  linkUp(remote: string, brokenAt: number | undefined): void {
    const isKnown = (this.#links.get(remote)?.upAt ?? 0) > (brokenAt ?? 0); // Both servers open streams.
    if (brokenAt && !isKnown) this.#links.set(remote, { upAt: this.#now, downMs: this.#now - brokenAt });
  }

  lost(place: Place, cause: string): void {
    const { domain } = place.room;
    const report = this.#reports.get(domain) ?? newReport(cause, this.#now);
    this.#reports.set(domain, report);
    report.counts.lost++;
    report.open.add(place);
  }

  count(place: Place, what: Count): void {
    const counts = this.#of(place)?.counts;
    if (counts) counts[what]++;
  }

  given(place: Place, messages: number, leftOut: number): void {
    const counts = this.#of(place)?.counts;
    if (counts === undefined) return;
    counts.messages += messages;
    counts.leftOut += leftOut;
  }

  alive(place: Place, gapMs: number): void {
    const counts = this.#of(place)?.counts;
    if (counts === undefined) return;
    counts.alive++;
    counts.slowestMs = Math.max(counts.slowestMs, gapMs);
  }

  /** The client is in again, was told, or has left. Counts of the rest of this tick are included. */
  ended(place: Place): void {
    const report = this.#of(place);
    if (report?.open.delete(place)) this.#module.after(0, () => this.#write(place.room.domain, report));
  }

  #write(remote: string, report: Report): void {
    if (report.open.size > 0 || this.#reports.get(remote) !== report) return;
    this.#reports.delete(remote);
    const { cause, startedAt, counts } = report;
    const { clock, log } = this.#module;
    const downMs = this.#linkOf(remote, startedAt)?.downMs ?? 0;
    log.info('rooms joined again', { remote, cause, downMs, ...counts });
    this.#module.notify('muc-rejoins-over', { remote, startedAt: wallTime(clock, startedAt), counts });
  }

  /** When the client could be joined: since it was lost, or since the link that was down before is up. */
  joinableSince({ room }: Place, lostAt: number): number {
    return this.#linkOf(room.domain, lostAt)?.upAt ?? lostAt;
  }

  #linkOf(remote: string, lostAt: number) {
    const link = this.#links.get(remote);
    return link && link.upAt > lostAt - RELATED_MS ? link : undefined;
  }

  #of({ room }: Place): Report | undefined {
    return this.#reports.get(room.domain);
  }
}

function newReport(cause: string, startedAt: number): Report {
  const counts = { lost: 0, alive: 0, told: 0, people: 0, messages: 0, leftOut: 0, resent: 0, joins: 0 };
  return { cause, startedAt, open: new Set(), counts: { ...counts, slowestMs: 0 } };
}
