// Many rooms and users at one remote: the number and rate of questions, and the rate of notices.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AskingOrder } from '../../../modules/ping_muc/order.ts';
import { FakeRooms, failure } from '../../support/fake-rooms.ts';
import { harness } from '../../support/module-harness.ts';
import { busiest, crowd, FIRST_QUESTION_S } from './scene.ts';

test('2,000 joins, none lost: clients get nothing, and no answer is dropped', async (t) => {
  const h = await harness(t);
  const rooms = new FakeRooms(h);
  const clients = crowd(h, rooms, 50, 40);
  const asked: number[] = [];
  rooms.onPing = (ping) => {
    asked.push(h.clock.now());
    return rooms.answerPing(ping);
  };
  rooms.peer.roundTripMs = 5_000;
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.equal(busiest(asked, 5_000), 256, 'at once');
  assert.ok(clients.every(({ inbox }) => inbox.length === 0));
  assert.equal(rooms.pings.length, 2_000);
});

test('rooms with traffic are not asked', async (t) => {
  const h = await harness(t);
  const rooms = new FakeRooms(h);
  const clients = crowd(h, rooms, 10, 10);
  rooms.peer.cut();
  h.clock.seconds(30);
  for (let room = 0; room < 9; room++) rooms.chat(`room${room}@${rooms.domain}`, 'Juliet');
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 10);
  assert.ok(clients.every(({ notices }) => notices.length === 0));
});

test('100 rooms of 20 users have vanished: one ping and one disco request for each', async (t) => {
  const h = await harness(t);
  const rooms = new FakeRooms(h);
  const clients = crowd(h, rooms, 20, 100);
  rooms.forget({ gone: true });
  rooms.peer.cut();
  h.clock.seconds(300);
  assert.equal(rooms.pings.length, 100);
  assert.equal(rooms.infos.length, 100);
  assert.ok(clients.every(({ notices }) => notices.length === 100));
});

test('one room does not answer: only its clients are asked about again', async (t) => {
  const h = await harness(t);
  const rooms = new FakeRooms(h);
  const clients = crowd(h, rooms, 3, 30);
  rooms.onPing = (ping) => (ping.attrs.to?.startsWith('room7@') ? undefined : rooms.answerPing(ping));
  rooms.peer.cut();
  h.clock.seconds(300);
  const perRoom = Map.groupBy(rooms.pings, ({ attrs }) => attrs.to?.split('@')[0]);
  for (const [room, pings] of perRoom) if (room !== 'room7') assert.equal(pings.length, 3);
  assert.ok(perRoom.get('room7')!.length <= 6);
  assert.ok(clients.every(({ inbox }) => inbox.length === 0));
  h.clock.seconds(600);
  assert.ok(
    clients.every(({ notices }) => notices.length === 1),
    'no answer for ten minutes',
  );
});

test('every second question fails: few are pending simultaneously', async (t) => {
  const h = await harness(t);
  const rooms = new FakeRooms(h);
  crowd(h, rooms, 20, 30);
  const asked: number[] = [];
  rooms.onPing = (ping) => {
    asked.push(h.clock.now());
    return asked.length % 2 === 1 ? rooms.answerPing(ping) : failure(ping, 'internal-server-error');
  };
  rooms.peer.roundTripMs = 2_000;
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 120);
  assert.ok(asked.length > 20);
  assert.ok(busiest(asked, 2_000) <= 16, `${busiest(asked, 2_000)} at once`);
});

test('two remotes break simultaneously: each has its own canary and schedule', async (t) => {
  const h = await harness(t);
  const [one, two] = [new FakeRooms(h), new FakeRooms(h, 'rooms.verona.lit')];
  const clients = [...crowd(h, one, 2, 3)];
  for (const client of clients) client.joins(`square@rooms.verona.lit/${client.jid.local}`);
  h.clock.seconds(10);
  for (const client of clients) client.heard();
  two.peer.reachable = false;
  one.forget();
  one.peer.cut();
  two.peer.cut();
  h.clock.seconds(120);
  assert.ok(clients.every(({ notices }) => notices.length === 3));
  assert.equal(one.pings.length, 6);
  assert.equal(two.pings.length, 0);
  assert.equal(two.peer.failures, 15, 'attempts');
});

test('ping_muc_notify_rate: limits the notices of each second, also after a pause', async (t) => {
  for (const perSecond of [7, 10]) {
    const h = await harness(t, `ping_muc_notify_rate = ${perSecond}`);
    const rooms = new FakeRooms(h);
    const clients = crowd(h, rooms, 5, 20);
    const says = (room: number) =>
      clients[room % 5]!.says(
        `<message type='groupchat' id='m' to='room${room}@${rooms.domain}'><body>hello</body></message>`,
      );
    rooms.forget();
    for (let room = 0; room < 20; room++) {
      says(room);
      h.clock.advance(room % 7 === 6 ? 450 : 0);
    }
    h.clock.seconds(30);
    const told = clients.flatMap(({ inbox, times }) =>
      inbox.flatMap((element, i) => (element.attrs.type === 'unavailable' ? [times[i]!] : [])),
    );
    assert.equal(told.length, 20);
    assert.ok(busiest(told) <= perSecond, `${busiest(told)} in a second`);
    t.mock.restoreAll();
  }
});

test('asks about connected clients first, accounts in rotation, and the most active rooms of each first', async (t) => {
  const h = await harness(t);
  const rooms = new FakeRooms(h);
  const [asleep, awake, other] = crowd(h, rooms, 3, 3);
  asleep!.sleep();
  for (const room of ['room1', 'room0', 'room2']) {
    rooms.chat(`${room}@${rooms.domain}`, 'Juliet');
    h.clock.seconds(1);
  }
  const joins = [asleep!, awake!, other!].flatMap(({ state }) => [...(state.mucJoins?.values() ?? [])]);
  const rotation = new AskingOrder();
  rotation.add(joins);
  const order = Array.from({ length: 10 }, () => rotation.next());
  assert.deepEqual(
    order.map((join) => join && `${join.session.jid.local} ${join.room.jid.split('@')[0]}`),
    [
      ...['user1 room2', 'user2 room2', 'user1 room0', 'user2 room0', 'user1 room1', 'user2 room1'],
      ...['user0 room2', 'user0 room0', 'user0 room1'],
      undefined,
    ],
  );
});

test('asks the first question after the delay and its jitter, not earlier', async (t) => {
  for (const [chance, delay] of [
    [0, 60_000],
    [0.999, 65_994],
  ] as const) {
    const h = await harness(t);
    t.mock.method(Math, 'random', () => chance);
    const rooms = new FakeRooms(h);
    crowd(h, rooms, 1, 1);
    rooms.peer.cut();
    h.clock.advance(delay - 1);
    assert.equal(rooms.pings.length, 0);
    h.clock.advance(2);
    assert.equal(rooms.pings.length, 1);
    t.mock.restoreAll();
  }
  assert.equal(FIRST_QUESTION_S, 63);
});

test('a delay of one second: at most one question waits for a link', async (t) => {
  const h = await harness(t, 'ping_muc_delay = "1 second"\nping_muc_give_up = "never"\nping_muc_silence = 0');
  const rooms = new FakeRooms(h);
  const [client] = crowd(h, rooms, 1, 20);
  rooms.peer.queueMs = 90_000;
  rooms.peer.reachable = false;
  rooms.peer.cut();
  let most = 0;
  for (let ms = 0; ms < 120_000; ms += 100) {
    h.clock.advance(100);
    most = Math.max(most, rooms.peer.waiting.length);
  }
  assert.equal(most, 1);
  assert.ok(rooms.peer.failures >= 3, 'each waits for 30 s, and is followed by another one');
  rooms.forget();
  rooms.peer.reachable = true;
  rooms.peer.openIn();
  h.clock.seconds(10);
  assert.equal(client!.notices.length, 20);
});
