// Answers of rooms of all kinds, and their consequences for clients.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NS } from '../../../src/xml/namespaces.ts';
import { failure, info, presence, result } from '../../support/fake-rooms.ts';
import { FIRST_QUESTION_S, ROMEO, ROOM, scene, states } from './scene.ts';

test('the room has the client under another nick: sends a leave and a notice', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.rooms.get(ROOM)!.set(ROMEO, 'Somebody');
  rooms.peer.cut();
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 2);
  assert.equal(rooms.leaves.length, 1);
  assert.equal(rooms.rooms.get(ROOM)!.size, 0);
  assert.equal(
    romeo.inbox.length,
    1,
    'the client does not get the confirmation of a leave that it did not send',
  );
  assert.equal(romeo.notices.length, 1);
});

test('a client that joins again immediately after that stays in', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.rooms.get(ROOM)!.set(ROMEO, 'Somebody');
  rooms.peer.cut();
  for (let i = 0; i < 1_200 && romeo.inbox.length === 0; i++) h.clock.advance(100);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(600);
  assert.equal(rooms.rooms.get(ROOM)?.get(ROMEO), 'Romeo');
  assert.equal(romeo.notices.length, 1);
  assert.deepEqual(await states(h), ['joined']);
});

test('a room of fifty clients does not exist: sends one ping and one disco request', async (t) => {
  const { h, rooms } = await scene(t);
  const clients = Array.from({ length: 50 }, (_, i) => h.client(`user${i}@montague.lit/x`));
  for (const client of clients) client.joins(`${ROOM}/${client.jid.local}`);
  h.clock.seconds(10);
  for (const client of clients) client.heard();
  rooms.forget({ gone: true });
  rooms.peer.cut();
  h.clock.seconds(90);
  assert.equal(rooms.pings.length, 1);
  assert.equal(rooms.infos.length, 1);
  assert.ok(clients.every(({ notices }) => notices.length === 1));
});

test('the client does not get its own presence that answers a presence probe', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'not-allowed', { by: ROOM });
  rooms.onProbe = () => presence(`${ROOM}/Romeo`, ROMEO, ['110']);
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.deepEqual(romeo.heard(), []);
  assert.deepEqual(await states(h), ['joined']);
});

test('the client does not get not-acceptable that answers a presence probe, but a notice', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'not-allowed', { by: ROOM });
  rooms.onProbe = (probe) => failure(probe, 'not-acceptable', { by: ROOM });
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.equal(romeo.inbox.length, 1);
  assert.equal(romeo.notices.length, 1);
});

test('bad-request: the client is out if it is repeated, and in otherwise', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  let pings = 0;
  rooms.onPing = (ping) => (++pings === 1 ? failure(ping, 'bad-request') : result(ping));
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.deepEqual(romeo.heard(), []);
  rooms.onPing = (ping) => failure(ping, 'bad-request');
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 6);
  assert.equal(romeo.notices.length, 1);
});

test('service-unavailable of an existing room: the client is in, unproven', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'service-unavailable');
  rooms.peer.cut();
  h.clock.seconds(1_200);
  assert.equal(rooms.pings.length, 1);
  assert.equal(rooms.infos.length, 1);
  assert.deepEqual(romeo.heard(), []);
  assert.deepEqual(await states(h), ['joined, unproven']);
});

test('XEP-0410 §3.3: service-unavailable of a room that answers self-pings itself decides nothing', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'service-unavailable');
  rooms.onInfo = (query) => info(query, [NS.MUC, NS.MUC_SELF_PING]);
  rooms.peer.cut();
  h.clock.seconds(120);
  rooms.onPing = undefined;
  rooms.forget();
  h.clock.seconds(120);
  assert.equal(romeo.notices.length, 1);
});

test('recipient-unavailable of an IRC gateway: the client is out', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.onPing = (ping) => failure(ping, 'recipient-unavailable', { type: 'cancel' });
  rooms.onInfo = (query) => info(query, [], { category: 'conference', type: 'irc' });
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.notices.length, 1);
  assert.equal(rooms.pings.length, 1);
  assert.deepEqual(
    rooms.infos.map(({ attrs }) => attrs.to),
    ['rooms.capulet.lit'],
  );
});

test('an answer after nine minutes still counts, and does not reach the client', async (t) => {
  const { h, rooms, romeo } = await scene(t, 'ping_muc_give_up = "never"');
  let first: (() => void) | undefined;
  rooms.onPing = (ping) => {
    first ??= () => rooms.peer.says(failure(ping, 'not-acceptable'));
    return undefined;
  };
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 9 * 60);
  first!();
  h.clock.seconds(1);
  assert.deepEqual(romeo.iqs, []);
  assert.equal(romeo.notices.length, 1);
});

test('the end of a link that carried only a relayed ping and its answer causes no question', async (t) => {
  const { h, rooms } = await scene(t);
  rooms.onPing = (ping) => {
    rooms.relay(ping, [ROMEO]);
    return undefined;
  };
  rooms.peer.cut('clean');
  h.clock.seconds(600);
  rooms.peer.cut('clean');
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 1);
});

test('answer_relayed_pings = false: the client gets a relayed ping', async (t) => {
  const { h, rooms, romeo } = await scene(t, 'answer_relayed_pings = false');
  rooms.onPing = (ping) => {
    rooms.relay(ping, [ROMEO]);
    return undefined;
  };
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.iqs.length, 1);
});

test('the client gets a ping from another occupant', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const ping = `<iq type='get' id='p1' from='${ROOM}/Juliet' to='${ROMEO}'><ping xmlns='urn:xmpp:ping'/></iq>`;
  rooms.peer.says(ping);
  h.clock.seconds(1);
  assert.equal(romeo.count(ping), 1);
});

test('the client gets a ping from the service', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.says(`<iq type='get' id='p1' from='${ROOM}' to='${ROMEO}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  h.clock.seconds(1);
  assert.equal(romeo.iqs.length, 1);
});

test('the end of a link that carried only pings between servers causes no question', async (t) => {
  const { h, rooms } = await scene(t);
  rooms.peer.cut('idle');
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 1);
  const { peer } = rooms;
  const [out, back] = [peer.openOut(), peer.openIn()];
  back.stanzasIn++;
  back.overhead.in++;
  out.stanzasOut++;
  out.overhead.out++;
  peer.says(
    `<iq type='get' id='k' from='${rooms.domain}' to='montague.lit'><ping xmlns='urn:xmpp:ping'/></iq>`,
  );
  h.clock.seconds(1);
  assert.equal(peer.received.filter(({ attrs }) => attrs.id === 'k').length, 1);
  peer.cut('idle');
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 1);
});
