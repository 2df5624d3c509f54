// Rows of the fault matrix with a real ejabberd: a user of enjamb is in a room there during a fault. Each row checks
// the notices, the questions, and whether room and client agree at the end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DELAY_MS, statusCodes, WINDOW_MS } from '../support/room.ts';
import type { SlixmppClient } from '../support/slixmpp.ts';
import { untilTime } from '../support/waiting.ts';
import { joinsAnew, LIMIT, play, ROOM, rowsOfEveryKind, trackedBy } from './rows.ts';

test(
  'row 2, ejabberd: a clean restart: the client gets a notice, from the room or from our server',
  LIMIT,
  async (t) => {
    const { there, romeo, since, service } = await play(t, 'ejabberd');
    await service.stop();
    await service.start();
    await untilTime(Date.now() + DELAY_MS + WINDOW_MS);
    // Its final stanzas may be sent or not.
    assert.equal(farewellCodes(romeo, since).length, 1);
    assert.deepEqual(await trackedBy(there), []);
    await joinsAnew(romeo, service, ROOM);
    await there.enjamb.stop();
  },
);

test('row 13, ejabberd: the room service restarts and removes its occupants itself', LIMIT, async (t) => {
  const { there, romeo, since, service } = await play(t, 'ejabberd', ROOM, {
    config: ['ping_muc_silence = 6'],
  });
  await service.restartRooms();
  await untilTime(Date.now() + 15_000);
  assert.deepEqual(farewellCodes(romeo, since), [['332', '110']]);
  assert.deepEqual(await trackedBy(there), []);
  await there.enjamb.stop();
});

rowsOfEveryKind('ejabberd');

/** The status codes of each unavailable presence, from the room or from our server, that removed the client. */
function farewellCodes({ stanzas }: SlixmppClient, since: number): string[][] {
  const codes = stanzas
    .slice(since)
    .filter(({ element }) => element.is('presence') && element.attrs.type === 'unavailable')
    .map(({ element }) => statusCodes(element));
  return codes.filter((them) => them.includes('110'));
}
