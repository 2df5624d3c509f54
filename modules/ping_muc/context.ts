// What the parts of this module share.

import type { ElapsedClock, Exports, Logger, SendOptions, Stanza, Timer } from 'enjamb/api';
import type { Measures } from './measures.ts';
import type { Settings } from './settings.ts';

export type Joins = Exports['track_muc_joins'];
export type Join = NonNullable<ReturnType<Joins['get']>>;
export type Domain = Join['room']['domain'];

export interface Context {
  readonly joins: Joins;
  readonly settings: Settings;
  readonly log: Logger;
  readonly measures: Measures;
  /** Its timers end with the module. */
  readonly clock: ElapsedClock;
  /** The time of `clock.elapsed`, in ms. All times of this module are such times, unless they say otherwise. */
  now(): number;
  /** Converts a time of `now` to ms since 1970. */
  wallTime(at: number): number;
  /** From 0 to 1. */
  random(): number;
  after(delayMs: number, task: () => void): Timer;
  send(stanza: Stanza, options?: SendOptions): void;
  /** Logs and counts an exception that was contained. */
  report(error: unknown, fields?: object): void;
  /** Runs work in the background; its exception is logged and counted. */
  spawn(work: Promise<unknown>): void;
  /** Whether this very server has that domain: there is no link that could break. */
  isLocal(domain: string): boolean;
  /** Tries to connect to another server, where there is no link; whether that succeeds. */
  reach(domain: string): Promise<boolean>;
}
