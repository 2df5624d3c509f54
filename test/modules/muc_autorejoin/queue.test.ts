// 5: order and pace of the joins, refusals, rooms that were gone.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type StanzaCondition, StanzaError, type StanzaErrorDetails } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { restart } from '../../support/fake-rooms/faults.ts';
import { configure } from '../../support/fake-rooms/moderation.ts';
import type { HarnessClient } from '../../support/module-harness.ts';
import { HALL, JULIET, ROMEO, type Stage, stage } from './stage.ts';

/** All of these clients are in this many rooms. */
function crowd(made: Stage, users: number, count: number): HarnessClient[] {
  const clients = Array.from({ length: users }, (_, i) => made.h.client(`user${i}@montague.lit/x`));
  for (let i = 0; i < count; i++) {
    const room = made.service.room(`room${i}`);
    for (const client of clients) client.joins(`${room.jid}/${client.jid.local}`);
  }
  made.passes(60);
  for (const client of clients) client.heard();
  made.service.peer.received.length = 0;
  return clients;
}

/** When each join reached the service, and to which room. */
function watchJoins(made: Stage): { at: number; room: string; from: string; open: number }[] {
  const seen: { at: number; room: string; from: string; open: number }[] = [];
  const take = made.service.peer.onStanza;
  let open = 0;
  made.service.peer.onStanza = (stanza) => {
    const isJoin = stanza.name === 'presence' && stanza.getChild('x', NS.MUC) !== undefined;
    if (isJoin) {
      open++;
      const { from = '', to = '' } = stanza.attrs;
      seen.push({ at: made.h.clock.elapsed(), room: to.split('/')[0]!, from, open });
      made.h.clock.after(made.service.peer.roundTripMs / 2, () => open--);
    }
    take(stanza);
  };
  return seen;
}

describe('5.1', () => {
  test('canary: the first join is alone, to the small room that was heard last', async (t) => {
    const made = await stage(t);
    crowd(made, 3, 5);
    const room = made.service.room('room3');
    room.say(room.occupants.named('user1')!, made.service.peer.received[0] ?? (await message()));
    made.passes(5);
    restart(made.service, { keeps: 'rooms' });
    made.service.behaviour.joinDelayMs = 2_000;
    const joins = watchJoins(made);
    made.cut();
    made.passes(5);
    assert.equal(joins.length, 1);
    assert.equal(joins[0]?.room, room.jid);
  });

  test('window: 4 joins at a time, doubled by each full window of answers, up to 32', async (t) => {
    const made = await stage(t);
    const clients = crowd(made, 40, 10);
    restart(made.service, { keeps: 'rooms' });
    made.service.peer.roundTripMs = 1_000;
    const joins = watchJoins(made);
    made.cut();
    made.passes(120);
    assert.equal(joins.length, 401);
    assert.ok(Math.max(...joins.map(({ open }) => open)) <= 32);
    const [first] = joins;
    assert.ok(joins.filter(({ at }) => at < first!.at + 1_000).length === 1, 'the canary is alone');
    assert.ok(clients.every((client) => client.inbox.length === 0));
  });

  test('50 joins a second, 20 a second to one room; one client enters each room first', async (t) => {
    const made = await stage(t);
    crowd(made, 60, 5);
    restart(made.service, { keeps: 'rooms' });
    const joins = watchJoins(made);
    made.cut();
    made.passes(60);
    assert.equal(joins.length, 301);
    const within = (all: typeof joins, ms: number) =>
      Math.max(...all.map(({ at }) => all.filter((other) => other.at >= at && other.at < at + ms).length));
    assert.ok(within(joins, 1_000) <= 50);
    for (let i = 0; i < 5; i++) {
      const room = joins.filter((join) => join.room.startsWith(`room${i}@`));
      assert.ok(within(room, 1_000) <= 20);
      assert.ok(room[1]!.at >= room[0]!.at + 50, 'the others wait for the first');
    }
  });

  test('heavy: a gateway is joined once in a second, and one join at a time', async (t) => {
    const made = await stage(t);
    crowd(made, 1, 5);
    for (const { state } of made.h.host.sessions) {
      for (const { room } of state.mucPlaces!.values()) room.facts = { ...room.facts!, isHeavy: true };
    }
    restart(made.service, { keeps: 'rooms' });
    const joins = watchJoins(made);
    made.cut();
    made.passes(30);
    const gaps = joins.slice(1).map(({ at }, i) => at - joins[i]!.at);
    assert.equal(joins.length, 6);
    assert.ok(
      gaps.every((gap) => gap >= 1_000),
      `${gaps}`,
    );
  });

  test('order: connected clients before sleeping ones', async (t) => {
    const made = await stage(t);
    const clients = crowd(made, 6, 1);
    for (const client of clients.slice(0, 3)) client.sleep();
    restart(made.service, { keeps: 'rooms' });
    const joins = watchJoins(made);
    made.cut();
    made.passes(30);
    const order = joins.filter(({ room }) => room.startsWith('room0')).map(({ from }) => from.slice(4, 5));
    assert.deepEqual(order.slice(3).sort(), ['0', '1', '2']);
  });

  test('a room is entered first by the client that it trusts most', async (t) => {
    const made = await stage(t);
    made.room.affiliations.set('juliet@montague.lit', 'owner');
    made.client(JULIET, 'Juliet');
    made.loses();
    const joins = watchJoins(made);
    made.cut();
    made.passes(10);
    assert.deepEqual(
      joins.map(({ from }) => from),
      [JULIET, ROMEO],
    );
  });

  test('no turns while the link is down', async (t) => {
    const made = await stage(t);
    made.loses();
    made.cut(1);
    made.service.peer.reachable = false;
    made.passes(100);
    assert.deepEqual(made.joins, []);
    made.service.peer.reachable = true;
    made.passes(60);
    made.assertAlive();
  });

  test('a join that is not answered: again after 30 s; a late answer counts', async (t) => {
    const made = await stage(t);
    made.loses();
    made.service.behaviour.joinDelayMs = 40_000;
    made.cut();
    made.passes(32);
    assert.equal(made.joins.length, 1);
    made.passes(5);
    assert.equal(made.joins.length, 2);
    made.passes(60);
    assert.deepEqual(made.seen(), []);
    made.service.behaviour.joinDelayMs = 0;
    made.assertAlive();
  });
});

async function message() {
  const { parseXml } = await import('../../support/match.ts');
  return parseXml(`<message type='groupchat' id='m'><body>hello</body></message>`);
}

describe('5.3: the room refuses', () => {
  const later: [StanzaCondition, StanzaErrorDetails, firstMs: number][] = [
    ['conflict', {}, 5_000],
    ['item-not-found', {}, 10_000],
    ['resource-constraint', { type: 'wait' }, 10_000],
    ['policy-violation', {}, 10_000],
    ['internal-server-error', {}, 10_000],
    ['remote-server-timeout', {}, 10_000],
    ['remote-server-not-found', {}, 10_000],
    ['service-unavailable', { type: 'wait' }, 10_000],
  ];
  for (const [condition, details, firstMs] of later) {
    test(`${condition}: again, and the client sees nothing`, async (t) => {
      const made = await stage(t);
      made.loses();
      let refusals = 2;
      made.service.behaviour.refuseJoin = (join) =>
        join.attrs.from === ROMEO && refusals-- > 0 ? new StanzaError(condition, details) : undefined;
      const joins = watchJoins(made);
      made.cut();
      made.passes(60);
      assert.equal(joins.length, 3);
      const gap = joins[1]!.at - joins[0]!.at;
      assert.ok(gap >= firstMs * 0.8 && gap <= firstMs * 1.2 + 200, `${gap} ms`);
      assert.deepEqual(made.seen(), []);
      made.assertAlive();
    });
  }

  const final: StanzaCondition[] = [
    'not-authorized',
    'forbidden',
    'registration-required',
    'not-acceptable',
    'not-allowed',
    'gone',
    'redirect',
    'jid-malformed',
    'bad-request',
  ];
  for (const condition of final) {
    test(`${condition}: one notice, no error, and no join after it`, async (t) => {
      const made = await stage(t);
      made.loses();
      made.service.behaviour.refuseJoin = ({ attrs }) =>
        attrs.from === ROMEO ? new StanzaError(condition, { type: 'auth' }) : undefined;
      made.cut();
      made.passes(600);
      assert.deepEqual(made.seen(), ['presence Romeo unavailable 110 333 330']);
      assert.equal(made.joined().length, 1);
      made.romeo.joins(`${HALL}/Romeo`);
      made.passes(1);
      assert.deepEqual(made.seen(), [`presence Romeo error ${condition}`], 'its own join gets the truth');
    });
  }

  for (const [condition, joins] of [
    ['conflict', 4],
    ['item-not-found', 4],
  ] as const) {
    test(`${condition} again and again: a notice after the fourth time`, async (t) => {
      const made = await stage(t);
      made.loses();
      made.service.behaviour.refuseJoin = ({ attrs }) =>
        attrs.from === ROMEO ? new StanzaError(condition) : undefined;
      made.cut();
      made.passes(600);
      assert.deepEqual(made.seen(), ['presence Romeo unavailable 110 333 330']);
      assert.equal(made.joined().length, joins);
    });
  }

  test('patience: a room that only says `wait` is given up after an hour; then the client is told', async (t) => {
    const made = await stage(t);
    made.loses();
    made.service.behaviour.refuseJoin = ({ attrs }) =>
      attrs.from === ROMEO ? new StanzaError('resource-constraint', { type: 'wait' }) : undefined;
    made.cut();
    made.passes(3_500);
    assert.deepEqual(made.seen(), []);
    made.passes(200);
    assert.deepEqual(made.seen(), ['presence Romeo unavailable 110 333 330']);
  });

  test('patience: a service that cannot be reached: silent for an hour, then a notice', async (t) => {
    for (const back of [1_200, 4_200]) {
      const made = await stage(t);
      made.loses();
      made.cut(Math.min(back, 3_500));
      assert.deepEqual(made.seen(), []);
      if (back > 3_600) {
        made.cut(back - 3_500);
        assert.deepEqual(made.seen(), ['presence Romeo unavailable 110 333 330']);
      }
      made.passes(60);
      assert.equal(made.romeo.notices.length, 0);
      made.romeo.heard();
      made.passes(60);
      made.assertAlive();
      await made.h.server.stop();
    }
  });
});

describe('5.4: the room was gone', () => {
  test('C1: what it said about itself does not allow to make it anew: a notice', async (t) => {
    for (const config of [{ hidden: true }, { moderated: true }, { password: 'x' }]) {
      const made = await stage(t, { room: { persistent: false } });
      configure(made.room, config);
      made.passes(10);
      made.romeo.heard();
      restart(made.service, { keeps: 'nothing' });
      made.cut();
      made.passes(50);
      assert.deepEqual(made.seen(), [], 'D2: no notice before `ping_muc_delay`');
      made.passes(10);
      assert.deepEqual(made.seen(), ['presence Romeo unavailable 110 333 330'], JSON.stringify(config));
      assert.deepEqual(made.joined(), []);
      await made.h.server.stop();
    }
  });

  test('facts: a room says what it is 5 s after the first join, and is asked once', async (t) => {
    const made = await stage(t);
    crowd(made, 3, 5);
    const infos = () =>
      made.service.peer.received.filter((stanza) => stanza.getChild('query', NS.DISCO_INFO)).length;
    assert.equal(infos(), 0, 'all have been asked already');
    for (const { state } of made.h.host.sessions)
      for (const { room } of state.mucPlaces!.values()) assert.equal(room.facts?.isOpen, false); // They are persistent.
    made.romeo.joins('new@rooms.capulet.lit/Romeo');
    made.passes(4);
    assert.equal(infos(), 0);
    made.passes(2);
    assert.equal(infos(), 1);
  });

  test('C2: allowed: made once, by an owner, unlocked, and the others follow', async (t) => {
    const made = await stage(t, { room: { persistent: false } });
    made.room.affiliations.set('juliet@montague.lit', 'owner');
    const juliet = made.client(JULIET, 'Juliet');
    made.passes(10);
    juliet.heard();
    made.romeo.heard();
    restart(made.service, { keeps: 'nothing' });
    made.cut();
    made.passes(10);
    const room = made.service.rooms.get(HALL)!;
    assert.equal(room.isLocked, false);
    assert.equal(room.affiliation('juliet@montague.lit'), 'owner');
    assert.deepEqual(made.seen(juliet), []);
    for (const nick of ['Alice', 'Bob']) made.comes(nick);
    made.passes(1);
    assert.equal(made.romeo.notices.length, 0);
    const [seen] = made.seen();
    assert.equal(seen, undefined);
  });

  test('C3: a room that turns out to be new, and must not be: left in the same tick, a notice to all of ours', async (t) => {
    const made = await stage(t);
    const juliet = made.client(JULIET, 'Juliet');
    made.romeo.heard();
    made.room.occupants.clear();
    made.service.peer.says(
      `<presence type='unavailable' from='${HALL}/Romeo' to='${ROMEO}'><x xmlns='${NS.MUC_USER}'><item affiliation='member' role='none'/><status code='110'/><status code='333'/></x></presence>`,
    );
    made.service.peer.says(
      `<presence type='unavailable' from='${HALL}/Juliet' to='${JULIET}'><x xmlns='${NS.MUC_USER}'><item affiliation='member' role='none'/><status code='110'/><status code='333'/></x></presence>`,
    );
    made.service.close(made.room);
    made.passes(10);
    assert.equal(made.service.rooms.size, 0);
    for (const client of [made.romeo, juliet]) {
      const nick = client === juliet ? 'Juliet' : 'Romeo';
      assert.deepEqual(made.seen(client), [`presence ${nick} unavailable 110 333 330`]);
    }
  });
});
