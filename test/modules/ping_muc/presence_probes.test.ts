// The bounds of presence probes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newSentProbes, PresenceProbes } from '../../../modules/ping_muc/presence_probes.ts';

const DAY_MS = 24 * 60 * 60_000;

function probes() {
  const clock = { now: 0 };
  const sent = newSentProbes();
  const context = { now: () => clock.now } as ConstructorParameters<typeof PresenceProbes>[0];
  return { clock, sent, all: new PresenceProbes(context, sent) };
}

test('a room gets one presence probe a day', () => {
  const { clock, all } = probes();
  all.note('orchard@rooms.capulet.lit');
  clock.now = DAY_MS - 1;
  assert.equal(all.may('orchard@rooms.capulet.lit'), false);
  clock.now = DAY_MS;
  assert.equal(all.may('orchard@rooms.capulet.lit'), true);
});

test('10,000 rooms are remembered as asked for a day; the oldest are dropped', () => {
  const { clock, sent, all } = probes();
  for (let i = 0; i <= 10_000; i++) all.note(`room${i}@rooms.capulet.lit`);
  assert.equal(sent.rooms.size, 10_000);
  assert.equal(all.may('room0@rooms.capulet.lit'), true);
  assert.equal(all.may('room1@rooms.capulet.lit'), false);
  clock.now = DAY_MS;
  all.note('orchard@rooms.capulet.lit');
  assert.equal(sent.rooms.size, 1);
});
