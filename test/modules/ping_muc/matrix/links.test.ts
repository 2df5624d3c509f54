// Rows 7 to 15, 37 and 40 to 44: links that die, are idle, flap, or never break.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xml } from '../../../../src/xml/element.ts';
import { StreamError } from '../../../../src/xml/errors.ts';
import { FakeRooms, failure, result } from '../../../support/fake-rooms.ts';
import { HarnessLink } from '../../../support/module-harness.ts';
import { ASKED_S, ROMEO, ROOM, romeoInTheHall, type Stage, stage } from './stage.ts';

/** Drops packets. Our side notices after a minute, and the remote is unreachable until the end. */
function halfOpen(set: Stage, seconds: number): void {
  set.peer.deaf = true;
  set.seconds(60);
  set.peer.deaf = false;
  set.peer.reachable = false;
  set.peer.cut('timeout');
  set.seconds(seconds - 60);
  set.peer.reachable = true;
  set.peer.openIn();
}

test('row 7: a half-open link for five minutes, occupants kept: clients get nothing', async (t) => {
  const set = await romeoInTheHall(t);
  halfOpen(set, 300);
  set.seconds(600);
  set.check({ pings: 1, attempts: 6 });
});

test('row 8: a half-open link for five minutes, occupants removed: notices within 5 s of the recovery', async (t) => {
  const set = await romeoInTheHall(t);
  set.rooms.forget();
  halfOpen(set, 300);
  set.seconds(5);
  set.check({ notices: 1, pings: 1, attempts: 6 });
});

test('row 7: a dead link is dialled again immediately, and the room asked within 5 s', async (t) => {
  const set = await romeoInTheHall(t);
  set.rooms.forget();
  set.peer.cut('timeout');
  set.seconds(6);
  set.check({ notices: 1, pings: 1 });
});

test('row 9: packets are dropped for 20 s, and no stream closes: no question', async (t) => {
  const set = await romeoInTheHall(t);
  set.peer.deaf = true;
  set.seconds(20);
  set.peer.deaf = false;
  set.seconds(600);
  set.check({});
});

// Some servers close an idle stream with an error, such as ejabberd (RFC 6120 §4.9.3.4).
for (const [how, cause, error] of [
  ['in order', 'clean', undefined],
  ['by us', 'idle', undefined],
  ['by an error', 'stream-error', new StreamError('connection-timeout')],
] as const) {
  test(`row 10: an idle stream is closed ${how}: one question, and none when the question's own stream closes`, async (t) => {
    const set = await romeoInTheHall(t, 'ping_muc_silence = 0');
    set.peer.cut(cause, error);
    set.seconds(ASKED_S + 5);
    for (let round = 0; round < 5; round++) {
      set.peer.cut(cause, error);
      set.seconds(600);
    }
    set.check({ pings: 1 });
  });
}

test('row 10: another error is not an idle stream: one question each time', async (t) => {
  const set = await romeoInTheHall(t, 'ping_muc_silence = 0');
  for (let round = 0; round < 3; round++) {
    set.peer.cut('stream-error', new StreamError('reset'));
    set.seconds(600);
  }
  set.check({ pings: 3 });
});

test('row 11: one direction closes, the other carries traffic: no question', async (t) => {
  const set = await romeoInTheHall(t);
  set.peer.closeOut('idle');
  set.seconds(10);
  set.rooms.chat(ROOM, 'Juliet');
  set.seconds(600);
  set.check({});
});

test('row 12: connections always fail: no notice before the give-up, at most 8 questions', async (t) => {
  const set = await romeoInTheHall(t);
  set.peer.queueMs = 90_000;
  set.peer.reachable = false;
  set.peer.cut('stream-error');
  set.seconds(599);
  assert.equal(set.romeo.notices.length, 0);
  set.seconds(7);
  assert.equal(set.romeo.notices.length, 1);
  // When the certificate is renewed, the room gets the leave that is owed to it.
  set.seconds(3_600);
  set.peer.reachable = true;
  set.peer.openIn();
  set.seconds(120);
  set.check({ notices: 1, attempts: 5 });
});

test('row 13: the service restarts behind a stream that stays up: notices after 15 min', async (t) => {
  const set = await romeoInTheHall(t);
  set.enter('benvolio@montague.lit/hills', { nick: 'Benvolio' });
  set.rooms.chat(ROOM, 'Juliet');
  set.seconds(1);
  set.rooms.forget();
  set.seconds(900);
  set.check({ notices: 2, pings: 2 });
});

test('row 14: the same, and the user writes: the client gets the error, then the notice', async (t) => {
  const set = await romeoInTheHall(t);
  set.rooms.forget();
  set.romeo.says(`<message type='groupchat' id='m' to='${ROOM}'><body>hello</body></message>`);
  set.h.clock.advance(4 * set.peer.roundTripMs);
  const names = set.romeo.inbox.slice(-2).map(({ name, attrs }) => `${name} ${attrs.type}`);
  assert.deepEqual(names, ['message error', 'presence unavailable']);
  set.check({ notices: 1, pings: 1 });
});

for (const condition of ['service-unavailable', 'remote-server-timeout'] as const) {
  test(`row 15: the service is down and its host returns ${condition}, wait: notices when it is up`, async (t) => {
    const set = await romeoInTheHall(t);
    set.rooms.forget();
    set.rooms.onPing = (ping) => failure(ping, condition, { type: 'wait', by: set.rooms.domain });
    set.peer.cut('clean');
    set.seconds(180);
    assert.equal(set.romeo.notices.length, 0);
    set.rooms.onPing = undefined;
    set.seconds(120);
    set.check({ notices: 1, pings: 5 });
  });
}

test('row 37: a link closes every 20 s for ten minutes: at most one round of questions a minute', async (t) => {
  const set = await romeoInTheHall(t);
  for (let i = 0; i < 30; i++) {
    set.peer.openOut();
    set.peer.cut('reset');
    set.seconds(20);
  }
  set.seconds(300);
  set.check({ pings: 8 });
});

test('row 40: the session ends before the question: no question, no notice', async (t) => {
  const set = await romeoInTheHall(t);
  set.peer.cut('reset');
  set.seconds(30);
  set.end(set.romeo);
  set.seconds(600);
  set.check({});
});

test('row 41: 600 questions are answered after 20 s: each gets its own answer, and no client gets one', async (t) => {
  const set = await stage(t, 'ping_muc_silence = 0');
  for (let user = 0; user < 30; user++) {
    const jid = `user${user}@montague.lit/x`;
    for (let room = 0; room < 20; room++) {
      set.enter(jid, { room: `room${room}@${set.rooms.domain}`, nick: `user${user}` });
    }
  }
  set.peer.roundTripMs = 20_000;
  set.peer.cut('reset');
  set.seconds(600);
  set.check({ pings: 600 });
});

test('row 42: a peer that claims the domain connects and disconnects a thousand times: no question', async (t) => {
  const set = await romeoInTheHall(t);
  for (let i = 0; i < 1_000; i++) {
    const session = new HarnessLink('rooms.capulet.lit', 'in', set.h.clock.elapsed());
    set.h.notify('s2s-end', { session });
  }
  set.seconds(600);
  set.check({});
});

test('row 43: an answer with the right id from another domain is dropped', async (t) => {
  const set = await romeoInTheHall(t);
  const mallory = new FakeRooms(set.h, 'rooms.mallory.lit');
  set.rooms.onPing = (ping) => {
    const { id, from: to } = ping.attrs;
    mallory.peer.says(xml('iq', { type: 'error', id, from: 'rooms.mallory.lit', to }));
    mallory.peer.says(failure(ping, 'not-acceptable').with({ from: `hall@${mallory.domain}/Romeo`, to }));
    return undefined;
  };
  set.peer.cut('reset');
  set.seconds(ASKED_S + 10);
  set.rooms.onPing = undefined;
  set.seconds(600);
  set.check({ pings: 2 });
});

for (const condition of ['resource-constraint', 'policy-violation', 'internal-server-error'] as const) {
  test(`row 44: ${condition} for all questions: no notice, and growing pauses`, async (t) => {
    const set = await romeoInTheHall(t, 'ping_muc_give_up = "never"');
    set.rooms.onPing = (ping) => failure(ping, condition, { type: 'wait' });
    set.peer.cut('reset');
    set.seconds(3_600);
    const gaps = set.asked.slice(1).map((at, i) => Math.floor((at - set.asked[i]!) / 1_000));
    assert.deepEqual(gaps.slice(0, 7), [15, 30, 60, 120, 240, 300, 300]);
    set.check({ pings: 16 });
  });
}

test('row 44: half of the answers refuse to answer now: the others count', async (t) => {
  const set = await stage(t, 'ping_muc_give_up = "never"');
  for (let room = 0; room < 40; room++) set.enter(ROMEO, { room: `room${room}@${set.rooms.domain}` });
  let asked = 0;
  set.rooms.onPing = (ping) =>
    asked++ % 2 ? result(ping) : failure(ping, 'resource-constraint', { type: 'wait' });
  set.peer.cut('reset');
  set.seconds(3_600);
  set.check({ pings: set.asked.length });
});
