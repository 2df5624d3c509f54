import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnerQueues } from '../../../src/core/owner-queues.ts';
import { Faults } from '../../../src/util/faults.ts';
import { silentLogger } from '../../../src/util/logger.ts';
import type { StanzaError } from '../../../src/xml/errors.ts';
import { FakeClock } from '../../support/clock.ts';

const KIB = 1024;

function start() {
  const clock = new FakeClock();
  const faults = new Faults(silentLogger);
  const log: string[] = [];
  const queues = new OwnerQueues(clock, faults);
  const add = (owner: string, ready: true | Promise<void>, id: string, bytes = 100) =>
    queues.add(owner, ready, {
      bytes,
      deliver: () => void log.push(id),
      refuse: (error: StanzaError) => void log.push(`${id} ${error.condition} ${error.type}`),
    });
  return { clock, faults, log, queues, add };
}

const refused = { name: 'StanzaError', condition: 'internal-server-error', type: 'wait' };
const never = new Promise<void>(() => {});

test('stanzas of an owner wait in order until its rows are loaded; other stanzas do not wait', async () => {
  const { clock, log, queues, add } = start();
  const romeo = Promise.withResolvers<void>();
  const juliet = Promise.withResolvers<void>();
  add('romeo', romeo.promise, '1');
  add('juliet', juliet.promise, '2');
  add('romeo', romeo.promise, '3');
  juliet.resolve();
  await clock.advance(0);
  assert.deepEqual(log, ['2']);
  add('romeo', true, '4');
  assert.equal(queues.has('romeo'), true);
  romeo.resolve();
  await clock.advance(0);
  assert.deepEqual(log, ['2', '1', '3', '4']);
  assert.equal(queues.has('romeo'), false);
  assert.equal(clock.pending, 0);
});

test('delivers a stanza that is caused by a delivery last', async () => {
  const { clock, log, queues, add } = start();
  const romeo = Promise.withResolvers<void>();
  queues.add('romeo', romeo.promise, {
    bytes: 1,
    deliver() {
      log.push('1');
      assert.equal(queues.has('romeo'), true);
      add('romeo', true, '3');
    },
    refuse: assert.fail,
  });
  add('romeo', romeo.promise, '2');
  romeo.resolve();
  await clock.advance(0);
  assert.deepEqual(log, ['1', '2', '3']);
});

test('delivered stanzas do not count towards the bounds', async () => {
  const { clock, log, queues, add } = start();
  const romeo = Promise.withResolvers<void>();
  for (let n = 0; n < 256; n++) {
    queues.add('romeo', romeo.promise, {
      bytes: 4 * KIB,
      deliver: () => add('romeo', true, 'caused', 4 * KIB),
      refuse: assert.fail,
    });
  }
  romeo.resolve();
  await clock.advance(0);
  assert.equal(log.length, 256);
  assert.equal(queues.has('romeo'), false);
});

test('after 5 seconds all stanzas of the owner are refused, and the next one waits anew', async () => {
  const { clock, faults, log, add } = start();
  add('romeo', never, '1');
  await clock.advance(4_999);
  add('romeo', never, '2');
  assert.deepEqual(log, []);
  await clock.advance(1);
  assert.deepEqual(log, ['1 internal-server-error wait', '2 internal-server-error wait']);
  assert.equal(faults.counts.get('work'), 1);
  add('romeo', Promise.resolve(), '3');
  await clock.advance(0);
  assert.equal(log.at(-1), '3');
});

test('an owner whose rows cannot be read is reported once; the stanzas are refused', async () => {
  const { clock, faults, log, add } = start();
  const romeo = Promise.withResolvers<void>();
  add('romeo', romeo.promise, '1');
  add('romeo', romeo.promise, '2');
  romeo.reject(new Error('disk'));
  await clock.advance(0);
  assert.deepEqual(log, ['1 internal-server-error wait', '2 internal-server-error wait']);
  assert.equal(faults.counts.get('work'), 1);
});

test('at most 256 stanzas and 1 MiB wait for one owner', () => {
  const { add } = start();
  for (let n = 0; n < 256; n++) add('romeo', never, `${n}`);
  assert.throws(() => add('romeo', never, 'more'), refused);
  add('juliet', never, 'large', 1024 * KIB - 100);
  add('juliet', never, 'fits', 100);
  assert.throws(() => add('juliet', never, 'more', 1), refused);
});

test('at most 10,000 stanzas and 32 MiB wait for all owners together', async () => {
  const { clock, add } = start();
  for (let n = 0; n < 10_000; n++) add(`user${n % 100}`, never, `${n}`);
  assert.throws(() => add('romeo', never, 'more'), refused);
  await clock.advance(5_000);
  for (let n = 0; n < 32; n++) add(`user${n}`, never, `${n}`, 1024 * KIB);
  assert.throws(() => add('romeo', never, 'more', 1), refused);
  await clock.advance(5_000);
  add('romeo', never, 'room again', 1024 * KIB);
});
