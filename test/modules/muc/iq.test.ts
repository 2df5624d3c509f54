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

test('XEP-0410 §3.3: the room answers a self-ping, and no client of the nick sees it', async (t) => {
  const { romeo, phone } = await romeoTwice(t);
  pings(phone, 'Romeo');
  await phone.receives(`<iq type='result' id='ping' from='${HALL}/Romeo' to='${phone.jid}'/>`);
  await romeo.receivesNothing();
});

test('XEP-0410 §3.3: who is not in is told not-acceptable, whatever the nick: no look at who is', async (t) => {
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

test('XEP-0410 §3.3: another client of a user who is in is not in', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const phone = await server.client('romeo@localhost/phone');
  await roomWith(romeo, 'Romeo');
  pings(phone, 'Romeo');
  await refused(phone, 'Romeo', 'cancel', 'not-acceptable', HALL);
});

test('XEP-0410 §3.2: an occupant who names a nick that is not there hears item-not-found of the room', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  pings(romeo, 'Montague');
  await refused(romeo, 'Montague', 'cancel', 'item-not-found', HALL);
});

test('XEP-0410 §3.3: a room that does not exist is not-acceptable too, said by the service', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  pings(romeo, 'Romeo');
  await refused(romeo, 'Romeo', 'cancel', 'not-acceptable', 'rooms.localhost');
  // As long as its owner has not configured it, a room is there for nobody else.
  await joined(romeo, 'Romeo');
  pings(juliet, 'Juliet');
  await refused(juliet, 'Juliet', 'cancel', 'not-acceptable', 'rooms.localhost');
  pings(romeo, 'Romeo');
  await romeo.receives(`<iq type='result' id='ping' from='${HALL}/Romeo' to='${romeo.jid}'/>`);
});

test('XEP-0045 §17.4: a request goes to the other occupant and its answer back, without addresses', async (t) => {
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

test('XEP-0045 §17.4: an error comes back without the address of who raised it', async (t) => {
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
  // An error to a request says nothing about who is there.
  await settled(romeo);
  pings(romeo, 'Romeo');
  await romeo.receives(`<iq type='result' id='ping' from='${HALL}/Romeo' to='${romeo.jid}'/>`);
});

test('nobody but whom the room asked can answer, and only once', async (t) => {
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

test('XEP-0045 §6.6: who is not in may not look at an occupant', async (t) => {
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

test('a vCard is asked of the account, not of a client of it', async (t) => {
  const { romeo, juliet } = await romeoAndJuliet(t);
  juliet.send(`<iq type='get' id='v' to='${HALL}/Romeo'><vCard xmlns='vcard-temp'/></iq>`);
  const answer = await juliet.next();
  // This account's server knows no vCards and says so at once.
  assert.deepEqual([answer.attrs.type, answer.attrs.from], ['error', `${HALL}/Romeo`]);
  await romeo.receivesNothing();
});

test('a request whose id is longer than 1,024 characters is not passed on', async (t) => {
  const { romeo, juliet } = await romeoAndJuliet(t);
  const asks = (id: string) =>
    juliet.send(`<iq type='get' id='${id}' to='${HALL}/Romeo'><query xmlns='jabber:iq:version'/></iq>`);
  asks('x'.repeat(1025));
  assert.match(String(await juliet.next()), /<policy-violation/);
  await romeo.receivesNothing();
  asks('x'.repeat(1024));
  assert.ok((await romeo.next()).getChild('query', 'jabber:iq:version'));
});

test('requests under way are bounded, and forgotten after five minutes', async (t) => {
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

test('requests of one account under way, in all rooms together: 500, so that others can ask', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  const ask = (client: ScriptedClient, room: string, nick: string) =>
    client.send(`<iq type='get' id='ask' to='${room}/${nick}'><query xmlns='jabber:iq:version'/></iq>`);
  const answers = [];
  for (let n = 0; n < 11; n++) {
    const room = `room${n}@rooms.localhost`;
    await joined(romeo, 'Romeo', '', room);
    // It asks itself, and does not answer.
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

test('requests of all accounts under way together: 10,000', async (t) => {
  const server = await roomServer(t);
  /** Asks itself in ten rooms, 50 times in each, and does not answer. */
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
