import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StanzaWork } from '../../../src/session/stanza-work.ts';
import type { Pausable } from '../../../src/stream/read-limit.ts';

class Reading implements Pausable {
  readonly reasons = new Set<string>();

  pause(reason: string): void {
    this.reasons.add(reason);
  }

  unpause(reason: string): void {
    this.reasons.delete(reason);
  }

  get isPaused(): boolean {
    return this.reasons.size > 0;
  }
}

test('pauses reading while more promises are pending than allowed', async () => {
  const reading = new Reading();
  const ledger = new StanzaWork(2, reading);
  const works = [0, 1, 2].map(() => Promise.withResolvers<void>());
  for (const { promise } of works.slice(0, 2)) ledger.hold(promise);
  assert.equal(reading.isPaused, false);
  ledger.hold(works[2]!.promise);
  assert.equal(reading.isPaused, true);
  works[1]!.reject(new Error('a failure is an end, too'));
  await new Promise(setImmediate);
  assert.equal(reading.isPaused, false);
});

test('pauses a new stream of the session like the former one', () => {
  const [first, second] = [new Reading(), new Reading()];
  const ledger = new StanzaWork(0, first);
  ledger.hold(new Promise(() => {}));
  ledger.stream = undefined;
  ledger.hold(new Promise(() => {}));
  ledger.stream = second;
  assert.deepEqual([first.isPaused, second.isPaused], [true, true]);
});

test('the work of a stanza is what was held while it was handled', async () => {
  const ledger = new StanzaWork(10);
  const own = Promise.withResolvers<void>();
  const done: string[] = [];
  ledger.hold(new Promise(() => {}));
  ledger.handle(
    () => ledger.hold(own.promise),
    (work) => void work?.then(() => done.push('first')),
  );
  ledger.handle(
    () => {},
    (work) => done.push(work === undefined ? 'second' : 'second has work'),
  );
  ledger.hold(new Promise(() => {}));
  assert.deepEqual(done, ['second']);
  own.resolve();
  await new Promise(setImmediate);
  assert.deepEqual(done, ['second', 'first']);
});

test('a stanza whose handler throws has been handled', () => {
  const ledger = new StanzaWork(10);
  let handled = 0;
  const fail = () => {
    throw new Error('broken');
  };
  assert.throws(() => ledger.handle(fail, () => handled++), /broken/);
  assert.equal(handled, 1);
});
