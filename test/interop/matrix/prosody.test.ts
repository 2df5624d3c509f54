// Rows of the fault matrix with a real Prosody: a user of enjamb is in a room there during a fault. Each row checks the
// notices, the questions, and whether room and client agree at the end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HALLS, ROOMS } from '../support/addresses.ts';
import { assertWithin, asText, DELAY_MS, isNotice, PATIENT, WINDOW_MS } from '../support/room.ts';
import { untilTime } from '../support/waiting.ts';
import { isPing, selfPings } from './pings.ts';
import { isToldOnce, LIMIT, play, ROMEO, ROOM, rowsOfEveryKind } from './rows.ts';

test('row 1, Prosody: a clean restart, occupants kept: one ping, no notice', LIMIT, async (t) => {
  const room = `ballroom@${HALLS}`;
  const { there, romeo, since, service } = await play(t, 'Prosody', room, { config: [PATIENT] });
  const stoppedAt = Date.now();
  await service.stop();
  await service.start();
  await untilTime(Date.now() + DELAY_MS + WINDOW_MS);
  assert.deepEqual(asText(romeo.stanzas.slice(since)), []);
  assert.deepEqual(await service.occupants(room), [ROMEO]);
  assert.equal((await selfPings(service, ROMEO, room, stoppedAt)).length, 1);
  await there.enjamb.stop();
});

test(
  'row 2, Prosody: a clean restart, the occupants of a persistent room lost: one notice',
  LIMIT,
  async (t) => {
    const room = `ballroom@${HALLS}`;
    const scene = await play(t, 'Prosody', room);
    // Prosody stores the occupants of a room only at an orderly stop, and the room itself at each change.
    await scene.prosody.saveRoom(room);
    await scene.service.kill9();
    await scene.service.start();
    assert.deepEqual(await scene.service.occupants(room), []);
    await isToldOnce(scene, room);
  },
);

test('row 3, Prosody: a clean restart, a temporary room is gone: one notice', LIMIT, async (t) => {
  const scene = await play(t, 'Prosody');
  await scene.service.stop();
  await scene.prosody.forgetRooms(ROOMS);
  await scene.service.start();
  assert.equal(await scene.service.occupants(ROOM), undefined);
  await isToldOnce(scene, ROOM);
});

test('row 13, Prosody: the room service restarts behind a stream that stays up', LIMIT, async (t) => {
  const silence = 6;
  const scene = await play(t, 'Prosody', ROOM, { config: [`ping_muc_silence = ${silence}`] });
  const { romeo, since, service } = scene;
  const lostAt = Date.now();
  await service.restartRooms();
  assert.equal(await service.occupants(ROOM), undefined);
  const limitMs = 2 * 1_000 * silence + WINDOW_MS + 2_000;
  const notice = await romeo.stanza('the notice', isNotice, { since, limitMs });
  assertWithin(notice.at, lostAt, lostAt + limitMs, 'the notice');
  await isToldOnce(scene, ROOM);
});

test('row 28, Prosody: the room relays self-pings to clients: no client gets one', LIMIT, async (t) => {
  const { there, romeo, since, service } = await play(t, 'Prosody', ROOM, { relaysSelfPings: true });
  const closedAt = Date.now();
  await there.enjamb.command(['s2s', 'close', ROOMS]);
  await untilTime(closedAt + DELAY_MS + WINDOW_MS);
  const wire = (await service.wire()).filter(({ at }) => at >= closedAt);
  const relayed = wire.filter(({ dir, element }) => dir === 'out' && isPing(element));
  assert.deepEqual(
    relayed.map(({ element }) => element.attrs.to),
    [ROMEO],
  );
  assert.equal((await selfPings(service, ROMEO, ROOM, closedAt)).length, 1);
  assert.deepEqual(asText(romeo.stanzas.slice(since)), []);
  assert.deepEqual(await service.occupants(ROOM), [ROMEO]);
  await there.enjamb.stop();
});

rowsOfEveryKind('Prosody');
