// Queued notices, and events that void them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_QUESTION_S, ROOM, scene } from './scene.ts';

/** Twenty clients of one room are lost. Returns one whose notice is still queued. */
async function untold(t: Parameters<typeof scene>[0]) {
  const made = await scene(t);
  const { h, rooms } = made;
  const clients = Array.from({ length: 20 }, (_, i) => h.client(`user${i}@montague.lit/x`));
  for (const client of clients) client.joins(`${ROOM}/${client.jid.local}`);
  h.clock.seconds(10);
  for (const client of clients) client.heard();
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  const waiting = clients.find(({ notices }) => notices.length === 0);
  assert.ok(waiting, 'at five a second, some notices are still queued');
  return { ...made, waiting };
}

test('a stanza of the room refutes a queued notice', async (t) => {
  const { h, rooms, waiting } = await untold(t);
  rooms.rooms.get(ROOM)!.set(`${waiting.jid}`, `${waiting.jid.local}`);
  rooms.chat(ROOM, 'Juliet');
  h.clock.seconds(600);
  assert.equal(waiting.notices.length, 0);
});

test('a nick change voids a queued notice; the join is asked about again', async (t) => {
  const { h, rooms, waiting } = await untold(t);
  waiting.says(`<presence to='${ROOM}/Other'/>`);
  h.clock.seconds(30);
  assert.equal(waiting.notices.length, 0);
  h.clock.seconds(60);
  assert.deepEqual(
    rooms.pings.filter(({ attrs }) => attrs.from === `${waiting.jid}`).map(({ attrs }) => attrs.to),
    [`${ROOM}/${waiting.jid.local}`, `${ROOM}/Other`],
  );
  assert.equal(waiting.notices.length, 1);
});

test('a leave voids a queued notice', async (t) => {
  const { h, waiting } = await untold(t);
  waiting.says(`<presence type='unavailable' to='${ROOM}/${waiting.jid.local}'/>`);
  h.clock.seconds(600);
  assert.equal(waiting.notices.length, 0);
});

test('while a notice is queued, the room proves the join and then refuses it: the newest verdict counts', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const others = Array.from({ length: 10 }, (_, i) => h.client(`user${i}@montague.lit/x`));
  for (const other of others) other.joins(`${ROOM}/${other.jid.local}`);
  h.clock.seconds(1);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S);
  h.clock.advance(500); // Five of a room in a second are told: the last ones wait.
  const last = [romeo, ...others].find(({ notices }) => notices.length === 0)!;
  const nick = last === romeo ? 'Romeo' : last.jid.local;
  rooms.peer.says(
    `<message type='groupchat' from='${ROOM}/Juliet' to='${last.jid}'><body>adieu</body></message>`,
  );
  h.clock.advance(100);
  rooms.peer.says(
    `<presence type='error' from='${ROOM}/${nick}' to='${last.jid}'>
       <error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
  );
  h.clock.seconds(10);
  assert.equal(last.notices.length, 1);
});

test("a notice removes the client's directed presence to the room", async (t) => {
  const { h, rooms, romeo } = await scene(t);
  assert.ok(romeo.state.directed?.has(ROOM));
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.state.directed?.has(ROOM), false);
});

test('a client joins again while its notice is queued, and is lost again: it is asked about again', async (t) => {
  const { h, rooms, romeo } = await scene(t, 'ping_muc_notify_rate = 1');
  for (let i = 0; i < 30; i++) romeo.joins(`room${i}@rooms.capulet.lit/Romeo`);
  h.clock.seconds(10);
  romeo.heard();
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 5);
  const last = [...(romeo.state.mucJoins?.keys() ?? [])].at(0)!;
  romeo.joins(`${last}/Romeo`);
  h.clock.seconds(1);
  assert.equal(rooms.rooms.get(last)?.size, 1);
  rooms.rooms.get(last)?.clear();
  const before = rooms.pings.length;
  romeo.says(`<message type='groupchat' id='m' to='${last}'><body>hello?</body></message>`);
  h.clock.seconds(60);
  assert.equal(rooms.pings.length, before + 1);
  assert.equal(romeo.notices.filter(({ attrs }) => attrs.from?.startsWith(last)).length, 1);
});

test('a notice is sent immediately if the rate allows it', async (t) => {
  const { h, rooms, romeo } = await scene(t, 'ping_muc_notify_rate = 7');
  const other = 'garden@rooms.capulet.lit';
  romeo.joins(`${other}/Romeo`);
  h.clock.seconds(10);
  rooms.forget();
  for (const [count, room] of [ROOM, other].entries()) {
    romeo.says(`<message type='groupchat' id='m' to='${room}'><body>hello</body></message>`);
    h.clock.advance(300);
    assert.equal(romeo.notices.length, count + 1);
  }
});
