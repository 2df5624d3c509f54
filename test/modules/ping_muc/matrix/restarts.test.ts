// Rows 1 to 6 and 22 to 26: the other server restarts, after a short or long time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StanzaError } from '../../../../src/xml/errors.ts';
import { NS } from '../../../../src/xml/namespaces.ts';
import { failure } from '../../../support/fake-rooms.ts';
import type { HarnessClient } from '../../../support/module-harness.ts';
import { randomFrom } from '../../../support/random.ts';
import { SERVICES, type ServiceName, speakAs } from '../../../support/room-services.ts';
import { ASKED_S, ROMEO, ROOM, romeoInTheHall, type Stage } from './stage.ts';

const NAMES = Object.keys(SERVICES) as ServiceName[];

/** A client that joins again gets the room's own error. */
function rejoinIsRefused(set: Stage & { romeo: HarnessClient }, condition: 'gone' | 'forbidden'): void {
  set.rooms.onJoin = () => new StanzaError(condition);
  set.romeo.joins(`${ROOM}/Romeo`);
  set.seconds(1);
  const error = set.romeo.inbox.at(-1)?.getChild('error');
  assert.ok(error?.getChild(condition, NS.STANZAS));
  set.truth();
}

for (const service of NAMES) {
  test(`row 1: a clean restart, occupants kept (${service}): clients get nothing`, async (t) => {
    const set = await romeoInTheHall(t);
    speakAs(set.rooms, service);
    set.restart(20);
    set.seconds(600);
    set.check({ pings: 1, probes: service === 'ejabberd, queries off' ? 1 : 0 });
  });

  test(`row 2: a clean restart, occupants lost (${service}): notices within 66 s`, async (t) => {
    const set = await romeoInTheHall(t);
    speakAs(set.rooms, service);
    set.rooms.forget();
    set.restart(20);
    set.seconds(46);
    set.check({ notices: 1, pings: 1 });
  });
}

test('row 1: a client that has got a stanza from the room since is not asked about', async (t) => {
  const set = await romeoInTheHall(t);
  set.restart(20);
  set.seconds(5);
  set.rooms.chat(ROOM, 'Juliet');
  set.seconds(600);
  set.check({});
});

test('row 3: a clean restart, the temporary room is gone: one ping, one disco request, notices within 66 s', async (t) => {
  const set = await romeoInTheHall(t);
  set.enter('benvolio@montague.lit/hills', { nick: 'Benvolio' });
  set.rooms.forget({ gone: true });
  set.restart(20);
  set.seconds(46);
  set.check({ notices: 2, pings: 1, infos: 1 });
});

test('row 4: killed, up after 20 s, occupants lost: notices within 66 s', async (t) => {
  const set = await romeoInTheHall(t);
  set.peer.deaf = true;
  set.rooms.forget();
  set.seconds(1);
  set.peer.deaf = false;
  set.restart(20);
  set.seconds(45);
  set.check({ notices: 1, pings: 1 });
});

test('row 5: down for five minutes, occupants lost: notices within 5 s of the return, not earlier', async (t) => {
  const set = await romeoInTheHall(t);
  set.rooms.forget();
  set.peer.reachable = false;
  set.peer.cut('reset');
  set.seconds(300);
  assert.equal(set.romeo.notices.length, 0);
  set.peer.reachable = true;
  set.peer.openIn();
  set.seconds(5);
  set.check({ notices: 1, pings: 1, attempts: 6 });
});

test('row 6: down forever: notices after ten times the delay, at most 8 questions for the whole domain', async (t) => {
  const set = await romeoInTheHall(t);
  for (let i = 0; i < 20; i++) set.enter(ROMEO, { room: `room${i}@${set.rooms.domain}` });
  set.peer.reachable = false;
  set.peer.cut('reset');
  set.seconds(599);
  assert.equal(set.romeo.notices.length, 0);
  set.seconds(7);
  assert.equal(set.romeo.notices.length, 21);
  const rejoin = set.romeo.inbox.length;
  set.romeo.joins(`${ROOM}/Romeo`);
  set.seconds(1);
  const error = set.romeo.inbox[rejoin]?.getChild('error');
  assert.equal(error?.attrs.type, 'wait', 'Monal deletes the bookmark at any other type');
  // The room got the owed leave, so it keeps no ghost.
  set.peer.reachable = true;
  set.peer.openIn();
  set.seconds(120);
  set.check({ notices: 21, attempts: 6 });
});

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`rows 2, 5 and 6, with random jitter (${seed})`, async (t) => {
    const random = randomFrom(seed);
    const two = await romeoInTheHall(t);
    t.mock.method(Math, 'random', random);
    two.rooms.forget();
    two.restart(20);
    two.seconds(46.1);
    two.check({ notices: 1, pings: 1 });
    two.enter(ROMEO);
    two.rooms.forget();
    two.peer.reachable = false;
    two.peer.cut('reset');
    two.seconds(300);
    assert.equal(two.romeo.notices.length, 1);
    two.peer.reachable = true;
    two.peer.openIn();
    two.seconds(5.1);
    assert.ok(two.asked.length - 2 <= 6, `${two.asked.length - 2} questions while it was away`);
    two.check({ notices: 2, pings: 2, attempts: two.asked.length });
    two.enter(ROMEO);
    const before = two.asked.length;
    two.peer.reachable = false;
    two.peer.cut('reset');
    two.seconds(606);
    assert.equal(two.romeo.notices.length, 3);
    assert.ok(two.asked.length - before <= 8, `${two.asked.length - before} questions until the give-up`);
  });
}

test("row 23: the room was destroyed meanwhile: one notice, and the next join gets the room's own error", async (t) => {
  const set = await romeoInTheHall(t);
  set.rooms.forget();
  set.rooms.onPing = (ping) => failure(ping, 'gone', { type: 'cancel' });
  set.restart(20);
  set.seconds(46);
  set.check({ notices: 1, pings: 1 });
  rejoinIsRefused(set, 'gone');
});

test("row 24: the user was banned meanwhile: one notice, and the next join gets the room's own error", async (t) => {
  const set = await romeoInTheHall(t);
  set.rooms.forget();
  set.rooms.onPing = (ping) => failure(ping, 'forbidden');
  set.restart(20);
  set.seconds(46);
  set.check({ notices: 1, pings: 1 });
  rejoinIsRefused(set, 'forbidden');
});

test('row 25: the user left meanwhile: no notice, and the leave is sent again', async (t) => {
  const set = await romeoInTheHall(t);
  set.peer.reachable = false;
  set.peer.cut('reset');
  set.leave(set.romeo);
  set.seconds(120);
  set.peer.reachable = true;
  set.peer.openIn();
  set.seconds(600);
  set.check({});
});

test('row 26: the client has joined again itself, which proves the join', async (t) => {
  const set = await romeoInTheHall(t);
  set.rooms.forget();
  set.restart(20);
  set.romeo.joins(`${ROOM}/Romeo`);
  set.seconds(ASKED_S + 600);
  set.check({});
});

test('row 22: the room has assigned another nick: the notice is from that nick', async (t) => {
  const set = await romeoInTheHall(t);
  set.rooms.rename(ROOM, ROMEO, 'Montague');
  set.seconds(1);
  set.rooms.forget();
  set.restart(20);
  set.seconds(46);
  assert.equal(set.romeo.notices[0]?.attrs.from, `${ROOM}/Montague`);
  set.check({ notices: 1, pings: 1 });
});
