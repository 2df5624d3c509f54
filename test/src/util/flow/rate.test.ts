import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Rate } from '../../../../src/util/flow/index.ts';
import { busiest, hand } from './time.ts';

for (const perSecond of [1, 7, 100, 200]) {
  test(`a rate of ${perSecond} lets exactly that number through in each second`, () => {
    const clock = hand();
    const rate = new Rate(perSecond, clock);
    const times: number[] = [];
    for (; clock.now < 5_000; clock.now++) {
      while (rate.waitMs === 0) {
        rate.take();
        times.push(clock.now);
      }
    }
    assert.equal(busiest(times), perSecond);
    assert.equal(times.length, 5 * perSecond);
  });
}

test('no second has more than the rate, whenever something is taken', () => {
  const pauses = fc.array(fc.double({ min: 0, max: 400, noNaN: true }), { maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), pauses, (perSecond, given) => {
      const clock = hand();
      const rate = new Rate(perSecond, clock);
      const times: number[] = [];
      for (const pause of given) {
        clock.now += pause;
        if (rate.waitMs > 0) continue;
        rate.take();
        times.push(clock.now);
      }
      // A span without its last microsecond: sums of fractions are inexact.
      assert.ok(busiest(times, 999.999) <= perSecond);
    }),
  );
});

test('is like new after a rest', () => {
  const clock = hand();
  const rate = new Rate(20, clock);
  assert.equal(rate.restMs, 0);
  rate.take();
  clock.now = 40;
  rate.take();
  assert.deepEqual([rate.waitMs, rate.restMs], [60, 100]);
  clock.now = 140;
  assert.deepEqual([rate.waitMs, rate.restMs], [0, 0]);
});
