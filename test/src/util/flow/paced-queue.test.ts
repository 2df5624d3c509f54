import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PacedQueue } from '../../../../src/util/flow/index.ts';
import { randomFrom } from '../../../support/random.ts';
import { busiest, hand } from './time.ts';

function pacedQueue() {
  const clock = hand();
  return { clock, queue: new PacedQueue<string>({ perSecond: 100, laneGapMs: 200, clock }) };
}

test('delivers at most a hundred items a second, and five of a lane', () => {
  const random = randomFrom(7);
  for (let round = 0; round < 20; round++) {
    const { clock, queue } = pacedQueue();
    const seen: { lane: string; at: number }[] = [];
    for (; clock.now < 10_000; clock.now += 1 + Math.floor(random() * 40)) {
      const burst = random() < 0.1 ? Math.floor(random() * 400) : 0;
      for (let i = 0; i < burst; i++) {
        const lane = `lane${Math.floor(random() * 60)}`;
        queue.push(lane, lane);
      }
      queue.drain((lane) => seen.push({ lane, at: clock.now }));
    }
    assert.ok(seen.length > 500, `${seen.length}`);
    assert.ok(busiest(seen.map(({ at }) => at)) <= 100);
    for (const of of Map.groupBy(seen, ({ lane }) => lane).values())
      assert.ok(busiest(of.map(({ at }) => at)) <= 5);
  }
});

test('items of one lane are 200 ms apart, lanes take turns', () => {
  const { clock, queue } = pacedQueue();
  for (const item of ['a1', 'a2', 'a3']) queue.push('a', item);
  queue.push('b', 'b1');
  const seen: [number, string][] = [];
  for (; clock.now <= 1_000; clock.now++) queue.drain((item) => seen.push([clock.now, item]));
  assert.deepEqual(seen, [
    [0, 'a1'],
    [0, 'b1'],
    [200, 'a2'],
    [400, 'a3'],
  ]);
  assert.equal(
    queue.drain(() => assert.fail()),
    undefined,
  );
});

test('delivers all items after the announced waits', () => {
  const { clock, queue } = pacedQueue();
  for (let i = 0; i < 300; i++) queue.push(`lane${i % 7}`, `${i}`);
  const seen = new Set<string>();
  for (let wait: number | undefined = 0; wait !== undefined; wait = queue.drain((item) => seen.add(item)))
    clock.now += wait;
  assert.equal(seen.size, 300);
  assert.ok(clock.now <= 200 * 43, `${clock.now} ms`);
});

test('what is pushed by what is delivered leaves in its turn', () => {
  const { clock, queue } = pacedQueue();
  const seen: string[] = [];
  const deliver = (item: string): void => {
    seen.push(item);
    if (item === 'a') queue.push('b', 'b');
  };
  queue.push('a', 'a');
  queue.drain(deliver);
  assert.deepEqual([seen, clock.now], [['a', 'b'], 0]);
});
