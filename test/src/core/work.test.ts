// Work that goes on behind the stanzas.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PendingWork } from '../../../src/core/work.ts';
import { Faults } from '../../../src/util/faults.ts';
import { silentLogger } from '../../../src/util/logger.ts';

function recorded(): { work: PendingWork; errors: unknown[] } {
  const errors: unknown[] = [];
  const work = new PendingWork(
    new Faults({ ...silentLogger, error: (_message, fields) => errors.push(fields) }),
  );
  return { work, errors };
}

test('`idle` resolves when all work has settled, including work that began meanwhile', async () => {
  const { work } = recorded();
  const done: string[] = [];
  const later = async () => {
    await Promise.resolve();
    done.push('first');
    const second = new Promise<void>((resolve) => setImmediate(resolve)).then(() => void done.push('second'));
    work.add(second, 'm');
  };
  work.add(later(), 'm');
  await work.idle();
  assert.deepEqual(done, ['first', 'second']);
  assert.equal(work.size, 0);
  await work.idle();
});

test('a failure is logged under the module’s name, an abort is not, and neither is an unhandled rejection', async () => {
  const { work, errors } = recorded();
  const error = new Error('broken');
  work.add(Promise.reject(error), 'roster');
  work.add(Promise.reject(new DOMException('unloaded', 'AbortError')), 'ping_muc');
  await work.idle();
  assert.deepEqual(errors, [{ module: 'roster', error }]);
});
