// Unexpected exceptions: contained, logged with their stack, counted.

import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { containedClock, Faults } from '../../../src/util/faults.ts';
import { createLogger } from '../../../src/util/logger.ts';
import { FakeClock } from '../../support/clock.ts';
import { ErrorLog } from '../../support/server.ts';

function thrower(error: unknown): () => never {
  return () => {
    throw error;
  };
}

test('what was contained is counted by place, whoever logs it', () => {
  const faults = new Faults(new ErrorLog());
  const others = new ErrorLog();
  faults.report('stream', new Error('first'));
  faults.loggedBy(others).report('stream', new Error('second'), { remote: 'capulet.lit' });
  faults.contain('timer', thrower(new Error('third')));
  assert.deepEqual(Object.fromEntries(faults.counts), { stream: 2, timer: 1 });
  assert.deepEqual(others.errors, [
    { message: 'stream handler failed', remote: 'capulet.lit', error: new Error('second') },
  ]);
});

test('the log has the stack', () => {
  let text = '';
  const destination = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const faults = new Faults(createLogger({ level: 'info', destination }));
  faults.report('handler', new TypeError('x is not a function'), { event: 'message/bare' });
  const { level, msg, event, error } = JSON.parse(text) as Record<string, Record<string, string>>;
  assert.deepEqual([level, msg, event], ['error', 'handler failed', 'message/bare']);
  assert.equal(error?.message, 'x is not a function');
  assert.match(error?.stack ?? '', /faults\.test\.ts:\d+/);
});

test('one fault again and again does not fill the log, but is counted', () => {
  const log = new ErrorLog();
  const faults = new Faults(log);
  for (let n = 0; n < 1_000; n++) faults.report('stream', new Error('again'));
  assert.equal(faults.counts.get('stream'), 1_000);
  assert.equal(log.errors.length, 20);
  assert.deepEqual(log.errors.at(-1), {
    message: 'stream handler failed',
    error: new Error('again'),
    note: 'further lines like this one are dropped until the minute ends',
  });
  faults.report('storage', new Error('another one'));
  assert.equal(log.errors.length, 21, 'one place does not hide the others');
});

test('reporting never throws, whatever the thrown value', () => {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const spoilt = Object.assign(new Error('spoilt'), { stack: 7 });
  Object.defineProperty(spoilt, 'message', { get: thrower(new Error('no message')) });
  const thrown: unknown[] = [undefined, null, 'text', 0, Symbol('x'), () => {}, 10n, spoilt];
  thrown.push(new Proxy({}, { get: thrower(new Error('no property')) }), Object.create(null));
  const faults = new Faults(createLogger({ level: 'info', destination }));
  for (const each of thrown) faults.contain('task', thrower(each));
  assert.equal(faults.counts.get('task'), thrown.length);
  assert.equal(lines.length, thrown.length);
  for (const line of lines) assert.equal((JSON.parse(line) as { msg: string }).msg, 'task failed');
});

test('reports the rejection of an unawaited promise', async () => {
  const faults = new Faults(new ErrorLog());
  faults.watch('work', Promise.reject(new Error('broken')));
  faults.watch('work', Promise.resolve());
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(Object.fromEntries(faults.counts), { work: 1 });
});

test('a timer that throws costs nothing but itself', async () => {
  const faults = new Faults(new ErrorLog());
  const hands = new FakeClock();
  const clock = containedClock(hands, faults);
  const ran: string[] = [];
  clock.after(10, thrower(new Error('broken')));
  clock.after(10, () => ran.push('second'));
  const cancelled = clock.after(10, () => ran.push('cancelled'));
  cancelled.cancel();
  await hands.advance(10);
  assert.deepEqual(ran, ['second']);
  assert.deepEqual(Object.fromEntries(faults.counts), { timer: 1 });
});
