// Taken out, put back and reloaded on a running server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../support/fake-rooms.ts';
import { HOST, harness } from '../../support/module-harness.ts';
import { FIRST_QUESTION_S, ROMEO, ROOM, scene, states } from './scene.ts';

const FEATURE = 'https://modules.prosody.im/mod_ping_muc';

test('the host advertises the feature while the module is loaded', async (t) => {
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

test('without the module the client hears nothing; loaded again, it knows of joins made before', async (t) => {
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
  assert.deepEqual(romeo.inbox, [], 'what it did not see it does not guess');
  rooms.peer.openIn();
  rooms.peer.cut('reset');
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.notices.length, 2);
});

test('a reload in the middle of an outage loses nothing', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(30);
  await h.command('module reload', { name: 'ping_muc', host: HOST });
  h.clock.seconds(120);
  assert.equal(romeo.notices.length, 1);
});

test('a session that ends while its joins are handed over is in no room any more, whenever that is', async (t) => {
  for (let later = 0; later < 25; later++) {
    const { h, romeo } = await scene(t);
    const reload = h.command('module reload', { name: 'track_muc_joins', host: HOST });
    while (h.host.hooks.has('link-needed')) await Promise.resolve(); // The old module is going.
    for (let turn = 0; turn < later; turn++) await Promise.resolve();
    romeo.close();
    await reload;
    assert.deepEqual(await states(h), []);
    t.mock.restoreAll();
  }
});

test('an answer to a question from before a reload does not reach the client', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = () => undefined;
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  await h.command('module reload', { name: 'ping_muc', host: HOST });
  rooms.peer.says(failure(rooms.pings[0]!, 'not-acceptable', { by: ROOM }));
  h.clock.seconds(1);
  assert.deepEqual(romeo.iqs, []);
});

test('the tracker is reloaded, and ping_muc with it: joins are still known', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  await h.command('module reload', { name: 'track_muc_joins', host: HOST });
  assert.deepEqual(await states(h), ['joined']);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.notices.length, 1);
});

test('while the tracker was off a client may have left unseen: it is not asked about', async (t) => {
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
