// Silent rooms: their service may have restarted behind a link that did not break.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeRooms, failure } from '../../support/fake-rooms.ts';
import { type Harness, harness } from '../../support/module-harness.ts';
import { crowd, FIRST_QUESTION_S, ROOM, scene } from './scene.ts';

const ON = 'ping_muc_silence = "15 minutes"';

/** Records the times of questions, in seconds from now. */
function listen(h: Harness, rooms: FakeRooms): { readonly to: string; readonly at: number }[] {
  const asked: { to: string; at: number }[] = [];
  const start = h.clock.now();
  rooms.onPing = (ping) => {
    asked.push({ to: ping.attrs.to ?? '', at: (h.clock.now() - start) / 1_000 });
    return rooms.answerPing(ping);
  };
  return asked;
}

test('a silent room is asked once in fifteen minutes, and its clients get nothing', async (t) => {
  const { h, rooms, romeo } = await scene(t, ON);
  h.clock.seconds(3_500);
  assert.equal(rooms.pings.length, 3);
  assert.deepEqual(romeo.heard(), []);
});

test('a room with messages is not asked', async (t) => {
  const { h, rooms } = await scene(t, ON);
  for (let minute = 0; minute < 120; minute += 14) {
    rooms.chat(ROOM, 'Juliet');
    h.clock.seconds(14 * 60);
  }
  assert.equal(rooms.pings.length, 0);
});

test('ping_muc_silence = 0: silent rooms are not asked', async (t) => {
  const { h, rooms } = await scene(t, 'ping_muc_silence = 0');
  h.clock.seconds(24 * 3_600);
  assert.equal(rooms.pings.length, 0);
});

test('asks about one client of each room, and one room in two seconds', async (t) => {
  const h = await harness(t, ON);
  const rooms = new FakeRooms(h);
  crowd(h, rooms, 3, 40);
  const asked = listen(h, rooms);
  h.clock.seconds(1_000);
  assert.equal(asked.length, 40);
  assert.equal(new Set(asked.map(({ to }) => to.split('/')[0])).size, 40);
  for (const [i, { at }] of asked.entries()) assert.ok(i === 0 || at - asked[i - 1]!.at >= 2);
});

test('an answer that proves nothing is not requested again for fifteen minutes', async (t) => {
  const { h, rooms, romeo } = await scene(t, ON);
  rooms.onPing = (ping) => failure(ping, 'not-allowed');
  h.clock.seconds(4 * 900 + 60);
  assert.equal(rooms.pings.length, 4);
  assert.equal(rooms.probes.length, 1, 'one presence probe a day');
  assert.deepEqual(romeo.heard(), []);
});

test('a remote that does not answer is asked once; then it has an outage', async (t) => {
  const h = await harness(t, ON);
  const rooms = new FakeRooms(h);
  const clients = crowd(h, rooms, 3, 40);
  rooms.onPing = () => undefined;
  h.clock.seconds(895);
  assert.equal(rooms.pings.length, 1);
  h.clock.seconds(30 + FIRST_QUESTION_S - 5);
  assert.equal(rooms.pings.length, 1);
  h.clock.seconds(10);
  assert.equal(rooms.pings.length, 2, 'the canary');
  assert.ok(clients.every(({ inbox }) => inbox.length === 0));
});

test('if one room has lost its clients, all quiet rooms of the service are asked immediately', async (t) => {
  const h = await harness(t, ON);
  const rooms = new FakeRooms(h);
  const clients = crowd(h, rooms, 5, 1_000);
  h.clock.seconds(700);
  for (let i = 500; i < 1_000; i++) rooms.chat(`room${i}@${rooms.domain}`, 'Juliet');
  h.clock.seconds(1);
  for (const client of clients) client.heard();
  rooms.forget();
  h.clock.seconds(190 + 60);
  const told = clients.flatMap(({ notices }) => notices.map(({ attrs }) => attrs.from?.split('/')[0]));
  assert.equal(told.length, 5 * 500, 'all silent rooms, within a minute');
  assert.ok(told.every((room) => Number(/\d+/.exec(room ?? '')?.[0]) < 500));
});

test('a broken link causes one question per join, not a second one for silence', async (t) => {
  const { h, rooms } = await scene(t, ON);
  h.clock.seconds(860);
  rooms.peer.cut();
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 1);
});

test('a room that sends only to one client is silent for another, and is asked about it', async (t) => {
  const { h, rooms, romeo } = await scene(t, ON);
  rooms.forget();
  const benvolio = h.client('benvolio@montague.lit/hills');
  benvolio.joins(`${ROOM}/Benvolio`);
  for (let minute = 0; minute < 16; minute++) {
    rooms.chat(ROOM, 'Juliet');
    h.clock.seconds(60);
  }
  assert.equal(romeo.notices.length, 1);
  assert.equal(benvolio.notices.length, 0);
  assert.deepEqual(
    rooms.pings.map(({ attrs }) => attrs.to),
    [`${ROOM}/Romeo`],
  );
});

/** Romeo and Benvolio are in the hall, which has spoken to both. */
async function twoInTheHall(t: Parameters<typeof scene>[0]) {
  const made = await scene(t, ON);
  const benvolio = made.h.client('benvolio@montague.lit/hills');
  benvolio.joins(`${ROOM}/Benvolio`);
  made.h.clock.seconds(10);
  made.rooms.chat(ROOM, 'Juliet');
  made.h.clock.seconds(1);
  return { ...made, clients: [made.romeo, benvolio] };
}

for (const seconds of [0, 1, 30]) {
  // 0: just before it answers.
  test(`a room that sends to one client ${seconds} s after a question about it is silent for another`, async (t) => {
    const { h, rooms, clients } = await twoInTheHall(t);
    rooms.onPing = (ping) => {
      if (rooms.pings.length === 1) {
        for (const { jid } of clients)
          if (`${jid}` !== ping.attrs.from) rooms.rooms.get(ROOM)?.delete(`${jid}`);
        if (seconds === 0) rooms.chat(ROOM, 'Juliet');
        else h.clock.after(seconds * 1_000, () => rooms.chat(ROOM, 'Juliet'));
      }
      return rooms.answerPing(ping);
    };
    h.clock.seconds(900);
    assert.equal(rooms.pings.length, 1);
    h.clock.seconds(960);
    const [asked] = rooms.pings;
    for (const { jid, notices } of clients)
      assert.equal(notices.length, `${jid}` === asked?.attrs.from ? 0 : 1, `${jid}`);
  });
}

test('an answer is no stanza that other clients have missed: one question for a room, each time', async (t) => {
  const { h, rooms, clients } = await twoInTheHall(t);
  h.clock.seconds(4 * 900 + 60);
  assert.equal(rooms.pings.length, 4);
  assert.ok(clients.every(({ notices }) => notices.length === 0));
});
