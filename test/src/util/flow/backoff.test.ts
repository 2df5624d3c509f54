import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Backoff } from '../../../../src/util/flow/index.ts';

test('each pause is twice as long as the one before, up to the bound; success begins anew', () => {
  const backoff = new Backoff({ firstMs: 500, longestMs: 10_000, jitter: 0 });
  const pauses = Array.from({ length: 7 }, () => backoff.failed());
  assert.deepEqual(pauses, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  assert.equal(backoff.failures, 7);
  backoff.succeeded();
  assert.deepEqual([backoff.failures, backoff.failed()], [0, 500]);
});

test('the random part makes a pause shorter or longer by a share', () => {
  for (const [chance, pause] of [
    [0, 800],
    [0.5, 1_000],
    [1, 1_200],
  ] as const) {
    const backoff = new Backoff({ firstMs: 1_000, longestMs: 1_000, jitter: 0.2, random: () => chance });
    assert.equal(Math.round(backoff.failed()), pause);
  }
});

test('however many attempts fail, a pause is finite, positive and within its bounds', () => {
  const chances = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));
  const options = fc.record({
    firstMs: fc.integer({ min: 1, max: 60_000 }),
    longestMs: fc.integer({ min: 60_000, max: 10 ** 7 }),
    jitter: fc.double({ min: 0, max: 0.9, noNaN: true }),
  });
  fc.assert(
    fc.property(options, chances, (given, chance) => {
      const backoff = new Backoff({ ...given, random: () => chance.next().value });
      const [least, most] = [given.firstMs * (1 - given.jitter), given.longestMs * (1 + given.jitter)];
      for (let i = 0; i < 2_000; i++) {
        const pause = backoff.failed();
        assert.ok(pause >= least * 0.999 && pause <= most * 1.001, `${pause}`);
      }
    }),
    { numRuns: 20 },
  );
});
