// A clock that a test sets to any time, and its wall clock, which nothing here may read.

import type { Clock } from '../../../../src/util/clock.ts';

export interface Hand extends Pick<Clock, 'elapsed'> {
  now: number;
}

export function hand(): Hand {
  const clock = { now: 0, elapsed: () => clock.now };
  return clock;
}

/** The most that happened within any span, its end excluded. */
export function busiest(times: readonly number[], spanMs = 1_000): number {
  let [first, most] = [0, 0];
  for (const [last, at] of times.entries()) {
    while (times[first]! <= at - spanMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
