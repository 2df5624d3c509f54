// Errors to clients' stanzas, and their meaning for the joins.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../support/fake-rooms.ts';
import { FIRST_QUESTION_S, ROOM, scene, states } from './scene.ts';

test('a filter returns a message although the client is in: no notice', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const { onStanza } = rooms.peer;
  rooms.peer.onStanza = (stanza) => {
    if (stanza.name === 'message')
      rooms.peer.says(failure(stanza, 'not-acceptable', { type: 'cancel', by: ROOM }));
    else onStanza(stanza);
  };
  romeo.says(`<message type='groupchat' id='m1' to='${ROOM}'><body>spam</body></message>`);
  h.clock.seconds(600);
  assert.equal(romeo.inbox.length, 1);
  assert.equal(rooms.pings.length, 1);
  assert.deepEqual(await states(h), ['joined']);
});

for (const condition of ['forbidden', 'policy-violation', 'resource-constraint', 'not-allowed'] as const) {
  test(`a message error with ${condition} proves the join, since rooms send it to occupants only`, async (t) => {
    const { h, rooms, romeo } = await scene(t);
    const { onStanza } = rooms.peer;
    rooms.peer.onStanza = (stanza) => {
      if (stanza.name === 'message') rooms.peer.says(failure(stanza, condition, { by: ROOM }));
      else onStanza(stanza);
    };
    rooms.peer.cut();
    h.clock.seconds(20);
    romeo.says(`<message type='groupchat' id='m1' to='${ROOM}'><body>may I?</body></message>`);
    h.clock.seconds(600);
    assert.equal(rooms.pings.length, 0);
  });
}

test('a message error shows that a room is gone: its other clients get notices too', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const friend = h.client('benvolio@montague.lit/x');
  friend.joins(`${ROOM}/Benvolio`);
  h.clock.seconds(10);
  friend.heard();
  romeo.heard();
  rooms.forget({ gone: true });
  const { onStanza } = rooms.peer;
  rooms.peer.onStanza = (stanza) => {
    if (stanza.name === 'message') rooms.peer.says(failure(stanza, 'item-not-found', { by: rooms.domain }));
    else onStanza(stanza);
  };
  romeo.says(`<message type='groupchat' id='m1' to='${ROOM}'><body>hello?</body></message>`);
  h.clock.seconds(2);
  assert.equal(romeo.notices.length + friend.notices.length, 2);
  assert.equal(rooms.pings.length, 1);
});

test('an undeliverable message triggers an outage of the remote', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.reachable = false;
  romeo.says(`<message type='groupchat' id='m1' to='${ROOM}'><body>hello?</body></message>`);
  h.clock.seconds(1);
  assert.match(String(romeo.heard()), /remote-server-timeout/);
  rooms.peer.reachable = true;
  rooms.forget();
  h.clock.seconds(FIRST_QUESTION_S - 5);
  assert.equal(rooms.pings.length, 0);
  h.clock.seconds(10);
  assert.equal(rooms.pings.length, 1);
  assert.equal(romeo.notices.length, 1);
});

test('the same if no connection is attempted', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.paused = true;
  romeo.says(`<message type='groupchat' id='m1' to='${ROOM}'><body>hello?</body></message>`);
  h.clock.seconds(1);
  rooms.peer.paused = false;
  rooms.forget();
  h.clock.seconds(FIRST_QUESTION_S);
  assert.equal(romeo.notices.length, 1);
});

test("XEP-0045 §7.5: recipient-unavailable for a private message proves the sender's join", async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const { onStanza } = rooms.peer;
  rooms.peer.onStanza = (stanza) => {
    if (stanza.name === 'message') rooms.peer.says(failure(stanza, 'item-not-found', { by: ROOM }));
    else onStanza(stanza);
  };
  rooms.peer.cut();
  h.clock.seconds(20);
  romeo.says(`<message type='chat' id='m1' to='${ROOM}/Juliet'><body>psst</body></message>`);
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 0);
});

test('XEP-0045 §7.5: not-acceptable for a private message causes a question, and a notice', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  romeo.says(`<message type='chat' id='m1' to='${ROOM}/Juliet'><body>psst</body></message>`);
  h.clock.seconds(1);
  assert.equal(romeo.notices.length, 1);
});

test('XEP-0045 §7.2.18: not-acceptable for a presence update causes a notice', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  const { onStanza } = rooms.peer;
  rooms.peer.onStanza = (stanza) => {
    if (stanza.name === 'presence') rooms.peer.says(failure(stanza, 'not-acceptable', { by: ROOM }));
    else onStanza(stanza);
  };
  romeo.says(`<presence to='${ROOM}/Romeo'><show>away</show></presence>`);
  h.clock.seconds(1);
  assert.equal(romeo.inbox.length, 2);
  assert.equal(romeo.inbox[0]?.attrs.type, 'error');
  assert.equal(romeo.notices.length, 1);
});

test('XEP-0045 §7.6: an error to a nick change of a client outside the room causes a question immediately, and a notice', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.refusesStrangers = true;
  rooms.forget();
  romeo.says(`<presence to='${ROOM}/Montague'/>`);
  h.clock.seconds(1);
  assert.equal(rooms.pings.length, 1);
  assert.deepEqual(
    romeo.notices.map(({ attrs }) => attrs.from),
    [`${ROOM}/Romeo`],
  );
});
