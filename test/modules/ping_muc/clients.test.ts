// What clients do while their rooms are in doubt: they leave, come back, change nicks, and sleep.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../support/fake-rooms.ts';
import { FIRST_QUESTION_S, ROMEO, ROOM, scene, states } from './scene.ts';

const LEAVE = `<presence type='unavailable' to='${ROOM}/Romeo'/>`;

test('a nick change is under way when the link breaks: the new nick is asked about, a minute later', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.answersNickChanges = false;
  h.clock.seconds(30);
  rooms.peer.cut();
  h.clock.seconds(50);
  romeo.says(`<presence to='${ROOM}/Montague'/>`);
  h.clock.seconds(59);
  assert.equal(rooms.pings.length, 0, 'not before it is known which nick the room will take');
  h.clock.seconds(30);
  assert.deepEqual(
    rooms.pings.map(({ attrs }) => attrs.to),
    [`${ROOM}/Montague`],
  );
  assert.deepEqual(romeo.heard(), []);
  const { rows = [] } = await h.command('joins');
  assert.equal(rows[0]?.nick, 'Montague');
});

test('the answer to a nick change is a proof: nothing is asked', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.cut();
  h.clock.seconds(30);
  romeo.says(`<presence to='${ROOM}/Montague'/>`);
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 0);
  assert.equal(romeo.notices.length, 0);
});

test('a nick change that never arrived: the old nick is asked about after the new one', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.cut();
  rooms.peer.deaf = true;
  romeo.says(`<presence to='${ROOM}/Montague'/>`);
  rooms.peer.deaf = false;
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  h.clock.seconds(60);
  assert.deepEqual(
    rooms.pings.map(({ attrs }) => attrs.to),
    [`${ROOM}/Montague`, `${ROOM}/Romeo`],
  );
  assert.deepEqual(romeo.heard(), []);
});

test('the service gives another nick (XEP-0045 §7.2.2, status 210): the notice comes from that nick', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onJoin = () => 'R.';
  romeo.joins('garden@rooms.capulet.lit/Romeo');
  h.clock.seconds(10);
  rooms.rename(ROOM, ROMEO, 'Forced');
  h.clock.seconds(10);
  romeo.heard();
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 5);
  assert.deepEqual(romeo.notices.map(({ attrs }) => attrs.from).sort(), [
    'garden@rooms.capulet.lit/R.',
    `${ROOM}/Forced`,
  ]);
  assert.equal(rooms.pings.length, 2);
});

test('the client leaves while the link is cut: no question, no notice, and the leave arrives in the end', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.reachable = false;
  rooms.peer.cut();
  romeo.says(LEAVE);
  h.clock.seconds(120);
  assert.deepEqual(await states(h), []);
  rooms.peer.reachable = true;
  rooms.peer.openIn();
  h.clock.seconds(10);
  assert.equal(rooms.leaves.length, 1);
  assert.equal(rooms.rooms.get(ROOM)?.size, 0);
  h.clock.seconds(1_200);
  assert.equal(rooms.pings.length, 0);
  assert.equal(romeo.notices.length, 0);
  assert.equal(romeo.inbox.filter(({ attrs }) => attrs.type === 'unavailable').length, 0);
});

test('the client joins again by itself: its answer is the proof', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(20);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 0);
  assert.equal(romeo.notices.length, 0);
  assert.deepEqual(await states(h), ['joined']);
});

test('the client’s join overtakes the answer to our question: the answer is void', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => {
    romeo.joins(`${ROOM}/Romeo`);
    return failure(ping, 'not-acceptable', { by: ROOM });
  };
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 1);
  assert.equal(romeo.notices.length, 0);
  assert.deepEqual(await states(h), ['joined']);
});

test('the answer comes when the client is in again already: void', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => {
    h.clock.after(5_000, () => rooms.peer.says(failure(ping, 'not-acceptable', { by: ROOM })));
    return undefined;
  };
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(1);
  assert.deepEqual(await states(h), ['joined']);
  h.clock.seconds(600);
  assert.equal(romeo.notices.length, 0);
  assert.deepEqual(await states(h), ['joined']);
});

test('the answer is about a nick that the client no longer has: void', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => {
    h.clock.after(5_000, () => rooms.peer.says(failure(ping, 'not-acceptable', { by: ROOM })));
    return undefined;
  };
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  rooms.rename(ROOM, ROMEO, 'Forced');
  h.clock.seconds(600);
  assert.equal(romeo.notices.length, 0);
  assert.equal(rooms.pings.length, 1);
});

test('the session ends before the delay is over: nothing is asked', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.cut();
  h.clock.seconds(20);
  romeo.close();
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 0);
  assert.equal(rooms.leaves.length, 1);
});

test('the session ends while the question is out: the answer is nobody’s', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.roundTripMs = 2_000;
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  romeo.close();
  const successor = h.client(ROMEO);
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 1);
  assert.deepEqual([...romeo.inbox, ...successor.inbox], []);
});

test('XEP-0198: a sleeping client is told when it is back', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  romeo.sleep();
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.deepEqual(romeo.inbox, []);
  h.clock.seconds(30);
  romeo.resume();
  h.clock.seconds(1);
  assert.equal(romeo.notices.length, 1);
  assert.equal(rooms.pings.length, 1);
  assert.deepEqual(await states(h), []);
});

test('XEP-0198: a verdict that has grown old is confirmed before the client hears of it', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  romeo.sleep();
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(3_600);
  assert.equal(rooms.pings.length, 1);
  rooms.rooms.get(ROOM)!.set(ROMEO, 'Romeo');
  romeo.resume();
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 2);
  assert.deepEqual(romeo.inbox, []);
  assert.deepEqual(await states(h), ['joined']);
});

test('the client resumes on another connection between question and answer: told there', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.roundTripMs = 2_000;
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  romeo.sleep();
  romeo.resume();
  h.clock.seconds(5);
  assert.equal(romeo.notices.length, 1);
});

test('`joins probe` asks at once, and says how many', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  const answer = await h.command('joins probe', { domain: 'Rooms.capulet.lit' });
  assert.equal(answer.text, 'asking about 1 join at rooms.capulet.lit');
  h.clock.seconds(2);
  assert.equal(rooms.pings.length, 1);
  assert.equal(romeo.notices.length, 1);
  assert.match((await h.command('joins probe', { domain: 'example.net' })).text ?? '', /about 0 joins/);
});
