// Rows 16 to 18: our own server stops, or dies, and starts again from what is on disk. The same with streams and a real
// room service: ../../track_muc_joins/restart.test.ts.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HandClock, startHarness } from '../../../support/module-harness.ts';
import { ROMEO, Stage } from './stage.ts';

/** Starts a server on what an earlier one has left in the folder, and on the rooms as they are. */
async function start(t: TestContext, folder: string, before?: Stage): Promise<Stage> {
  const config = `storage = "sqlite"\ndata_path = "${folder}"`;
  const h = await startHarness(new HandClock(), 'muc_autorejoin = false', undefined, config);
  t.after(() => h.server.stop());
  const set = new Stage(h);
  for (const [room, occupants] of before?.rooms.rooms ?? []) set.rooms.rooms.set(room, new Map(occupants));
  return set;
}

/** Romeo has been in the hall for a while, and what happened is on disk. */
async function begin(t: TestContext): Promise<{ folder: string; set: Stage }> {
  t.mock.method(Math, 'random', () => 0.5);
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-matrix-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const set = await start(t, folder);
  set.enter(ROMEO);
  await settled(set);
  set.check({});
  return { folder, set };
}

/** What was begun is on disk. */
async function settled(set: Stage): Promise<void> {
  set.seconds(1);
  await set.h.server.router.work.idle();
}

test('row 16: a clean stop: the room sees everybody leave, and the next run has nothing to make up for', async (t) => {
  const { folder, set } = await begin(t);
  await set.stop();
  set.check({});
  assert.equal(set.rooms.leaves.length, 1);
  const next = await start(t, folder, set);
  next.seconds(600);
  next.check({});
  assert.equal(next.rooms.leaves.length, 0);
});

test('row 17: killed, and the client comes back with another resource: the room sees the old one leave in 10 s', async (t) => {
  const { folder, set } = await begin(t);
  const next = await start(t, folder, set);
  const phone = next.enter('romeo@montague.lit/phone', { room: `garden@${next.rooms.domain}` });
  assert.equal(next.rooms.leaves.length, 1, 'after ten seconds');
  next.check({});
  next.seconds(600);
  next.check({});
  assert.equal(phone.inbox.length, 2, 'a presence and a subject');
});

test('row 18: killed, and the same address joins again at once: the room sees no leave after the join', async (t) => {
  const { folder, set } = await begin(t);
  const next = await start(t, folder, set);
  next.enter(ROMEO);
  next.seconds(600);
  assert.equal(next.rooms.leaves.length, 0);
  next.check({});
});

test('row 18: … when the ghost has left already: in again, and it hears nothing of that', async (t) => {
  const { folder, set } = await begin(t);
  const next = await start(t, folder, set);
  next.seconds(10);
  next.enter(ROMEO);
  next.seconds(600);
  assert.equal(next.rooms.leaves.length, 1);
  next.check({});
});
