// Bounds of the ids that are remembered for errors (K1).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newSentIds, SentIds } from '../../../modules/carbons/sent_ids.ts';
import { FakeClock } from '../../support/clock.ts';
import { settled } from '../../support/contacts.ts';
import { BALCONY, CHAMBER, drain, loginAll, ROMEO, scene } from './scene.ts';

const MINUTE = 60_000;

function fresh(): { ids: SentIds; clock: FakeClock } {
  const clock = new FakeClock();
  return { ids: new SentIds(newSentIds(), clock), clock };
}

test('K1: the last 64 messages to an address count', async (t) => {
  const there = await scene(t);
  const [balcony, chamber, romeo] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [ROMEO]: {} });
  for (let i = 0; i < 65; i++)
    balcony!.send(`<message type='chat' id='${i}' to='${ROMEO}'><body>${i}</body></message>`);
  for (const client of [balcony, romeo, chamber]) await drain(client!);
  romeo!.send(`<message type='error' id='0' to='${BALCONY}'/>`);
  await settled(romeo!, chamber!);
  romeo!.send(`<message type='error' id='1' to='${BALCONY}'/>`);
  await chamber!.skipUntil(({ attrs }) => attrs.type === 'error');
});

test('an account has 256 addresses; the one that it wrote to longest ago is forgotten', () => {
  const { ids } = fresh();
  for (let i = 0; i < 256; i++) ids.add('juliet', `u${i}@x.example`, 'm');
  ids.add('juliet', 'u0@x.example', 'n');
  ids.add('juliet', 'last@x.example', 'm');
  assert.ok(ids.has('juliet', 'u0@x.example', 'm'));
  assert.ok(!ids.has('juliet', 'u1@x.example', 'm'));
  assert.ok(ids.has('juliet', 'last@x.example', 'm'));
});

test('ids of more than 128 bytes and addresses of more than 512 are not remembered', () => {
  const { ids } = fresh();
  const address = (length: number) => `${'u'.repeat(length - 2)}@x`;
  for (const [bare, id, isKept] of [
    [address(512), 'm', true],
    [address(513), 'm', false],
    ['u@x', 'm'.repeat(128), true],
    ['v@x', 'm'.repeat(129), false],
    ['w@x', 'ü'.repeat(65), false],
    ['w@x', undefined, false],
  ] as const) {
    ids.add('juliet', bare, id);
    assert.equal(ids.has('juliet', bare, id), isKept);
  }
});

test('one account takes at most a quarter of the 16 MiB, and all together no more; the silent ones are forgotten first', () => {
  const { ids } = fresh();
  const fill = (user: string) => {
    for (let peer = 0; peer < 300; peer++)
      for (let i = 0; i < 64; i++) ids.add(user, `${'p'.repeat(500)}${peer}@x`, `${i}`.padEnd(128, 'i'));
  };
  ids.add('nurse', 'u@x', 'm');
  fill('juliet');
  assert.ok(ids.bytes <= 4 * 1024 * 1024, `${ids.bytes}`);
  assert.ok(ids.has('nurse', 'u@x', 'm'));
  for (const user of ['a', 'b', 'c', 'd', 'e']) fill(user);
  assert.ok(ids.bytes <= 16 * 1024 * 1024, `${ids.bytes}`);
  assert.ok(!ids.has('nurse', 'u@x', 'm'));
  assert.ok(ids.has('e', `${'p'.repeat(500)}299@x`, '63'.padEnd(128, 'i')));
  for (const user of ['nurse', 'juliet', 'a', 'b', 'c', 'd', 'e']) ids.forget(user);
  assert.equal(ids.bytes, 0);
});

test('nothing is kept for addresses that have not been written to for ten minutes', async () => {
  const { ids, clock } = fresh();
  ids.add('juliet', 'old@x', 'm');
  await clock.advance(6 * MINUTE);
  ids.add('juliet', 'new@x', 'm');
  await clock.advance(6 * MINUTE);
  assert.ok(!ids.has('juliet', 'old@x', 'm'));
  const before = ids.bytes;
  ids.removeOld();
  assert.ok(ids.bytes < before);
  assert.ok(ids.has('juliet', 'new@x', 'm'));
  await clock.advance(6 * MINUTE);
  ids.removeOld();
  assert.equal(ids.bytes, 0);
});
