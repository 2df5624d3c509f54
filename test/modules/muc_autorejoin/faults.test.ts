// Faults of services and links, each with the exact stanzas both ways. The others: gap, losses, outbox, queue.test.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { drop, dropByError, restart } from '../../support/fake-rooms/faults.ts';
import type { HarnessClient } from '../../support/module-harness.ts';
import { counted, sent, watchLink } from './counts.ts';
import { HALL, JULIET, lines, ROMEO, type Stage, stage } from './stage.ts';

const NURSE = 'nurse@montague.lit/house';

function areInAgain(clients: readonly HarnessClient[]): boolean {
  return clients.every(({ state }) =>
    [...state.mucPlaces!.values()].every(({ rejoined }) => rejoined?.times === 1),
  );
}

/** How long it takes until all clients are in again, in ms. */
function untilInAgain({ h }: Stage, clients: readonly HarnessClient[], since: number): number {
  for (let i = 0; i < 1_000 && !areInAgain(clients); i++) h.clock.advance(50);
  return h.clock.elapsed() - since;
}

const roomOf = ({ attrs }: Element) => attrs.from?.split('@')[0];

test('the service is killed and back after 3 s: everything that happened meanwhile, once and in order', async (t) => {
  const made = await stage(t, { behaviour: { archive: 'works', historyLimit: 0 }, people: [] });
  const { h, service } = made;
  made.romeo.says(`<presence type='unavailable' to='${HALL}/Romeo'/>`);
  const names = ['garden', 'crypt', 'square', 'cell'];
  const rooms = names.map((name) => service.room(name).jid);
  const clients = Array.from({ length: 5 }, (_, i) => h.client(`user${i}@montague.lit/x`));
  const enter = (nick: string) => {
    const resident = made.comes(nick); // In the hall too, where none of ours is.
    for (const room of rooms) resident.join(room, nick);
    return resident;
  };
  for (const nick of ['Alice', 'Bob', 'Carol', 'Dora', 'Emil']) enter(nick);
  for (const [i, client] of clients.entries()) for (const room of rooms) client.joins(`${room}/User${i}`);
  made.passes(30);
  for (const room of rooms) made.people.get('Alice')!.say(room, 'before');
  made.passes(60);
  for (const client of clients) client.heard();
  sent(made);
  const link = watchLink(made);

  restart(service, { keeps: 'rooms' });
  service.peer.reachable = false;
  service.peer.cut();
  for (const nick of ['Alice', 'Bob', 'Carol', 'Fritz', 'Gina', 'Hans']) enter(nick);
  for (let i = 0; i < 30; i++)
    for (const room of rooms) made.people.get(i % 2 ? 'Alice' : 'Hans')!.say(room, `${i}`);
  made.passes(3);
  service.peer.reachable = true;
  made.passes(1);
  for (let i = 0; i < 100 && link.upAt === 0; i++) made.passes(0.05);
  assert.ok(untilInAgain(made, clients, link.upAt) <= 5_000);

  assert.deepEqual(sent(made), { ping: 20, join: 20, info: 4, archive: 4 });
  made.passes(70);
  assert.deepEqual(sent(made), {});
  const people = ['Fritz', 'Gina', 'Hans'].map((nick) => `presence ${nick}`);
  const messages = Array.from({ length: 30 }, (_, i) => `message ${i % 2 ? 'Alice' : 'Hans'} delayed ${i}`);
  const left = ['Dora', 'Emil'].map((nick) => `presence ${nick} unavailable`);
  for (const client of clients) {
    const all = client.heard();
    for (const name of names)
      assert.deepEqual(lines(all.filter((one) => roomOf(one) === name)), [...people, ...messages, ...left]);
    assert.equal(all.length, names.length * (3 + 30 + 2));
  }
  assert.deepEqual(await counted(made), {
    'rejoins alive': 20,
    // Alice, Bob and Carol, four others of ours, and itself.
    'presences swallowed': 20 * 8,
    'presences passed': 20 * 3,
    'presences left': 20 * 2,
    'messages given': 20 * 30,
    'archive_queries complete': 4,
  });
});

test('a restart that keeps the occupants: nobody is joined, and nobody gets anything', async (t) => {
  const made = await stage(t, { behaviour: { archive: 'works' } });
  const clients = [made.romeo, made.client(JULIET, 'Juliet'), made.client(NURSE, 'Nurse')];
  made.passes(30);
  for (const client of clients) client.heard();
  sent(made);
  restart(made.service, { keeps: 'all' });
  made.cut(20);
  made.passes(300);
  assert.deepEqual(sent(made), { ping: 3 });
  for (const client of clients) assert.deepEqual(made.seen(client), []);
  assert.deepEqual(await counted(made), {});
  made.assertAlive();
});

test('a room loses all its 40 occupants, and all are back within 30 s: our three get nothing', async (t) => {
  const people = Array.from({ length: 37 }, (_, i) => `Guest${i}`);
  const made = await stage(t, { people });
  const clients = [made.romeo, made.client(JULIET, 'Juliet'), made.client(NURSE, 'Nurse')];
  made.passes(10);
  for (const client of clients) client.heard();
  sent(made);
  made.loses({ people: [] });
  made.service.peer.cut();
  for (const nick of people) {
    made.passes(0.8);
    made.comes(nick);
  }
  made.passes(100);
  assert.deepEqual(sent(made), { ping: 3, join: 3, info: 1 });
  for (const client of clients) assert.deepEqual(made.seen(client), []);
  assert.deepEqual(await counted(made), {
    'rejoins alive': 3,
    'presences swallowed': 3 * 40,
  });
  made.assertAlive();
});

test('a room loses one of three clients, and talks to the others: found within 12 s, people, subject and messages right', async (t) => {
  const made = await stage(t, { people: ['Alice', 'Bob', 'Carol'] });
  const [juliet, nurse] = [made.client(JULIET, 'Juliet'), made.client(NURSE, 'Nurse')];
  made.say('Alice', 'before');
  made.passes(30);
  for (const client of [made.romeo, juliet, nurse]) client.heard();
  sent(made);
  drop(made.room, ROMEO, { isTold: false });
  made.leaves('Bob');
  made.people.get('Carol')!.presence(HALL, [], 'Caroline');
  made.comes('Dora');
  made.people.get('Alice')!.subject(HALL, 'Verona');
  for (const body of ['1', '2', '3']) made.say('Dora', body);
  const talkedAt = made.h.clock.elapsed();
  made.passes(1);
  for (const client of [juliet, nurse]) assert.equal(client.heard().length, 9);
  for (let i = 0; i < 300 && made.joins.length === 0; i++) made.passes(0.05);
  assert.ok(made.h.clock.elapsed() - talkedAt <= 12_000);
  made.passes(5);
  assert.deepEqual(made.seen(), [
    'presence Caroline',
    'presence Dora',
    'message Dora delayed 1',
    'message Dora delayed 2',
    'message Dora delayed 3',
    'message Alice subject "Verona"',
  ]);
  made.passes(60);
  assert.deepEqual(made.seen().sort(), ['presence Bob unavailable', 'presence Carol unavailable']);
  assert.deepEqual(sent(made), { ping: 1, join: 1, info: 1 });
  // Romeo's own leave and return.
  for (const client of [juliet, nurse]) assert.deepEqual(made.seen(client), ['presence Romeo']);
  assert.deepEqual(await counted(made), {
    lags: 1,
    'rejoins alive': 1,
    'presences swallowed': 4,
    'presences passed': 2,
    'presences left': 2,
    'messages given': 3,
  });
  made.assertAlive();
});

test('five messages written into the gap: each once in the room, in their order, and no error', async (t) => {
  const made = await stage(t);
  const heard: string[] = [];
  made.service.onSpoken = (_room, { nick, body = '' }) => void (nick === 'Romeo' && heard.push(body));
  const bodies = ['1', '2', '3', '4', '5'];
  drop(made.room, ROMEO, { isTold: false });
  for (const body of bodies)
    made.romeo.says(`<message type='groupchat' id='id${body}' to='${HALL}'><body>${body}</body></message>`);
  made.passes(100);
  assert.deepEqual(heard, bodies);
  assert.deepEqual(
    made.seen(),
    bodies.map((body) => `message Romeo ${body}`),
  );
  assert.deepEqual(sent(made), { message: 10, ping: 1, join: 1, info: 1 });
  const { 'own_messages again': again, ...others } = await counted(made);
  assert.equal(again, 5);
  assert.deepEqual(others, { 'rejoins alive': 1, 'presences swallowed': 3 });
});

test('removed by an error with 110 alone, as ejabberd does: swallowed, and in again', async (t) => {
  const made = await stage(t, { people: ['Alice', 'Bob'] });
  made.passes(20);
  made.romeo.heard();
  sent(made);
  dropByError(made.room, ROMEO);
  made.passes(100);
  assert.deepEqual(made.seen(), []);
  assert.deepEqual(sent(made), { join: 1, info: 1 });
  assert.deepEqual(await counted(made), { 'rejoins alive': 1, 'presences swallowed': 3 });
  made.assertAlive();
});

test('a phone sleeps and has missed 300 messages: the newest 200 wait for it, the mention last', async (t) => {
  const made = await stage(t, {
    behaviour: { archive: 'works', historyLimit: 0, archivePageLimit: 100 },
    config: 'muc_autorejoin_absence = "0 seconds"',
  });
  made.say('Alice', 'before');
  made.passes(20);
  made.romeo.heard();
  sent(made);
  made.romeo.sleep();
  drop(made.room, ROMEO, { isTold: false });
  made.service.peer.reachable = false;
  made.service.peer.cut();
  for (let i = 0; i < 299; i++) made.say('Alice', `${i}`);
  made.say('Bob', 'Romeo: are you there?');
  made.passes(3);
  made.service.peer.reachable = true;
  made.passes(20);
  const missed = Array.from({ length: 199 }, (_, i) => `message Alice delayed ${i + 100}`);
  assert.deepEqual(made.seen(), [...missed, 'message Bob delayed Romeo: are you there?']);
  const { archive = 0, ...others } = sent(made);
  assert.deepEqual(others, { ping: 1, join: 1, info: 1 });
  assert.ok(archive <= 5, `${archive} queries`);
  assert.deepEqual(await counted(made), {
    'rejoins alive': 1,
    'presences swallowed': 3,
    'messages given': 200,
    'messages left_out': 100,
    'archive_queries complete': 1,
  });
  made.romeo.resume();
  made.assertAlive();
});
