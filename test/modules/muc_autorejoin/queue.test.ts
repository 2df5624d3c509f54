// Order and pace of the joins.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NS } from '../../../src/xml/namespaces.ts';
import { restart } from '../../support/fake-rooms/faults.ts';
import type { HarnessClient } from '../../support/module-harness.ts';
import { JULIET, ROMEO, type Stage, stage } from './stage.ts';

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

describe('order and pace of the joins', () => {
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

describe('facts', () => {
  test('facts: a room says what it is 5 s after the first join, and is asked once', async (t) => {
    const made = await stage(t);
    crowd(made, 3, 5);
    const infos = () =>
      made.service.peer.received.filter((stanza) => stanza.getChild('query', NS.DISCO_INFO)).length;
    assert.equal(infos(), 0, 'all have been asked already');
    for (const { state } of made.h.host.sessions)
      for (const { room } of state.mucPlaces!.values()) assert.equal(room.facts?.persists, true);
    made.romeo.joins('new@rooms.capulet.lit/Romeo');
    made.passes(4);
    assert.equal(infos(), 0);
    made.passes(2);
    assert.equal(infos(), 1);
  });
});
