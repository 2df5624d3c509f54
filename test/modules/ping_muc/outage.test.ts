// Outages of all kinds. Each test counts notices and questions on the wire exactly, and checks the server's joins at
// the end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../support/fake-rooms.ts';
import { assertXml } from '../../support/match.ts';
import { FIRST_QUESTION_S, ROMEO, ROOM, scene, states } from './scene.ts';

test('XEP-0045 §11.1: a restart loses the occupants: the client gets one notice', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  rooms.peer.cut('stream-error');
  h.clock.seconds(FIRST_QUESTION_S - 1);
  assert.equal(rooms.pings.length, 0, 'no question before the end of the delay');
  h.clock.seconds(2);
  assert.equal(romeo.inbox.length, 1);
  assertXml(
    romeo.inbox[0]!,
    `<presence type='unavailable' from='${ROOM}/Romeo' to='${ROMEO}'>
       <x xmlns='http://jabber.org/protocol/muc#user'>
         <item affiliation='none' role='none'><reason>Connection to remote server lost</reason></item>
         <status code='110'/><status code='333'/><status code='330'/>
       </x>
     </presence>`,
  );
  h.clock.seconds(3_600);
  assert.equal(romeo.inbox.length, 1);
  assert.equal(rooms.pings.length, 1);
  assert.deepEqual(await states(h), []);
});

test('ping_muc_emit_330 = false: omits the unregistered status code', async (t) => {
  const { h, rooms, romeo } = await scene(t, 'ping_muc_emit_330 = false');
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(70);
  assert.doesNotMatch(String(romeo.inbox[0]), /330/);
  assert.equal(romeo.notices.length, 1);
});

test('ping_muc_fast: asks within five seconds after the link is up', async (t) => {
  const { h, rooms, romeo } = await scene(t, 'ping_muc_fast = true');
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(10);
  assert.equal(rooms.pings.length, 0);
  rooms.peer.openIn();
  h.clock.seconds(5);
  assert.equal(romeo.notices.length, 1);
  assert.equal(rooms.pings.length, 1);
});

test('otherwise the return of the link does not shorten the delay', async (t) => {
  const { h, rooms } = await scene(t);
  rooms.peer.cut();
  h.clock.seconds(10);
  rooms.peer.openIn();
  h.clock.seconds(FIRST_QUESTION_S - 11);
  assert.equal(rooms.pings.length, 0);
});

test('after the give-up, the room gets a leave when it is reachable', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.reachable = false;
  rooms.peer.cut('reset');
  h.clock.seconds(610);
  assert.equal(romeo.notices.length, 1);
  rooms.peer.reachable = true;
  rooms.peer.openIn();
  h.clock.seconds(5);
  assert.equal(rooms.leaves.length, 1);
  assert.equal(rooms.rooms.get(ROOM)?.has(ROMEO), false);
  assert.equal(romeo.inbox.length, 1, 'the client does not get the answer to a leave that it did not send');
});

test('after the give-up, a client that has joined again gets nothing', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.reachable = false;
  rooms.peer.cut('reset');
  h.clock.seconds(610);
  rooms.peer.reachable = true;
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(60);
  assert.equal(rooms.leaves.length, 0);
  assert.equal(rooms.rooms.get(ROOM)?.get(ROMEO), 'Romeo');
  assert.deepEqual(await states(h), ['joined']);
});

test('ping_muc_give_up = 0: sends notices at the first question that cannot be asked', async (t) => {
  const { h, rooms, romeo } = await scene(t, 'ping_muc_give_up = 0');
  rooms.peer.reachable = false;
  rooms.peer.cut('reset');
  h.clock.seconds(FIRST_QUESTION_S - 1);
  assert.equal(romeo.notices.length, 0);
  h.clock.seconds(2);
  assert.equal(romeo.notices.length, 1);
  assert.equal(rooms.peer.failures, 1);
});

test('ping_muc_give_up = "never": asks at most twelve times an hour, and sends notices when the loss is known', async (t) => {
  const { h, rooms, romeo } = await scene(t, 'ping_muc_give_up = "never"');
  rooms.peer.reachable = false;
  rooms.forget();
  rooms.peer.cut('reset');
  h.clock.seconds(3_600);
  const before = rooms.peer.failures;
  const send = h.send.bind(h);
  let asked = 0;
  h.send = (...stanza) => {
    asked++;
    send(...stanza);
  };
  h.clock.seconds(3_600);
  assert.equal(asked, 12, 'questions in an hour');
  assert.equal(rooms.peer.failures - before, 97, 'attempts, of which the questions cause 12');
  assert.equal(romeo.notices.length, 0);
  rooms.peer.reachable = true;
  rooms.peer.openIn();
  h.clock.seconds(5);
  assert.equal(romeo.notices.length, 1);
});

test('a remote that does not answer is asked with growing pauses, each time about another room', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  romeo.joins('garden@rooms.capulet.lit/Romeo');
  h.clock.seconds(10);
  rooms.onPing = () => undefined;
  rooms.peer.cut('reset');
  h.clock.seconds(200);
  const asked = rooms.pings.map(({ attrs }) => attrs.to);
  assert.equal(new Set(asked.slice(0, 2)).size, 2);
  assert.ok(asked.length <= 4, `${asked.length} pings`);
});

test('the end of a stream with only our questions causes a question if it breaks', async (t) => {
  const { h, rooms } = await scene(t);
  rooms.peer.cut('clean');
  h.clock.seconds(120);
  rooms.peer.cut('reset');
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 2);
});

test('a stanza on an older stream directly after the break proves nothing', async (t) => {
  const { h, rooms } = await scene(t);
  rooms.peer.closeOut('reset');
  h.clock.seconds(1);
  rooms.chat(ROOM, 'Juliet');
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 1);
});

test('a stanza on a newer stream directly after the break proves a join', async (t) => {
  const { h, rooms } = await scene(t);
  rooms.peer.cut('reset');
  h.clock.advance(200);
  rooms.chat(ROOM, 'Juliet');
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 0);
});

test('a remote without joins gets no questions', async (t) => {
  const { h, rooms } = await scene(t);
  const other = h.peer('example.net');
  other.openOut();
  other.cut('reset');
  h.clock.seconds(600);
  assert.equal(other.received.length, 0);
  assert.equal(rooms.pings.length, 0);
});

test('the link breaks again during the questions: all are asked again after the delay', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  for (let i = 0; i < 19; i++) romeo.joins(`room${i}@rooms.capulet.lit/Romeo`);
  h.clock.seconds(10);
  romeo.heard();
  rooms.peer.roundTripMs = 4_000;
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 5);
  const asked = rooms.pings.length;
  assert.ok(asked > 1 && asked < 20, `${asked} pings`);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S - 1);
  const first = rooms.pings.length;
  assert.ok(first <= 20, `${first} pings: nobody twice within the delay`);
  h.clock.seconds(60);
  assert.equal(romeo.notices.length, 20);
  assert.equal(new Set(romeo.notices.map(({ attrs }) => attrs.from)).size, 20);
});

test('a link that opens every three seconds causes a question every thirty', async (t) => {
  const { h, rooms } = await scene(t, 'ping_muc_give_up = "never"');
  rooms.onPing = (ping) => failure(ping, 'resource-constraint');
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 600);
  const before = rooms.pings.length;
  for (let i = 0; i < 100; i++) {
    rooms.peer.cut();
    rooms.peer.openIn();
    h.clock.seconds(3);
  }
  const woken = rooms.pings.length - before;
  assert.ok(woken >= 8 && woken <= 11, `${woken} pings in five minutes`);
});

test('the remote goes down during the questions: only pending ones are lost', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  for (let i = 0; i < 99; i++) romeo.joins(`room${i}@rooms.capulet.lit/Romeo`);
  h.clock.seconds(10);
  romeo.heard();
  rooms.peer.cut();
  rooms.peer.roundTripMs = 0;
  rooms.onPing = (ping) => {
    const answer = rooms.answerPing(ping);
    h.clock.after(1, () => {
      rooms.peer.reachable = false;
    });
    return answer;
  };
  h.clock.seconds(FIRST_QUESTION_S + 5);
  assert.ok(rooms.pings.length + rooms.peer.failures <= 40, `${rooms.peer.failures} attempts`);
  assert.equal(romeo.notices.length, 0);
});

test('`joins` shows whether a domain is in doubt', async (t) => {
  const { h, rooms } = await scene(t);
  const domain = async () => (await h.command('joins')).rows?.[0]?.domain;
  assert.equal(await domain(), 'ok');
  rooms.peer.deaf = true;
  rooms.peer.cut();
  assert.equal(await domain(), 'waiting');
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(await domain(), 'asking');
  h.clock.seconds(30);
  assert.equal(await domain(), 'down');
});

test('a remote that is down is dialled every 30 s, so that its return is noticed without other traffic', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  rooms.peer.reachable = false;
  rooms.peer.cut();
  // An attempt ends in a later tick.
  const pass = async (seconds: number) => {
    for (let passed = 0; passed < seconds; passed++) {
      h.clock.seconds(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await pass(400);
  assert.equal(romeo.notices.length, 0);
  rooms.peer.reachable = true;
  await pass(35);
  assert.equal(romeo.notices.length, 1);
});

test('the link breaks and opens during the canary: the next one follows without a long pause', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  rooms.peer.reachable = false;
  rooms.peer.cut();
  h.clock.seconds(280);
  rooms.peer.reachable = true;
  rooms.peer.deaf = true;
  h.clock.seconds(10);
  assert.equal(romeo.notices.length, 0);
  rooms.peer.cut();
  rooms.peer.deaf = false;
  rooms.peer.openIn();
  h.clock.seconds(35);
  assert.equal(romeo.notices.length, 1);
});

for (const days of [-1, 1]) {
  test(`the wall clock is set by ${days} day: notices are sent in time, and proofs count`, async (t) => {
    const { h, rooms, romeo } = await scene(t);
    rooms.peer.cut();
    h.clock.moveWallClock(days * 86_400_000);
    h.clock.seconds(FIRST_QUESTION_S + 60);
    assert.deepEqual([romeo.notices.length, rooms.pings.length], [0, 1]);
    rooms.forget();
    rooms.peer.cut();
    h.clock.moveWallClock(-days * 86_400_000);
    h.clock.seconds(FIRST_QUESTION_S + 60);
    assert.equal(romeo.notices.length, 1);
  });
}
