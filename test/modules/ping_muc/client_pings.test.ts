// Self-pings of clients (XEP-0410).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, result } from '../../support/fake-rooms.ts';
import { FIRST_QUESTION_S, ROMEO, ROOM, scene } from './scene.ts';

const PING = `<iq type='get' id='own' to='${ROOM}/Romeo'><ping xmlns='urn:xmpp:ping'/></iq>`;

test("a client's self-ping and its answer are routed", async (t) => {
  const { h, rooms, romeo } = await scene(t);
  romeo.says(PING);
  h.clock.seconds(1);
  assert.equal(rooms.pings.length, 1);
  assert.equal(romeo.count(`<iq type='result' id='own' from='${ROOM}/Romeo' to='${ROMEO}'/>`), 1);
});

test("a client's self-ping that proves its join replaces the server's question", async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.cut();
  h.clock.seconds(30);
  romeo.says(PING);
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 1);
});

test('a client that learns of the loss itself gets a notice if it does nothing for 30 seconds', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(30);
  romeo.says(PING);
  h.clock.seconds(29);
  assert.equal(romeo.notices.length, 0);
  h.clock.seconds(2);
  assert.equal(romeo.notices.length, 1);
  assert.equal(rooms.pings.length, 1);
});

test('the same client gets no notice if it joins again', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(30);
  romeo.says(PING);
  h.clock.seconds(10);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(600);
  assert.equal(romeo.notices.length, 0);
  assert.equal(rooms.pings.length, 1);
});

test("the server answers a client's self-ping that the room relays to a sleeping client of the nick", async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const phone = h.client('romeo@montague.lit/phone');
  phone.joins(`${ROOM}/Romeo`);
  h.clock.seconds(10);
  phone.heard();
  romeo.heard();
  phone.sleep();
  rooms.onPing = (ping) => {
    rooms.relay(ping, [`${phone.jid}`]);
    return undefined;
  };
  romeo.says(PING);
  h.clock.seconds(1);
  assert.equal(romeo.iqs.length, 1);
  assert.deepEqual(phone.inbox, []);
});

test("a late answer to the server's question does not reach the client, which has a request with the same id", async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  const { id } = rooms.pings[0]!.attrs;
  romeo.says(PING.replace('own', `${id}`));
  h.clock.seconds(1);
  assert.equal(romeo.count(String(result(rooms.pings.at(-1)!))), 1);
});

test('a client misreads the error of a room that no longer exists: the server asks, and sends a notice', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.forget({ gone: true });
  romeo.says(PING);
  h.clock.seconds(1);
  assert.equal(romeo.iqs.length, 1);
  assert.equal(romeo.notices.length, 1);
  assert.equal(rooms.pings.length, 2);
  assert.equal(rooms.infos.length, 1);
});

const NORMALISE = 'normalise_self_ping_errors = true';

test('normalise_self_ping_errors: replaces the error of a room that no longer exists by one that all clients understand', async (t) => {
  const { h, rooms, romeo } = await scene(t, NORMALISE);
  const phone = h.client('romeo@montague.lit/phone');
  phone.joins(`${ROOM}/Romeo`);
  h.clock.seconds(10);
  phone.heard();
  romeo.heard();
  rooms.forget({ gone: true });
  romeo.says(PING);
  h.clock.seconds(1);
  assert.equal(romeo.iqs.length, 1);
  const error = romeo.iqs[0]!.getChild('error');
  assert.equal(romeo.iqs[0]!.attrs.id, 'own');
  assert.equal(error?.attrs.type, 'cancel');
  assert.ok(error?.getChild('not-acceptable', 'urn:ietf:params:xml:ns:xmpp-stanzas'));
  assert.equal(phone.notices.length, 1, 'the other clients get notices immediately');
  assert.equal(romeo.notices.length, 0, 'the client that has asked may act itself');
  h.clock.seconds(30);
  assert.equal(romeo.notices.length, 1);
  assert.equal(rooms.pings.length, 1);
});

test("normalise_self_ping_errors: keeps the room's error if the loss is not proved", async (t) => {
  const { h, rooms, romeo } = await scene(t, NORMALISE);
  rooms.onPing = (ping) => failure(ping, 'item-not-found', { by: rooms.domain });
  rooms.onInfo = () => undefined;
  romeo.says(PING);
  h.clock.seconds(1);
  assert.equal(romeo.iqs.length, 0);
  h.clock.seconds(30);
  assert.equal(romeo.iqs.length, 1);
  assert.ok(
    romeo.iqs[0]!.getChild('error')?.getChild('item-not-found', 'urn:ietf:params:xml:ns:xmpp-stanzas'),
  );
  assert.equal(romeo.notices.length, 0);
});

test('tracks at most 100 pending self-pings of a client; the oldest is routed like any other request', async (t) => {
  const { h, rooms, romeo } = await scene(t, NORMALISE);
  rooms.onPing = () => undefined;
  for (let i = 0; i <= 100; i++) romeo.says(PING.replace('own', `ping-${i}`));
  rooms.onInfo = (request) => failure(request, 'item-not-found', { by: rooms.domain });
  for (const ping of rooms.pings.slice(0, 2)) rooms.peer.says(failure(ping, 'item-not-found'));
  h.clock.seconds(1);
  const conditions = romeo.iqs.map((iq) => iq.getChild('error')?.elements()[0]?.name);
  assert.deepEqual(conditions, ['item-not-found', 'not-acceptable']);
});

test('routes a self-ping with an id of more than 256 characters like any other request', async (t) => {
  const { h, rooms, romeo } = await scene(t, NORMALISE);
  rooms.onPing = () => undefined;
  for (const length of [256, 257]) romeo.says(PING.replace('own', 'x'.repeat(length)));
  rooms.onInfo = (request) => failure(request, 'item-not-found', { by: rooms.domain });
  for (const ping of rooms.pings.slice(0, 2)) rooms.peer.says(failure(ping, 'item-not-found'));
  h.clock.seconds(1);
  const conditions = romeo.iqs.map((iq) => iq.getChild('error')?.elements()[0]?.name);
  assert.deepEqual(conditions.sort(), ['item-not-found', 'not-acceptable']);
});

test("a client's self-ping settles a pending question: the room's other joins are asked about nevertheless", async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const benvolio = h.client('benvolio@montague.lit/hills');
  benvolio.joins(`${ROOM}/Benvolio`);
  h.clock.seconds(10);
  romeo.joins('garden@rooms.capulet.lit/Romeo'); // The liveliest room: its answer is the first.
  h.clock.seconds(10);
  const asked: string[] = [];
  rooms.onPing = (ping) => {
    if (ping.attrs.to?.startsWith('garden')) return result(ping);
    asked.push(`${ping.attrs.from}`);
    return asked.length === 1 ? undefined : rooms.answerPing(ping);
  };
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 2);
  assert.equal(asked.length, 1);
  const [first, other] = asked[0] === ROMEO ? [romeo, benvolio] : [benvolio, romeo];
  rooms.rooms.get(ROOM)?.delete(`${other.jid}`);
  first.says(
    `<iq type='get' id='own' to='${ROOM}/${rooms.rooms.get(ROOM)?.get(`${first.jid}`)}'><ping xmlns='urn:xmpp:ping'/></iq>`,
  );
  h.clock.seconds(5);
  assert.equal(other.notices.length, 1);
  assert.equal(first.notices.length, 0);
});
