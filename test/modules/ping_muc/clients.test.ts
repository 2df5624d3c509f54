// Clients that leave, join again, change nicks or sleep during an outage.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../support/fake-rooms.ts';
import { FIRST_QUESTION_S, ROMEO, ROOM, scene, states } from './scene.ts';

test('the answer to a nick change is a proof, so no question is asked', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.cut();
  h.clock.seconds(30);
  romeo.says(`<presence to='${ROOM}/Montague'/>`);
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 0);
  assert.equal(romeo.notices.length, 0);
});

test('an unanswered nick change: asks about the new nick, then about the old one', async (t) => {
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

test('an answer that arrives after the client has joined again is void', async (t) => {
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

test('an answer about a former nick of the client is void', async (t) => {
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

test('an answer after the end of the session is void', async (t) => {
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

test('`joins probe` asks immediately, and prints the number of joins', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  const answer = await h.command('joins probe', { domain: 'Rooms.capulet.lit' });
  assert.equal(answer.text, 'asking about 1 join at rooms.capulet.lit');
  h.clock.seconds(2);
  assert.equal(rooms.pings.length, 1);
  assert.equal(romeo.notices.length, 1);
  await assert.rejects(
    h.command('joins probe', { domain: 'example.net' }),
    /no user is in a room at example\.net, so there is nothing to ask/,
  );
});
