// Loads, unloads and reloads of the module on a running server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../support/fake-rooms.ts';
import { HOST, harness } from '../../support/module-harness.ts';
import { FIRST_QUESTION_S, ROMEO, ROOM, scene, states } from './scene.ts';

const FEATURE = 'https://modules.prosody.im/mod_ping_muc';

test('the host announces the feature while the module is loaded', async (t) => {
  const h = await harness(t);
  const client = h.client(ROMEO);
  const ask = () => {
    client.says(
      `<iq type='get' id='i' to='${HOST}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
    );
    return String(client.heard().at(-1));
  };
  assert.ok(ask().includes(FEATURE));
  await h.command('module unload', { name: 'ping_muc', host: HOST });
  assert.ok(!ask().includes(FEATURE));
});

test('without the module clients get nothing; when it is loaded, it knows earlier joins', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  await h.command('module unload', { name: 'ping_muc', host: HOST });
  romeo.joins('garden@rooms.capulet.lit/Romeo');
  h.clock.seconds(1);
  romeo.heard();
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(1_200);
  assert.deepEqual(romeo.inbox, []);
  assert.equal(rooms.pings.length, 0);
  await h.command('module load', { name: 'ping_muc', host: HOST });
  h.clock.seconds(1_200);
  assert.deepEqual(romeo.inbox, [], 'the module does not guess what it has missed');
  rooms.peer.openIn();
  rooms.peer.cut('reset');
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.notices.length, 2);
});

test('a reload during an outage loses nothing', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(30);
  await h.command('module reload', { name: 'ping_muc', host: HOST });
  h.clock.seconds(120);
  assert.equal(romeo.notices.length, 1);
});

test('a session that ends during a reload has no joins, at any moment', async (t) => {
  for (let later = 0; later < 25; later++) {
    const { h, romeo } = await scene(t);
    const reload = h.command('module reload', { name: 'track_muc_joins', host: HOST });
    while (h.host.hooks.has('link-needed')) await Promise.resolve(); // Until the old instance is unloaded.
    for (let turn = 0; turn < later; turn++) await Promise.resolve();
    romeo.close();
    await reload;
    assert.deepEqual(await states(h), []);
    t.mock.restoreAll();
  }
});

test('an answer to a question before the reload does not reach the client', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = () => undefined;
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  await h.command('module reload', { name: 'ping_muc', host: HOST });
  rooms.peer.says(failure(rooms.pings[0]!, 'not-acceptable', { by: ROOM }));
  h.clock.seconds(1);
  assert.deepEqual(romeo.iqs, []);
});

test('a reload of track_muc_joins, with ping_muc, keeps the joins', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  await h.command('module reload', { name: 'track_muc_joins', host: HOST });
  assert.deepEqual(await states(h), ['joined']);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.notices.length, 1);
});

test('joins from before an unload of track_muc_joins are not asked about: the client may have left meanwhile', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  await h.command('module unload', { name: 'ping_muc', host: HOST });
  await h.command('module unload', { name: 'muc_autorejoin', host: HOST });
  await h.command('module unload', { name: 'track_muc_joins', host: HOST });
  h.clock.seconds(60);
  await h.command('module load', { name: 'ping_muc', host: HOST });
  assert.deepEqual(await states(h), []);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 0);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(1);
  assert.deepEqual(await states(h), ['joined']);
});
