// One line in the log for each remote whose rooms had lost clients, once none of them is lost any more. No nicks, no texts.

import { BoundedMap, type Logger } from 'enjamb/api';
import type { Place } from './memory.ts';

interface Report {
  readonly cause: string;
  readonly startedAt: number;
  /** Places that are not settled. */
  readonly open: Set<Place>;
  lost: number;
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

interface Time {
  now(): number;
  after(delayMs: number, task: () => void): unknown;
}

type Count = 'told' | 'joins' | 'people' | 'resent';

/** A link that was up this long before the first loss has nothing to do with it. */
const RELATED_MS = 60_000;
const MAX_REMOTES = 1_000;

export class Reports {
  readonly #log: Logger;
  readonly #time: Time;
  /** By remote. */
  readonly #reports = new Map<string, Report>();
  /** When the link to a remote came up, and how long it was down. */
  readonly #links = new BoundedMap<string, { readonly upAt: number; readonly downMs: number }>(MAX_REMOTES);

  constructor(log: Logger, time: Time) {
    this.#log = log;
    this.#time = time;
  }

  /** `brokenAt`: when the former link was lost; `undefined` or 0 if no client was in a room then. */
  linkUp(remote: string, brokenAt: number | undefined): void {
    if (brokenAt) this.#links.set(remote, { upAt: this.#time.now(), downMs: this.#time.now() - brokenAt });
  }

  lost(place: Place, cause: string): void {
    const { domain } = place.room;
    const report = this.#reports.get(domain) ?? newReport(cause, this.#time.now());
    this.#reports.set(domain, report);
    report.lost++;
    report.open.add(place);
  }

  count(place: Place, what: Count): void {
    const report = this.#of(place);
    if (report) report[what]++;
  }

  given(place: Place, messages: number, leftOut: number): void {
    const report = this.#of(place);
    if (report === undefined) return;
    report.messages += messages;
    report.leftOut += leftOut;
  }

  alive(place: Place, gapMs: number): void {
    const report = this.#of(place);
    if (report === undefined) return;
    report.alive++;
    report.slowestMs = Math.max(report.slowestMs, gapMs);
  }

  /** The client is in again, was told, or is gone. What follows in this tick still counts. */
  ended(place: Place): void {
    const report = this.#of(place);
    if (report?.open.delete(place)) this.#time.after(0, () => this.#write(place.room.domain, report));
  }

  #write(remote: string, report: Report): void {
    if (report.open.size > 0 || this.#reports.get(remote) !== report) return;
    this.#reports.delete(remote);
    const { cause, startedAt, open, ...counts } = report;
    const link = this.#links.get(remote);
    const downMs = link && link.upAt > startedAt - RELATED_MS ? link.downMs : 0;
    this.#log.info('rooms joined again', { remote, cause, downMs, ...counts });
  }

  #of({ room }: Place): Report | undefined {
    return this.#reports.get(room.domain);
  }
}

function newReport(cause: string, startedAt: number): Report {
  const counts = { lost: 0, alive: 0, told: 0, people: 0, messages: 0, leftOut: 0, resent: 0, joins: 0 };
  return { cause, startedAt, open: new Set(), ...counts, slowestMs: 0 };
}
