// The context that all parts of this module share.

import type { ElapsedClock, Exports, Module, Timer } from 'enjamb/api';
import type { PingMucMetrics } from './metrics.ts';
import type { options, Settings } from './options.ts';
import type { Proofs } from './proofs.ts';

export type Joins = Exports['track_muc_joins'];
export type Join = NonNullable<ReturnType<Joins['get']>>;
export type Domain = Join['room']['domain'];

export interface Context {
  readonly module: Module<typeof options>;
  readonly joins: Joins;
  readonly proofs: Proofs;
  readonly settings: Settings;
  readonly metrics: PingMucMetrics;
  /** Its timers end with the module. */
  readonly clock: ElapsedClock;
  /** The time of `clock.elapsed` in ms. All times of this module are such times, unless they say otherwise. */
  now(): number;
  /** Runs a task once, unless the module has unloaded by then. */
  after(delayMs: number, task: () => void): Timer;
}
