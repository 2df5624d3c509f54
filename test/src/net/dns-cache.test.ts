import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LookupCache } from '../../../src/net/dns-cache.ts';
import { FakeClock } from '../../support/clock.ts';

const clock = { now: () => 0, elapsed: () => 0, after: () => ({ cancel() {} }) };

test('the cache is bounded: the oldest answer is removed', async () => {
  const cache = new LookupCache<number>(clock, 2);
  let lookups = 0;
  const lookUp = async () => ({ value: ++lookups, ttlMs: 1000 });
  assert.equal(await cache.get('a', lookUp), 1);
  assert.equal(await cache.get('b', lookUp), 2);
  assert.equal(await cache.get('a', lookUp), 1);
  assert.equal(await cache.get('c', lookUp), 3);
  assert.equal(await cache.get('b', lookUp), 2);
  assert.equal(await cache.get('a', lookUp), 4);
});

test('a failed lookup fails for all who wait for it, and is not cached', async () => {
  const cache = new LookupCache<number>(clock, 2);
  const fail = () => Promise.reject(new Error('no answer'));
  const both = [cache.get('a', fail), cache.get('a', async () => ({ value: 1, ttlMs: 1000 }))];
  for (const waiting of both) await assert.rejects(waiting, /no answer/);
  assert.equal(await cache.get('a', async () => ({ value: 2, ttlMs: 1000 })), 2);
});

for (const days of [-1, 1]) {
  test(`a wall clock that is set by ${days} day: answers stay valid for the same time`, async () => {
    const clock = new FakeClock();
    const cache = new LookupCache<number>(clock, 2);
    let lookups = 0;
    const lookUp = async () => ({ value: ++lookups, ttlMs: 1000 });
    assert.equal(await cache.get('a', lookUp), 1);
    clock.moveWallClock(days * 86_400_000);
    await clock.advance(999);
    assert.equal(await cache.get('a', lookUp), 1);
    await clock.advance(1);
    assert.equal(await cache.get('a', lookUp), 2);
  });
}
