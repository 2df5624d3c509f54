// Rows 16 to 18: our own server stops or is killed, and starts again with its database. The same with streams and a
// real room service: ../../track_muc_joins/restart.test.ts.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HandClock, startHarness } from '../../../support/module-harness.ts';
import { ROMEO, Stage } from './stage.ts';

/** Starts a server with the database of an earlier one, and with the same rooms. */
async function start(t: TestContext, folder: string, before?: Stage): Promise<Stage> {
  const config = `storage = "sqlite"\ndata_path = "${folder}"`;
  const h = await startHarness(new HandClock(), 'muc_autorejoin = false', undefined, config);
  t.after(() => h.server.stop());
  const set = new Stage(h);
  for (const [room, occupants] of before?.rooms.rooms ?? []) set.rooms.rooms.set(room, new Map(occupants));
  return set;
}

/** Romeo has been in the hall for a while, and his join is on disk. */
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

/** Waits for pending writes. */
async function settled(set: Stage): Promise<void> {
  set.seconds(1);
  await set.h.server.router.work.idle();
}

test('row 16: a clean stop sends all leaves, and the next run owes none', async (t) => {
  const { folder, set } = await begin(t);
  await set.stop();
  set.check({});
  assert.equal(set.rooms.leaves.length, 1);
  const next = await start(t, folder, set);
  next.seconds(600);
  next.check({});
  assert.equal(next.rooms.leaves.length, 0);
});

test("row 17: killed, and the client returns with another resource: the room gets the old one's leave in 10 s", async (t) => {
  const { folder, set } = await begin(t);
  const next = await start(t, folder, set);
  const phone = next.enter('romeo@montague.lit/phone', { room: `garden@${next.rooms.domain}` });
  assert.equal(next.rooms.leaves.length, 1, 'after ten seconds');
  next.check({});
  next.seconds(600);
  next.check({});
  assert.equal(phone.inbox.length, 2, 'a presence and a subject');
});

test('row 18: killed, and the same full JID joins again immediately: the room gets no leave after the join', async (t) => {
  const { folder, set } = await begin(t);
  const next = await start(t, folder, set);
  next.enter(ROMEO);
  next.seconds(600);
  assert.equal(next.rooms.leaves.length, 0);
  next.check({});
});

test("row 18: the same after the leave was sent: the client is in again, and does not get the leave's answer", async (t) => {
  const { folder, set } = await begin(t);
  const next = await start(t, folder, set);
  next.seconds(10);
  next.enter(ROMEO);
  next.seconds(600);
  assert.equal(next.rooms.leaves.length, 1);
  next.check({});
});
