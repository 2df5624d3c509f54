import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResettableTimer } from '../../../../src/util/flow/index.ts';
import { FakeClock } from '../../../support/clock.ts';

const DAY_MS = 24 * 60 * 60_000;

function setUp() {
  const clock = new FakeClock();
  const ran: string[] = [];
  return { clock, timer: new ResettableTimer(clock), ran, log: (name: string) => () => ran.push(name) };
}

test('runs the last task that was set, once', async () => {
  const { clock, timer, ran, log } = setUp();
  timer.set(10, log('first'));
  timer.set(20, log('second'));
  assert.equal(timer.isSet, true);
  await clock.advance(100);
  assert.deepEqual([ran, timer.isSet, clock.pending], [['second'], false, 0]);
});

test('an earlier time replaces a later one, never the reverse', async () => {
  const { clock, timer, ran, log } = setUp();
  assert.equal(timer.bringForward(0), false, 'nothing is set');
  timer.set(100, log('task'));
  assert.equal(timer.bringForward(200), false);
  assert.equal(timer.bringForward(50), true);
  await clock.advance(49);
  assert.deepEqual(ran, []);
  await clock.advance(1);
  assert.deepEqual(ran, ['task']);
  assert.equal(timer.bringForward(0), false, 'it has run');
});

test('a cancelled one does not run; it can be set again, also by its own task', async () => {
  const { clock, timer, ran, log } = setUp();
  timer.set(10, log('cancelled'));
  timer.cancel();
  assert.deepEqual([timer.isSet, clock.pending], [false, 0]);
  timer.set(10, () => timer.set(10, log('again')));
  await clock.advance(20);
  assert.deepEqual(ran, ['again']);
});

test('a wall clock that is set by a day, forward or back, changes nothing', async () => {
  for (const days of [1, -1]) {
    const { clock, timer, ran, log } = setUp();
    timer.set(100, log('task'));
    clock.moveWallClock(days * DAY_MS);
    assert.equal(timer.bringForward(100), false);
    assert.equal(timer.bringForward(50), true);
    await clock.advance(50);
    assert.deepEqual(ran, ['task']);
  }
});
