// An administrator sets the clock back or forward by a day: no limit, back-off or cache may notice.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LookupCache } from '../../../../src/net/dns-cache.ts';
import { Suspects } from '../../../../src/s2s/dial.ts';
import { LoginLimits } from '../../../../src/sasl/login-limits.ts';
import { ReadBudget } from '../../../../src/stream/read-limit.ts';
import { Backoff, PacedQueue, Rate, ResettableTimer } from '../../../../src/util/flow/index.ts';
import { FakeClock } from '../../../support/clock.ts';

const DAY_MS = 24 * 60 * 60_000;

/** One test for each direction. `change` moves the wall clock. */
function bothWays(title: string, run: (clock: FakeClock, change: () => void) => Promise<void>): void {
  for (const days of [-1, 1]) {
    test(`${title}; the wall clock is set by ${days} day`, () => {
      const clock = new FakeClock();
      return run(clock, () => clock.moveWallClock(days * DAY_MS));
    });
  }
}

bothWays('attempts go on, each after its pause', async (clock, change) => {
  const backoff = new Backoff({ firstMs: 1_000, longestMs: 8_000, jitter: 0 });
  const timer = new ResettableTimer(clock);
  const [start, attempts] = [clock.elapsed(), [] as number[]];
  const attempt = (): void => {
    attempts.push(clock.elapsed() - start);
    timer.set(backoff.failed(), attempt);
    change();
  };
  attempt();
  await clock.advance(20_000);
  assert.deepEqual(attempts, [0, 1_000, 3_000, 7_000, 15_000]);
});

bothWays('a rate gives what it gave before', async (clock, change) => {
  const rate = new Rate(1, clock);
  rate.take();
  change();
  assert.equal(rate.waitMs, 1_000);
  await clock.advance(1_000);
  assert.equal(rate.waitMs, 0);
});

bothWays('a queue lets its items out at the same pace', async (clock, change) => {
  const queue = new PacedQueue<number>({ perSecond: 100, laneGapMs: 200, clock });
  const left: number[] = [];
  for (const item of [1, 2]) queue.push('lane', item);
  assert.equal(
    queue.drain((item) => left.push(item)),
    200,
  );
  change();
  await clock.advance(200);
  queue.drain((item) => left.push(item));
  assert.deepEqual(left, [1, 2]);
});

bothWays('a peer that has sent too fast is read again after the same time', async (clock, change) => {
  let isPaused = false;
  const reader = {
    pause() {
      isPaused = true;
    },
    unpause() {
      isPaused = false;
    },
  };
  const budget = new ReadBudget({ bytesPerSecond: 1_000, burstBytes: 2_000 }, clock);
  budget.take(3_000, reader);
  change();
  await clock.advance(999);
  assert.equal(isPaused, true);
  await clock.advance(1);
  assert.equal(isPaused, false);
});

bothWays('an address that has guessed too often waits as long', async (clock, change) => {
  const limits = new LoginLimits(clock, { perAddress: 1, perAccount: 0, windowMs: 60_000 });
  const source = { address: '192.0.2.1', network: '192.0.2.1' };
  const check = () => limits.check('romeo@montague.lit', source);
  limits.failed('romeo@montague.lit', source);
  change();
  assert.throws(check, { condition: 'temporary-auth-failure' });
  await clock.advance(60_000);
  check();
});

bothWays('an answer of the DNS is good as long as it said', async (clock, change) => {
  const cache = new LookupCache<number>(clock, 10);
  let lookups = 0;
  const look = () => cache.get('capulet.lit', async () => ({ value: ++lookups, ttlMs: 60_000 }));
  assert.equal(await look(), 1);
  change();
  assert.equal(await look(), 1);
  await clock.advance(60_000);
  assert.equal(await look(), 2);
});

bothWays('a target whose TLS failed is second for as long', async (clock, change) => {
  const suspects = new Suspects(clock);
  const targets = [1, 2].map((port) => ({ host: `xmpp${port}.capulet.lit`, port, tls: 'starttls' }) as never);
  suspects.add('capulet.lit', targets[0]!);
  change();
  assert.deepEqual(suspects.order('capulet.lit', targets), targets.toReversed());
  await clock.advance(DAY_MS);
  assert.deepEqual(suspects.order('capulet.lit', targets), targets);
});

test('nothing in util/flow reads the wall clock', () => {
  const folder = join(import.meta.dirname, '../../../../src/util/flow');
  const files = globSync('*.ts', { cwd: folder });
  assert.ok(files.length > 5);
  const wrong = files.filter((file) => /\bnow\(\)|\bDate\b/.test(readFileSync(join(folder, file), 'utf8')));
  assert.deepEqual(wrong, []);
});
