import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newPresenceProbes, presenceProbes } from '../../../modules/ping_muc/kept.ts';

const DAY_MS = 24 * 60 * 60_000;

test('a room is sent a presence probe once a day', () => {
  let now = 0;
  const probes = presenceProbes(newPresenceProbes(), () => now);
  probes.sent('orchard@rooms.capulet.lit');
  now = DAY_MS - 1;
  assert.equal(probes.may('orchard@rooms.capulet.lit'), false);
  now = DAY_MS;
  assert.equal(probes.may('orchard@rooms.capulet.lit'), true);
});

test('10,000 rooms are remembered as asked, for a day; the first are forgotten', () => {
  let now = 0;
  const sent = newPresenceProbes();
  const probes = presenceProbes(sent, () => now);
  for (let i = 0; i <= 10_000; i++) probes.sent(`room${i}@rooms.capulet.lit`);
  assert.equal(sent.size, 10_000);
  assert.equal(probes.may('room0@rooms.capulet.lit'), true);
  assert.equal(probes.may('room1@rooms.capulet.lit'), false);
  now = DAY_MS;
  probes.sent('orchard@rooms.capulet.lit');
  assert.equal(sent.size, 1);
});
