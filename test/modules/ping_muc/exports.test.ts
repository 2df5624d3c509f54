// The exports of ping_muc.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { EpisodeRecord } from '../../../modules/ping_muc/episode.ts';
import type { PingMuc } from '../../../modules/ping_muc/index.ts';
import { FakeRooms } from '../../support/fake-rooms.ts';
import { HandClock, HOST, startHarness } from '../../support/module-harness.ts';
import { assertNoMoreFaults } from '../../support/server.ts';
import { ROMEO, ROOM } from './scene.ts';

const MODULES = ['roster', 'presence', 'message', 'disco', 'track_muc_joins', 'ping_muc'];
const PLUGINS = `plugin_paths = [${JSON.stringify(join(import.meta.dirname, 'plugins'))}]`;

/** Romeo is in the hall, and a third-party module exposes the exports. */
async function scene(t: TestContext) {
  t.mock.method(Math, 'random', () => 0.5);
  const h = await startHarness(new HandClock(), 'ping_muc_silence = 0', MODULES, PLUGINS);
  t.after(async () => {
    await h.server.stop();
    assertNoMoreFaults(h.server);
  });
  await h.command('module load', { name: 'outage_watcher', host: HOST });
  const pingMuc = (await h.command('watcher')).data as PingMuc;
  const rooms = new FakeRooms(h);
  const romeo = h.client(ROMEO);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(10);
  romeo.heard();
  return { h, rooms, romeo, pingMuc };
}

test('`tell`: sends a notice whatever the room has sent since, without asking other modules', async (t) => {
  const { h, rooms, romeo, pingMuc } = await scene(t);
  const losses: unknown[] = [];
  h.host.hooks.add('ping-muc-lost', (loss) => void losses.push(loss), 'deliver', 'test');
  romeo.sleep();
  pingMuc.tell(romeo.state.mucJoins!.get(ROOM)!, 'lost');
  rooms.chat(ROOM, 'Juliet');
  h.clock.seconds(1);
  assert.deepEqual([romeo.notices.length, losses.length, rooms.leaves.length], [1, 0, 0]);
});

test('`askSoon`: asks rooms one to two seconds after the link is up; the notice waits for the delay', async (t) => {
  const { h, rooms, romeo, pingMuc } = await scene(t);
  rooms.forget();
  rooms.peer.reachable = false;
  rooms.peer.cut();
  pingMuc.askSoon(rooms.domain);
  h.clock.seconds(10);
  assert.equal(rooms.pings.length, 0);
  assert.ok(rooms.peer.failures > 1, 'the link is wanted');
  rooms.peer.reachable = true;
  rooms.peer.openIn();
  h.clock.advance(1_000);
  assert.equal(rooms.pings.length, 0);
  h.clock.seconds(2);
  assert.deepEqual([rooms.pings.length, romeo.notices.length], [1, 0]);
  h.clock.seconds(45);
  assert.equal(romeo.notices.length, 0);
  h.clock.seconds(5);
  assert.deepEqual([rooms.pings.length, romeo.notices.length], [1, 1]);
});

test('`episodes`: returns the numbers of each outage', async (t) => {
  const { h, rooms, pingMuc } = await scene(t);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(120);
  const [{ startedAt, durationMs, ...rest }] = pingMuc.episodes() as [EpisodeRecord];
  assert.ok(startedAt < h.clock.now() && durationMs > 60_000);
  const counts = { entries: 1, proofs: 0, pings: 1, lost: 1, unknown: 0, unproven: 0 };
  assert.deepEqual(rest, { remote: rooms.domain, cause: 'link-lost', ...counts });
  const { rows = [] } = await h.command('joins outages', { domain: rooms.domain });
  assert.deepEqual(
    rows.map(({ remote, lost }) => [remote, lost]),
    [[rooms.domain, 1]],
  );
  assert.deepEqual((await h.command('joins outages', { domain: 'verona.lit' })).rows, []);
});

test('`episodes`: returns the last 100 outages', async (t) => {
  const { h, rooms, pingMuc } = await scene(t);
  for (let i = 0; i <= 100; i++) {
    rooms.peer.cut();
    h.clock.seconds(120);
  }
  assert.equal(pingMuc.episodes().length, 100);
});
