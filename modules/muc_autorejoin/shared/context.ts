// What the parts of this module share.

import type { ElapsedClock, Exports, Module, Timer } from 'enjamb/api';
import type { Joins } from '../memory/memory.ts';
import type { Rooms } from '../memory/rooms.ts';
import type { RejoinMetrics } from './metrics.ts';
import type { options, Settings } from './options.ts';
import type { Reports } from './reports.ts';

export interface Context {
  readonly module: Module<typeof options>;
  readonly joins: Joins;
  readonly settings: Settings;
  readonly rooms: Rooms;
  readonly metrics: RejoinMetrics;
  readonly reports: Reports;
  /** Its timers end with the module. */
  readonly clock: ElapsedClock;
  /** The time of `clock.elapsed` in ms. All times of this module are such times, unless they say otherwise. */
  now(): number;
  after(delayMs: number, task: () => void): Timer;
  /** Tells clients of losses; `undefined` while it is not loaded. */
  pingMuc(): Exports['ping_muc'] | undefined;
}
