// Questions that wait for the link: their time-out counts from when they leave.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_QUESTION_S, scene } from './scene.ts';

test('a question that leaves shortly before its time-out is not asked twice', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.queueMs = 90_000;
  rooms.peer.reachable = false;
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 29);
  assert.equal(rooms.peer.waiting.length, 1);
  rooms.peer.roundTripMs = 20_000;
  rooms.peer.reachable = true;
  rooms.peer.openOut();
  h.clock.seconds(300);
  assert.equal(rooms.pings.length, 1);
  assert.deepEqual(romeo.heard(), []);
});

test('a question that leaves after its time-out is not asked twice', async (t) => {
  const { h, rooms, romeo } = await scene(t, 'ping_muc_delay = "20 seconds"'); // The time-out is 10 s.
  rooms.peer.queueMs = 90_000;
  rooms.peer.reachable = false;
  rooms.peer.cut();
  h.clock.seconds(40);
  assert.equal(rooms.peer.waiting.length, 1);
  rooms.peer.roundTripMs = 6_000;
  rooms.peer.reachable = true;
  rooms.peer.openOut();
  h.clock.seconds(300);
  assert.equal(rooms.pings.length, 1);
  assert.deepEqual(romeo.heard(), []);
});

test('a question that leaves after its time-out, and is not answered, is asked again after another time-out', async (t) => {
  const { h, rooms } = await scene(t, 'ping_muc_delay = "20 seconds"');
  rooms.peer.queueMs = 90_000;
  rooms.peer.reachable = false;
  rooms.peer.cut();
  h.clock.seconds(40);
  rooms.onPing = () => undefined;
  rooms.peer.reachable = true;
  rooms.peer.openOut();
  h.clock.seconds(9.9);
  assert.equal(rooms.pings.length, 1);
  h.clock.seconds(0.2);
  assert.equal(rooms.pings.length, 2);
});

test('a lost client is told once, though its question waited longer than the time-out', async (t) => {
  const { h, rooms, romeo } = await scene(t, 'ping_muc_delay = "20 seconds"');
  rooms.peer.queueMs = 90_000;
  rooms.peer.reachable = false;
  rooms.peer.cut();
  rooms.forget();
  h.clock.seconds(40);
  rooms.peer.roundTripMs = 6_000;
  rooms.peer.reachable = true;
  rooms.peer.openOut();
  h.clock.seconds(300);
  assert.equal(rooms.pings.length, 1);
  assert.equal(romeo.notices.length, 1);
});
