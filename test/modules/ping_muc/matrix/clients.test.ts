// Rows 20, 21, 27 to 34, 38 and 39: what the clients do meanwhile, who relays, and answers that come late.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, result } from '../../../support/fake-rooms.ts';
import { speakAs } from '../../../support/room-services.ts';
import { ASKED_S, ROMEO, ROOM, romeoInTheHall } from './stage.ts';

const PHONE = 'romeo@montague.lit/phone';

test('row 20: a nick change is under way when the stream closes: asked later, by the new nick', async (t) => {
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
  // The answer to the change was lost; the user tries again.
  set.rooms.answersNickChanges = true;
  set.romeo.says(`<presence to='${ROOM}/Montague'/>`);
  set.seconds(600);
  set.check({ pings: 1 });
});

test('row 20: … and the answer comes over the next stream: that is the proof', async (t) => {
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
  test(`row 21: another client has changed the nick while the question is out, said after ${afterMs} ms: nobody told`, async (t) => {
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

test('row 21: … and is back under the old one before that is asked again: asked twice, nobody told', async (t) => {
  const set = await romeoInTheHall(t);
  set.rooms.onPing = (ping) => {
    set.rooms.onPing = undefined;
    return failure(ping, 'item-not-found', { by: ROOM });
  };
  set.restart(20);
  set.seconds(600);
  set.check({ pings: 2 });
});

test('row 27: the client’s join overtakes the answer that it is out: nobody is told', async (t) => {
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

test('row 28: the ping is relayed to the only client: answered by the server, seen by nobody', async (t) => {
  const set = await romeoInTheHall(t);
  speakAs(set.rooms, 'mongooseim');
  set.restart(20);
  set.seconds(600);
  set.check({ pings: 1 });
});

test('row 29: the ping is relayed to a client of the same nick that sleeps: in all the same', async (t) => {
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

test('row 30: a service that pings all clients of a nick and throws out who is silent: nobody is', async (t) => {
  const set = await romeoInTheHall(t);
  set.enter(PHONE).sleep();
  speakAs(set.rooms, 'tigase');
  set.restart(20);
  set.seconds(600);
  set.check({ pings: 1 }); // One went to both, which proves both to be in.
});

test('row 31: the same service has lost one client of a nick: told at the first message', async (t) => {
  const set = await romeoInTheHall(t, 'ping_muc_silence = 0');
  for (const name of ['phone', 'tablet']) set.enter(`romeo@montague.lit/${name}`);
  speakAs(set.rooms, 'tigase');
  set.rooms.rooms.get(ROOM)?.delete(ROMEO);
  set.restart(20);
  set.seconds(600);
  assert.equal(set.romeo.notices.length, 0, 'the answer proves nothing, and nothing is said');
  set.rooms.onPing = undefined;
  set.romeo.says(`<message type='groupchat' id='m' to='${ROOM}'><body>hello</body></message>`);
  set.seconds(1);
  set.check({ notices: 1, pings: 3 }); // Of a client that is in, of romeo, and of romeo again.
});

test('row 32: not-allowed to an occupant: never told; one presence probe in a day', async (t) => {
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
  test(`row ${row}: the answer comes after 90 s: it counts, and two questions are enough`, async (t) => {
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

test('row 38: the client sleeps while its room is lost: told when it is back', async (t) => {
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

test('row 38: … and asked about again when that was long ago: it may be in again', async (t) => {
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
