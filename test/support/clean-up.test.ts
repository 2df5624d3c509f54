import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEnd } from './clean-up.ts';

test('what was set up last is undone first, and a failure keeps nothing from being undone', async () => {
  const done: string[] = [];
  const [end, t] = endOfTest();
  atEnd(t, () => done.push('folder'));
  atEnd(t, () => {
    throw new Error('server');
  });
  atEnd(t, async () => {
    await Promise.reject(new Error('client'));
  });
  atEnd(t, () => done.push('network'));
  await assert.rejects(
    end,
    (error) => error instanceof AggregateError && `${error.errors}` === 'Error: client,Error: server',
  );
  assert.deepEqual(done, ['network', 'folder']);
});

test('a task that is added while others are run is run, too', async () => {
  const done: string[] = [];
  const [end, t] = endOfTest();
  atEnd(t, () => atEnd(t, () => done.push('late')));
  await end();
  assert.deepEqual(done, ['late']);
});

/** @returns what ends the test, and its context */
function endOfTest() {
  const hooks: (() => unknown)[] = [];
  const end = async (): Promise<void> => {
    for (const hook of hooks) await hook();
  };
  return [end, { after: (hook: () => unknown) => void hooks.push(hook) }] as const;
}
