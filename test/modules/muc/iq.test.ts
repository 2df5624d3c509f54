import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StanzaError } from '../../../src/xml/errors.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import {
  configured,
  HALL,
  joined,
  romeoAndJuliet,
  romeoTwice,
  roomServer,
  roomWith,
  settled,
} from './rooms.ts';

const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';

function pings(client: ScriptedClient, nick: string, room = HALL): void {
  client.send(`<iq type='get' id='ping' to='${room}/${nick}'><ping xmlns='urn:xmpp:ping'/></iq>`);
}

async function refused(
  client: ScriptedClient,
  nick: string,
  type: string,
  condition: string,
  by: string,
  room = HALL,
) {
  await client.receives(`
    <iq type='error' id='ping' from='${room}/${nick}' to='${client.jid}'>
      <error type='${type}' by='${by}'>
        <${condition} xmlns='${STANZAS}'/><text xmlns='${STANZAS}' xml:lang='en'>{any}</text>
      </error>
    </iq>`);
}

test('XEP-0410 §3.3: the room answers a self-ping without relaying it to a client of the nick', async (t) => {
  const { romeo, phone } = await romeoTwice(t);
  pings(phone, 'Romeo');
  await phone.receives(`<iq type='result' id='ping' from='${HALL}/Romeo' to='${phone.jid}'/>`);
  await romeo.receivesNothing();
});

test('XEP-0410 §3.3: a client outside the room gets not-acceptable for every nick, and learns nothing about occupants', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  for (const nick of ['Romeo', 'Juliet']) {
    pings(juliet, nick);
    await refused(juliet, nick, 'cancel', 'not-acceptable', HALL);
  }
  await romeo.receivesNothing();
});

test('XEP-0410 §3.3: a client is not in the room because another client of its user is', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const phone = await server.client('romeo@localhost/phone');
  await roomWith(romeo, 'Romeo');
  pings(phone, 'Romeo');
  await refused(phone, 'Romeo', 'cancel', 'not-acceptable', HALL);
});

test('XEP-0410 §3.2: an occupant that addresses an unknown nick gets item-not-found from the room', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  pings(romeo, 'Montague');
  await refused(romeo, 'Montague', 'cancel', 'item-not-found', HALL);
});

test('XEP-0410 §3.3: the service answers not-acceptable for a room that does not exist', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  pings(romeo, 'Romeo');
  await refused(romeo, 'Romeo', 'cancel', 'not-acceptable', 'rooms.localhost');
  // Until its owner has configured it, other users cannot see a room.
  await joined(romeo, 'Romeo');
  pings(juliet, 'Juliet');
  await refused(juliet, 'Juliet', 'cancel', 'not-acceptable', 'rooms.localhost');
  pings(romeo, 'Romeo');
  await romeo.receives(`<iq type='result' id='ping' from='${HALL}/Romeo' to='${romeo.jid}'/>`);
});

test('XEP-0045 §17.4: the room relays a request and its answer between occupants, without real addresses', async (t) => {
  const { romeo, juliet } = await romeoAndJuliet(t);
  juliet.send(`<iq type='get' id='v1' to='${HALL}/Romeo'><query xmlns='jabber:iq:version'/></iq>`);
  const request = await romeo.receives(`
    <iq type='get' id='{any}' from='${HALL}/Juliet' to='${romeo.jid}'><query xmlns='jabber:iq:version'/></iq>`);
  assert.notEqual(request.attrs.id, 'v1');
  romeo.send(`
    <iq type='result' id='${request.attrs.id}' to='${HALL}/Juliet'>
      <query xmlns='jabber:iq:version'><name>Sword</name></query>
    </iq>`);
  await juliet.receives(`
    <iq type='result' id='v1' from='${HALL}/Romeo' to='${juliet.jid}'>
      <query xmlns='jabber:iq:version'><name>Sword</name></query>
    </iq>`);
});

test('XEP-0045 §17.4: the room removes the source of an error before it relays it', async (t) => {
  const { romeo, juliet } = await romeoAndJuliet(t);
  pings(juliet, 'Romeo');
  const request = await romeo.next();
  romeo.send(`
    <iq type='error' id='${request.attrs.id}' to='${HALL}/Juliet'>
      <error type='cancel' by='romeo@localhost/orchard'><service-unavailable xmlns='${STANZAS}'/></error>
    </iq>`);
  await juliet.receives(`
    <iq type='error' id='ping' from='${HALL}/Romeo' to='${juliet.jid}'>
      <error type='cancel'><service-unavailable xmlns='${STANZAS}'/></error>
    </iq>`);
  // An error to a request does not remove an occupant.
  await settled(romeo);
  pings(romeo, 'Romeo');
  await romeo.receives(`<iq type='result' id='ping' from='${HALL}/Romeo' to='${romeo.jid}'/>`);
});

test('only the client that received a relayed request can answer it, and only once', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const phone = await server.client('romeo@localhost/phone');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  await settled(romeo);
  pings(juliet, 'Romeo');
  const { id } = (await romeo.next()).attrs;
  const answer = `<iq type='result' id='${id}' to='${HALL}/Juliet'/>`;
  phone.send(answer);
  await phone.receivesNothing();
  await juliet.receivesNothing();
  romeo.send(answer);
  romeo.send(answer);
  await romeo.receivesNothing();
  await juliet.receives(`<iq type='result' id='ping' from='${HALL}/Romeo' to='${juliet.jid}'/>`);
  await juliet.receivesNothing();
});

test('XEP-0045 §6.6: a client outside the room may not query an occupant', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  juliet.send(
    `<iq type='get' id='ping' to='${HALL}/Romeo'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
  );
  await refused(juliet, 'Romeo', 'modify', 'bad-request', HALL);
  await romeo.receivesNothing();
});

test('the room sends a vCard request to the account, not to a client', async (t) => {
  const { romeo, juliet } = await romeoAndJuliet(t);
  juliet.send(`<iq type='get' id='v' to='${HALL}/Romeo'><vCard xmlns='vcard-temp'/></iq>`);
  const answer = await juliet.next();
  // The server of this account has no vCards, and returns an error immediately.
  assert.deepEqual([answer.attrs.type, answer.attrs.from], ['error', `${HALL}/Romeo`]);
  await romeo.receivesNothing();
});

test('the room refuses a request with an id longer than 1,024 characters', async (t) => {
  const { romeo, juliet } = await romeoAndJuliet(t);
  const asks = (id: string) =>
    juliet.send(`<iq type='get' id='${id}' to='${HALL}/Romeo'><query xmlns='jabber:iq:version'/></iq>`);
  asks('x'.repeat(1025));
  assert.match(String(await juliet.next()), /<policy-violation/);
  await romeo.receivesNothing();
  asks('x'.repeat(1024));
  assert.ok((await romeo.next()).getChild('query', 'jabber:iq:version'));
});

test('one client has at most 50 pending requests; each is forgotten after five minutes', async (t) => {
  const clock = new FakeClock();
  const server = await roomServer(t, '', { clock });
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  for (let n = 0; n < 50; n++) pings(juliet, 'Romeo');
  await juliet.receivesNothing();
  pings(juliet, 'Romeo');
  await refused(juliet, 'Romeo', 'wait', 'resource-constraint', HALL);
  await settled(romeo);
  clock.moveWallClock(-24 * 60 * 60_000); // Which changes nothing.
  await clock.advance(5 * 60_000);
  pings(juliet, 'Romeo');
  assert.equal((await romeo.next()).getChild('ping', 'urn:xmpp:ping')?.name, 'ping');
  await configured(romeo);
});

test('one account has at most 500 pending requests in all rooms', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  const ask = (client: ScriptedClient, room: string, nick: string) =>
    client.send(`<iq type='get' id='ask' to='${room}/${nick}'><query xmlns='jabber:iq:version'/></iq>`);
  const answers = [];
  for (let n = 0; n < 11; n++) {
    const room = `room${n}@rooms.localhost`;
    await joined(romeo, 'Romeo', '', room);
    // It sends requests to itself, and does not answer.
    for (let m = 0; m < 50; m++) {
      ask(romeo, room, 'Romeo');
      answers.push((await romeo.next()).attrs.type);
    }
  }
  assert.equal(answers.filter((type) => type === 'get').length, 500);
  assert.equal(answers.filter((type) => type === 'error').length, 50);
  await joined(juliet, 'Juliet', '', 'other@rooms.localhost');
  ask(juliet, 'other@rooms.localhost', 'Juliet');
  assert.equal((await juliet.next()).attrs.type, 'get');
});

test('all accounts together have at most 10,000 pending requests', async (t) => {
  const server = await roomServer(t);
  /** Sends itself 50 requests in each of ten rooms, and does not answer. */
  const fill = async (number: number) => {
    const client = await server.client(`user${number}@localhost/x`);
    const types: (string | undefined)[] = [];
    for (let n = 0; n < 10; n++) {
      const room = `room${number}-${n}@rooms.localhost`;
      await joined(client, 'Me', '', room);
      const ask = `<iq type='get' id='ask' to='${room}/Me'><query xmlns='jabber:iq:version'/></iq>`;
      client.send(ask.repeat(50));
      for (let m = 0; m < 50; m++) types.push((await client.next()).attrs.type);
    }
    return types;
  };
  for (let number = 0; number < 20; number++) {
    assert.deepEqual(new Set(await fill(number)), new Set(['get']), `user ${number}`);
  }
  const late = await server.client('late@localhost/x');
  await joined(late, 'Late', '', 'late@rooms.localhost');
  late.send(`<iq type='get' id='ask' to='late@rooms.localhost/Late'><query xmlns='jabber:iq:version'/></iq>`);
  assert.equal(StanzaError.from(await late.next()).condition, 'resource-constraint');
});
