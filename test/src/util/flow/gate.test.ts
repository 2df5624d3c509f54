import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate, GateFullError } from '../../../../src/util/flow/index.ts';

/** Work that ends when the test says so. */
function work(gate: Gate, log: string[], name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const done = gate.run(() => {
    log.push(name);
    return promise;
  });
  return { done, succeed: () => resolve(name), fail: () => reject(new Error(name)) };
}

test('runs tasks up to its limit, queues some in order, and rejects the rest', async () => {
  const gate = new Gate({ atWork: 2, waiting: 2 });
  const log: string[] = [];
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => work(gate, log, name));
  await assert.rejects(work(gate, log, 'e').done, GateFullError);
  assert.deepEqual(log, ['a', 'b']);
  b!.succeed();
  assert.equal(await b!.done, 'b');
  assert.deepEqual(log, ['a', 'b', 'c']);
  const f = work(gate, log, 'f');
  for (const each of [a, c, d, f]) each!.succeed();
  assert.deepEqual(await Promise.all([a!.done, c!.done, d!.done, f.done]), ['a', 'c', 'd', 'f']);
});

test('a task that fails, immediately or later, frees its place', async () => {
  const gate = new Gate({ atWork: 1, waiting: 1 });
  const log: string[] = [];
  const a = work(gate, log, 'a');
  const b = work(gate, log, 'b');
  a.fail();
  await assert.rejects(a.done, /^Error: a$/);
  b.succeed();
  assert.equal(await b.done, 'b');
  const thrown = gate.run(() => {
    throw new Error('at once');
  });
  await assert.rejects(thrown, /at once/);
  assert.equal(await gate.run(async () => 'free'), 'free');
});
