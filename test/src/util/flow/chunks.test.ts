import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inChunks, nextChunk } from '../../../../src/util/flow/index.ts';
import { FakeClock } from '../../../support/clock.ts';

function* numbers(count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield i;
}

test('a turn handles 500 items, the first of them immediately', async () => {
  for (const [count, sizes] of [
    [0, [0]],
    [499, [499]],
    [1_000, [500, 500, 0]],
    [1_201, [500, 500, 201]],
  ] as const) {
    const clock = new FakeClock();
    const chunks: number[][] = [];
    let isDone = false;
    inChunks(
      numbers(count),
      (delayMs, task) => clock.after(delayMs, task),
      (chunk) => chunks.push(chunk),
      () => {
        isDone = true;
      },
    );
    assert.deepEqual([chunks.length, isDone], [1, count < 500]);
    await clock.advance(0);
    assert.deepEqual(
      chunks.map(({ length }) => length),
      sizes,
    );
    assert.deepEqual(chunks.flat(), [...numbers(count)]);
    assert.equal(isDone, true);
  }
});

test('a chunk takes nothing more from the iterator than it returns', () => {
  const items = numbers(501);
  assert.equal(nextChunk(items).length, 500);
  assert.deepEqual([nextChunk(items), nextChunk(items)], [[500], []]);
});
