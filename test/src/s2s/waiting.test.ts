import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Waiting } from '../../../src/s2s/waiting.ts';
import type { Stanza } from '../../../src/xml/element.ts';
import { xml } from '../../../src/xml/element.ts';
import { FakeClock } from '../../support/clock.ts';

const MINUTE_MS = 60_000;

interface Scene {
  readonly clock: FakeClock;
  readonly waiting: Waiting;
  readonly expired: string[];
}

function scene(): Scene {
  const clock = new FakeClock();
  const expired: string[] = [];
  const waiting = new Waiting(clock, (stanzas) => void expired.push(...stanzas.map(idOf)));
  return { clock, waiting, expired };
}

function message(id: string | number): Stanza {
  return xml('message', { id: `${id}` });
}

function idOf({ attrs }: Stanza): string {
  return attrs.id ?? '';
}

function leaving(waiting: Waiting): string[] {
  const ids: string[] = [];
  for (let next = waiting.next(); next; next = waiting.next()) ids.push(idOf(next));
  return ids;
}

test('stanzas leave in order, and what was on its way goes before all that still waits', () => {
  const { clock, waiting } = scene();
  const deadline = clock.now() + MINUTE_MS;
  for (const id of [1, 2, 3, 4]) waiting.add(message(id), deadline);
  assert.equal(idOf(waiting.next()!), '1');
  waiting.putFirst([message('a'), message('b')], () => deadline);
  assert.equal(waiting.size, 5);
  assert.equal(idOf(waiting.next()!), 'a');
  waiting.add(message(5), deadline);
  assert.deepEqual(leaving(waiting), ['b', '2', '3', '4', '5']);
  assert.equal(waiting.size, 0);
  assert.equal(clock.pending, 0);
});

test('each waits for its own time, and what has left does not come back', async () => {
  const { clock, waiting, expired } = scene();
  const now = clock.now();
  for (const [id, minutes] of [
    [1, 1],
    [2, 3],
    [3, 1],
    [4, 2],
  ] as const)
    waiting.add(message(id), now + minutes * MINUTE_MS);
  waiting.next();
  await clock.advance(MINUTE_MS);
  assert.deepEqual(expired, ['3']);
  assert.deepEqual([...leaving(waiting)], ['2', '4']);
  await clock.advance(5 * MINUTE_MS);
  assert.deepEqual(expired, ['3']);
});

test('what is dropped or taken makes room', () => {
  const { clock, waiting } = scene();
  const deadline = clock.now() + MINUTE_MS;
  const stanzas = Array.from({ length: 1_000 }, (_, index) => message(index));
  for (const stanza of stanzas) assert.equal(waiting.add(stanza, deadline), true);
  assert.equal(waiting.add(message('more'), deadline), false);
  waiting.next();
  waiting.drop(new Set(stanzas.slice(1, 3)));
  assert.equal(waiting.size, 997);
  for (const id of ['x', 'y', 'z']) assert.equal(waiting.add(message(id), deadline), true);
  assert.equal(waiting.add(message('more'), deadline), false);
  assert.equal(waiting.all().length, 1_000);
  assert.equal(waiting.size, 0);
});

test('a full house of unconfirmed stanzas leaves without a pause', () => {
  const { clock, waiting } = scene();
  const stanzas = Array.from({ length: 80_000 }, (_, index) => message(index));
  waiting.putFirst(stanzas, () => clock.now() + MINUTE_MS);
  const began = performance.now();
  assert.equal(leaving(waiting).length, 80_000);
  assert.ok(performance.now() - began < 200, `${Math.round(performance.now() - began)} ms`);
});

test('an exception over one stanza leaves the rest where it is, to be handed over later', () => {
  const { clock, waiting } = scene();
  for (const id of [1, 2, 3]) waiting.add(message(id), clock.now() + MINUTE_MS);
  assert.throws(() =>
    waiting.drain(
      () => true,
      () => assert.fail('broken'),
    ),
  );
  assert.equal(waiting.isDraining, false);
  const taken: string[] = [];
  waiting.drain(
    () => taken.length < 1,
    (stanza) => void taken.push(idOf(stanza)),
  );
  assert.deepEqual([taken, waiting.size], [['2'], 1]);
});
