// What the parts of this module share.

import type { Exports, Logger, Stanza, Timer } from 'enjamb/api';
import type { Settings } from './settings.ts';

export type Joins = Exports['track_muc_joins'];
export type Join = NonNullable<ReturnType<Joins['get']>>;
export type Domain = Join['room']['domain'];

export interface Context {
  readonly joins: Joins;
  readonly settings: Settings;
  readonly log: Logger;
  readonly counters: Counters;
  now(): number;
  /** From 0 to 1. */
  random(): number;
  after(delayMs: number, task: () => void): Timer;
  send(stanza: Stanza): void;
}

/** What has happened since the module was loaded. */
export function newCounters() {
  return {
    triggers: 0,
    pings: 0,
    questions: 0,
    results: 0,
    errors: 0,
    timeouts: 0,
    late: 0,
    /** Answers that came when the client had moved on. */
    void: 0,
    /** Answers from somebody whom we had not asked. */
    spoofed: 0,
    relays: 0,
    notices: 0,
    /** Clients told to join again, because the answer to their join was lost. */
    unanswered: 0,
    giveUps: 0,
  };
}
export type Counters = ReturnType<typeof newCounters>;
