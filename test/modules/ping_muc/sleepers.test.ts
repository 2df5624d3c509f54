// Pings by which rooms and their services check sleeping clients.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROMEO, ROOM, scene } from './scene.ts';

function ping(from: string): string {
  return `<iq type='get' id='ghost' from='${from}' to='${ROMEO}'><ping xmlns='urn:xmpp:ping'/></iq>`;
}

for (const from of ['rooms.capulet.lit', ROOM]) {
  test(`answers ${from} on behalf of a sleeping client`, async (t) => {
    const { h, rooms, romeo } = await scene(t);
    romeo.sleep();
    rooms.peer.says(ping(from));
    h.clock.seconds(1);
    assert.deepEqual(romeo.heard(), []);
    const answers = rooms.peer.received.filter(({ attrs }) => attrs.id === 'ghost');
    assert.deepEqual(
      answers.map(({ attrs }) => [attrs.type, attrs.from, attrs.to]),
      [['result', ROMEO, from]],
    );
  });

  test(`a connected client answers ${from} itself`, async (t) => {
    const { h, rooms, romeo } = await scene(t);
    rooms.peer.says(ping(from));
    h.clock.seconds(1);
    assert.equal(romeo.iqs.length, 1);
    assert.equal(rooms.peer.received.filter(({ attrs }) => attrs.id === 'ghost').length, 0);
  });
}

test('does not answer for a user without a client in the room', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  romeo.sleep();
  rooms.peer.says(ping(`garden@${rooms.domain}`));
  h.clock.seconds(1);
  assert.equal(romeo.iqs.length, 1);
});

test('answer_pings_for_hibernating = false: the ping waits for the client', async (t) => {
  const { h, rooms, romeo } = await scene(t, 'answer_pings_for_hibernating = false');
  romeo.sleep();
  rooms.peer.says(ping(rooms.domain));
  h.clock.seconds(1);
  assert.equal(romeo.iqs.length, 1);
});
