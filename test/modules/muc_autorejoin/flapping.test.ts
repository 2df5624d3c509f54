// Rooms that lose a client again and again: how often the server joins for it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drop } from '../../support/fake-rooms/faults.ts';
import { counted, sent } from './counts.ts';
import { HALL, JULIET, PHONE, ROMEO, type Stage, stage } from './stage.ts';

const NURSE = 'nurse@montague.lit/house';
const MINUTE_MS = 60_000;

/** When each of our clients was joined, in ms from now. */
function watchJoins({ h, service }: Stage): Map<string, number[]> {
  const times = new Map<string, number[]>();
  const start = h.clock.elapsed();
  const { onEntered } = service;
  service.onEntered = (room, full, join) => {
    onEntered(room, full, join);
    if (full.includes('montague')) times.set(full, [...(times.get(full) ?? []), h.clock.elapsed() - start]);
  };
  return times;
}

/** The most of these times within any span of this length. */
function most(times: readonly number[], spanMs: number): number {
  return Math.max(...times.map((at) => times.filter((other) => other >= at && other < at + spanMs).length));
}

test('a link that flaps every 20 s for 10 min: 3 joins a place, then 1 in 5 min, and no notice', async (t) => {
  const made = await stage(t);
  const clients = [made.romeo, made.client(JULIET, 'Juliet'), made.client(NURSE, 'Nurse')];
  made.passes(10);
  for (const client of clients) client.heard();
  sent(made);
  const joins = watchJoins(made);
  for (let i = 0; i < 30; i++) {
    made.loses();
    made.cut(10);
    made.passes(10);
  }
  assert.equal(joins.size, 3);
  for (const times of joins.values()) {
    assert.ok(most(times, 10 * MINUTE_MS) <= 4, `${times}`);
    assert.ok(
      times.slice(3).every((at, i) => at - times[i + 2]! >= 5 * MINUTE_MS || i + 2 < 2),
      `${times}`,
    );
    assert.ok(times[2]! < 2 * MINUTE_MS, 'the first three follow the losses');
  }
  const questions = sent(made).ping ?? 0;
  assert.ok(
    questions <= 30 + 4 * 3,
    `${questions} questions: one for each loss, and one canary for each break`,
  );
  made.passes(10 * 60);
  for (const client of clients) {
    assert.equal(client.notices.length, 0);
    assert.deepEqual(made.seen(client), []);
  }
  made.assertAlive();
  const counts = await counted(made);
  assert.equal(counts['rejoins alive'], [...joins.values()].flat().length);
  assert.deepEqual(Object.keys(counts).sort(), ['presences swallowed', 'rejoins alive']);
});

test('a link that flaps, and a service that keeps its occupants: no join at all', async (t) => {
  const made = await stage(t);
  for (let i = 0; i < 30; i++) {
    made.cut(10);
    made.passes(10);
  }
  made.passes(600);
  assert.equal(sent(made).join, undefined);
  assert.deepEqual(made.seen(), []);
  assert.deepEqual(await counted(made), {});
});

test('removed with 333 every second for an hour: three joins and one notice', async (t) => {
  const made = await stage(t);
  const joins = watchJoins(made);
  for (let i = 0; i < 3_600; i++) {
    drop(made.room, ROMEO, { codes: ['333'] });
    made.passes(1);
  }
  assert.equal(joins.get(ROMEO)?.length, 3);
  assert.deepEqual(made.seen(), ['presence Romeo unavailable 110 333']);
  const { 'rejoins alive': alive, 'rejoins budget': budget } = await counted(made);
  assert.deepEqual([alive, budget], [3, 1]);
});

test('removed every 6 min: joined each time, since one in 5 min is allowed', async (t) => {
  const made = await stage(t);
  const joins = watchJoins(made);
  for (let i = 0; i < 10; i++) {
    drop(made.room, ROMEO, { codes: ['333'] });
    made.passes(360);
  }
  assert.equal(joins.get(ROMEO)?.length, 10);
  assert.deepEqual(made.seen(), []);
  made.assertAlive();
});

test('two clients of one account where nicks are not shared: each throws the other out, until it ends', async (t) => {
  const made = await stage(t, { behaviour: { sharesNicks: false } });
  const phone = made.h.client(PHONE);
  const joins = watchJoins(made);
  made.service.behaviour.refuseJoin = ({ attrs }) => {
    for (const full of [ROMEO, PHONE]) if (attrs.from !== full) made.room.remove(full, { codes: ['333'] });
    return undefined;
  };
  phone.joins(`${HALL}/Romeo`);
  made.passes(2 * 3_600);
  const ours = [joins.get(ROMEO) ?? [], (joins.get(PHONE) ?? []).slice(1)]; // The first is the phone's own.
  for (const times of ours) assert.ok(times.length <= 3, `${times}`);
  const told = [made.romeo, phone].map(
    (client) => made.seen(client).filter((line) => line === 'presence Romeo unavailable 110 333').length,
  );
  assert.deepEqual(told.sort(), [0, 1], 'one is told, and the other stays');
  made.passes(3_600);
  assert.equal(sent(made).join, 1 + ours.flat().length);
});
