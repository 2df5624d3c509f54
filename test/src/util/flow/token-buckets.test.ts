import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TokenBucket, TokenBuckets } from '../../../../src/util/flow/index.ts';
import { FakeClock } from '../../../support/clock.ts';
import { hand } from './time.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

test('a bucket has its size, then one token after the other', () => {
  const clock = hand();
  const bucket = new TokenBucket({ size: 5, windowMs: MINUTE }, clock);
  assert.equal(bucket.isFull, true);
  for (let i = 0; i < 5; i++) assert.deepEqual([bucket.waitMs(1), bucket.take()], [0, true]);
  assert.deepEqual([bucket.waitMs(1), bucket.waitMs(5), bucket.waitMs(0)], [12_000, MINUTE, 0]);
  clock.now = 12_000;
  assert.equal(bucket.waitMs(1), 0);
  clock.now = MINUTE;
  assert.equal(bucket.isFull, true);
});

test('taking more than there is makes a debt, which later takers wait for', () => {
  const clock = hand();
  const bucket = new TokenBucket({ size: 1_000, windowMs: 1_000 }, clock);
  assert.equal(bucket.take(1_500), false);
  assert.deepEqual([bucket.waitMs(0), bucket.waitMs(1)], [500, 501]);
  clock.now = 500;
  assert.equal(bucket.waitMs(0), 0);
  assert.equal(bucket.isFull, false);
});

test('a long rest earns no more than a full bucket', () => {
  const clock = hand();
  const bucket = new TokenBucket({ size: 10, windowMs: 1_000 }, clock);
  bucket.take(10);
  clock.now = DAY;
  assert.equal(bucket.take(10), true);
  assert.equal(bucket.take(), false);
});

test('a token that comes in time is reserved, in order; another is not taken', () => {
  const bucket = new TokenBucket({ size: 2, windowMs: 2_000 }, hand());
  const waits = Array.from({ length: 6 }, () => bucket.reserve(2_500));
  assert.deepEqual(waits, [0, 0, 1_000, 2_000, undefined, undefined]);
  assert.equal(bucket.waitMs(1), 3_000);
});

test('in no span of time does it give more than its size and what the rate earns', () => {
  const rates = fc.record({
    size: fc.integer({ min: 1, max: 50 }),
    windowMs: fc.integer({ min: 1, max: 9_000 }),
  });
  const steps = fc.array(fc.record({ pause: fc.nat(2_000), tokens: fc.integer({ min: 1, max: 10 }) }));
  fc.assert(
    fc.property(rates, steps, (rate, given) => {
      const clock = hand();
      const bucket = new TokenBucket(rate, clock);
      const taken: { at: number; tokens: number }[] = [];
      for (const { pause, tokens } of given) {
        clock.now += pause;
        if (tokens > rate.size || bucket.waitMs(tokens) > 0) continue;
        bucket.take(tokens);
        taken.push({ at: clock.now, tokens });
      }
      for (const [first, { at }] of taken.entries()) {
        let total = 0;
        for (const one of taken.slice(first)) {
          total += one.tokens;
          const earned = ((one.at - at) * rate.size) / rate.windowMs;
          assert.ok(total <= rate.size + earned + 1e-6, `${total} tokens in ${one.at - at} ms`);
        }
      }
    }),
  );
});

test('the tokens are there after the announced wait', () => {
  const rates = fc.record({
    size: fc.integer({ min: 1, max: 50 }),
    windowMs: fc.integer({ min: 1, max: 9_000 }),
  });
  fc.assert(
    fc.property(rates, fc.array(fc.integer({ min: 1, max: 80 })), (rate, given) => {
      const clock = hand();
      const bucket = new TokenBucket(rate, clock);
      for (const tokens of given) {
        bucket.take(tokens);
        clock.now += bucket.waitMs(1) + 1e-6;
        assert.equal(bucket.waitMs(1), 0);
      }
    }),
  );
});

test('each key has a bucket of its own, which tells when its last token is spent', () => {
  const buckets = new TokenBuckets(hand(), { size: 2, windowMs: MINUTE, maxKeys: 3 });
  const spent = ['a', 'b', 'a', 'a', 'b'].map((key) => buckets.spend(key));
  assert.deepEqual(spent, [false, false, true, false, true]);
  assert.deepEqual([buckets.has('a'), buckets.has('b'), buckets.has('c')], [false, false, true]);
  buckets.forget('a');
  assert.equal(buckets.has('a'), true);
});

test('a key reserves tokens that come in time', () => {
  const buckets = new TokenBuckets(hand(), { size: 1, windowMs: 1_000, maxKeys: 3 });
  const waits = ['a', 'a', 'a', 'b'].map((key) => buckets.reserve(key, 1_500));
  assert.deepEqual(waits, [0, 1_000, undefined, 0]);
});

test('a size of 0 is no limit', () => {
  const buckets = new TokenBuckets(hand(), { size: 0, windowMs: MINUTE, maxKeys: 3 });
  for (let i = 0; i < 100; i++) assert.deepEqual([buckets.spend('a'), buckets.reserve('a', 0)], [false, 0]);
  assert.deepEqual([buckets.has('a'), buckets.size], [true, 0]);
});

test('bounds the number of keys; forgets the least used one first', async () => {
  const clock = new FakeClock();
  const buckets = new TokenBuckets(clock, { size: 2, windowMs: MINUTE, maxKeys: 3 });
  for (const key of ['a', 'b', 'c', 'a', 'd']) buckets.spend(key);
  assert.equal(buckets.size, 3);
  assert.ok(!buckets.has('a'), 'not the one that was busy last');
  assert.equal(buckets.spend('b'), false, 'its second one, had it not been forgotten');
  await clock.advance(2 * MINUTE);
  assert.ok(buckets.has('a'));
});

for (const days of [-1, 1]) {
  test(`a wall clock that is set by ${days} day neither adds nor takes tokens`, async () => {
    const clock = new FakeClock();
    const buckets = new TokenBuckets(clock, { size: 2, windowMs: MINUTE, maxKeys: 3 });
    buckets.spend('a');
    clock.moveWallClock(days * DAY);
    assert.ok(buckets.has('a'));
    buckets.spend('a');
    assert.ok(!buckets.has('a'));
    await clock.advance(MINUTE / 2);
    assert.ok(buckets.has('a'));
  });
}
