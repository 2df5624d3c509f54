// Rows 20, 21, 27 to 34, 38 and 39: actions of clients during an outage, relayed pings, and late answers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, result } from '../../../support/fake-rooms.ts';
import { speakAs } from '../../../support/room-services.ts';
import { ASKED_S, ROMEO, ROOM, romeoInTheHall } from './stage.ts';

const PHONE = 'romeo@montague.lit/phone';

test('row 20: the stream closes during a nick change: asked later, about the new nick', async (t) => {
  const set = await romeoInTheHall(t, 'ping_muc_silence = 0');
  set.rooms.answersNickChanges = false;
  set.seconds(60);
  set.romeo.says(`<presence to='${ROOM}/Montague'/>`);
  set.seconds(1);
  set.peer.cut('reset');
  set.seconds(59);
  assert.equal(set.asked.length, 0);
  set.seconds(60);
  assert.deepEqual(
    set.rooms.pings.map(({ attrs }) => attrs.to),
    [`${ROOM}/Montague`],
  );
  // The answer to the change was lost, so the user tries again.
  set.rooms.answersNickChanges = true;
  set.romeo.says(`<presence to='${ROOM}/Montague'/>`);
  set.seconds(600);
  set.check({ pings: 1 });
});

test('row 20: the answer to the nick change arrives on the next stream, and proves the join', async (t) => {
  const set = await romeoInTheHall(t);
  set.rooms.answersNickChanges = false;
  set.seconds(60);
  set.romeo.says(`<presence to='${ROOM}/Montague'/>`);
  set.seconds(1);
  set.peer.cut('reset');
  set.seconds(30);
  set.rooms.rooms.get(ROOM)?.set(ROMEO, 'Romeo');
  set.rooms.rename(ROOM, ROMEO, 'Montague');
  set.seconds(600);
  set.check({});
});

for (const afterMs of [0, 3_000]) {
  test(`row 21: another client changes the nick during the question, announced after ${afterMs} ms: no notice`, async (t) => {
    const set = await romeoInTheHall(t);
    set.rooms.onPing = (ping) => {
      set.rooms.onPing = undefined;
      const rename = () => set.rooms.rename(ROOM, ROMEO, 'Montague');
      if (afterMs > 0) set.h.clock.after(afterMs, rename);
      else rename();
      return failure(ping, 'item-not-found', { by: ROOM });
    };
    set.restart(20);
    set.seconds(600);
    set.check({ pings: 1 }); // What the room says of the nick is the proof.
  });
}

test('row 21: the nick is changed back before the next question: asked twice, no notice', async (t) => {
  const set = await romeoInTheHall(t);
  set.rooms.onPing = (ping) => {
    set.rooms.onPing = undefined;
    return failure(ping, 'item-not-found', { by: ROOM });
  };
  set.restart(20);
  set.seconds(600);
  set.check({ pings: 2 });
});

test('row 27: the client joins again before the answer that it is out: no notice', async (t) => {
  const set = await romeoInTheHall(t);
  set.rooms.forget();
  set.rooms.onPing = (ping) => {
    set.romeo.joins(`${ROOM}/Romeo`);
    return failure(ping, 'not-acceptable');
  };
  set.restart(20);
  set.seconds(600);
  set.check({ pings: 1 });
});

test('row 28: the ping is relayed to the only client: the server answers, and the client gets nothing', async (t) => {
  const set = await romeoInTheHall(t);
  speakAs(set.rooms, 'mongooseim');
  set.restart(20);
  set.seconds(600);
  set.check({ pings: 1 });
});

test('row 29: the ping is relayed to a sleeping client of the nick: the join is proved', async (t) => {
  const set = await romeoInTheHall(t);
  set.enter(PHONE).sleep();
  set.rooms.onPing = (ping) => {
    set.rooms.relay(ping, [PHONE]);
    return undefined;
  };
  set.restart(20);
  set.seconds(600);
  set.check({ pings: 1 }); // The ping that came to it proves the phone to be in.
});

test('row 30: a service removes clients that do not answer its pings: none is removed', async (t) => {
  const set = await romeoInTheHall(t);
  set.enter(PHONE).sleep();
  speakAs(set.rooms, 'tigase');
  set.restart(20);
  set.seconds(600);
  set.check({ pings: 1 }); // It was relayed to both clients, which proves both joins.
});

test('row 31: the same service has lost one client of a nick: its first message causes a notice', async (t) => {
  const set = await romeoInTheHall(t, 'ping_muc_silence = 0');
  for (const name of ['phone', 'tablet']) set.enter(`romeo@montague.lit/${name}`);
  speakAs(set.rooms, 'tigase');
  set.rooms.rooms.get(ROOM)?.delete(ROMEO);
  set.restart(20);
  set.seconds(600);
  assert.equal(set.romeo.notices.length, 0, 'the answer proves nothing, so no notice is sent');
  set.rooms.onPing = undefined;
  set.romeo.says(`<message type='groupchat' id='m' to='${ROOM}'><body>hello</body></message>`);
  set.seconds(1);
  set.check({ notices: 1, pings: 3 }); // About a client that is in, about romeo, and about romeo again.
});

test('row 32: not-allowed for an occupant: no notice; one presence probe a day', async (t) => {
  const set = await romeoInTheHall(t, 'ping_muc_silence = 0');
  speakAs(set.rooms, 'ejabberd, queries off');
  for (let round = 0; round < 5; round++) {
    set.peer.openOut();
    set.restart(20);
    set.seconds(600);
  }
  set.check({ pings: 5, probes: 1 });
});

for (const [row, isIn] of [
  [33, true],
  [34, false],
] as const) {
  test(`row ${row}: the answer arrives after 90 s: it counts, and two questions suffice`, async (t) => {
    const set = await romeoInTheHall(t);
    if (!isIn) set.rooms.forget();
    set.rooms.onPing = (ping) => {
      const answer = isIn ? result(ping) : failure(ping, 'not-acceptable');
      set.h.clock.after(90_000, () => set.peer.says(answer));
      return undefined;
    };
    set.restart(20);
    set.seconds(600);
    set.check({ pings: 2, notices: isIn ? 0 : 1 });
  });
}

test('row 38: the room is lost while the client sleeps: the notice is sent when it wakes up', async (t) => {
  const set = await romeoInTheHall(t);
  set.romeo.sleep();
  set.rooms.forget();
  set.restart(20);
  set.seconds(50);
  assert.equal(set.romeo.notices.length, 0);
  set.romeo.resume();
  set.seconds(1);
  set.check({ notices: 1, pings: 1 });
});

test('row 38: a verdict that is old when the client wakes up is checked again', async (t) => {
  const set = await romeoInTheHall(t);
  set.romeo.sleep();
  set.rooms.forget();
  set.restart(20);
  set.seconds(600);
  set.rooms.rooms.get(ROOM)?.set(ROMEO, 'Romeo');
  set.romeo.resume();
  set.seconds(1);
  set.check({ notices: 0, pings: 2 });
});

test('row 39: the client is resumed between question and answer: one notice', async (t) => {
  const set = await romeoInTheHall(t);
  set.rooms.forget();
  set.romeo.sleep();
  set.restart(20);
  set.seconds(ASKED_S - 20);
  set.romeo.resume();
  set.seconds(5);
  set.check({ notices: 1, pings: 1 });
});
