// The events, items and exports for other modules, by the modules in plugins/.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { StanzaError } from '../../../src/xml/errors.ts';
import { FakeClock } from '../../support/clock.ts';
import { assertXml } from '../../support/match.ts';
import { assertFaults, type TestServer, type TestServerOptions } from '../../support/server.ts';
import {
  ADMIN,
  configured,
  enters,
  HALL,
  joined,
  OWNER,
  roomServer,
  roomWith,
  settled,
  USER,
} from './rooms.ts';

const PLUGINS = join(import.meta.dirname, 'plugins');

function server(
  t: TestContext,
  modules: string | string[],
  more: Partial<TestServerOptions> = {},
): Promise<TestServer> {
  return roomServer(t, `modules_enabled = ${JSON.stringify([modules].flat())}`, {
    plugins: PLUGINS,
    ...more,
  });
}

async function heard({ server: { commands } }: TestServer): Promise<unknown[]> {
  const { rows = [] } = await commands.run('heard', {}, { by: 'test' });
  return rows.map(({ line }) => line);
}

const says = (body: string) => `<message type='groupchat' id='m' to='${HALL}'><body>${body}</body></message>`;

test('a module of forty lines implements slow mode: a setting, its disco field, and a refusal', async (t) => {
  const clock = new FakeClock();
  const rooms = await server(t, 'slow_mode', { clock });
  const romeo = await rooms.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_slow_mode_duration': '10' });
  const juliet = await rooms.client('juliet@localhost/balcony');
  await joined(juliet, 'Juliet');
  juliet.send(says('one') + says('two'));
  await juliet.skipUntil((element) => element.getChildText('body') === 'one');
  assertXml(
    await juliet.next(),
    `<message type='error' id='m' from='${HALL}' to='${juliet.jid}'>
      <error type='wait'>
        <policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
        <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>Wait 10 s</text>
      </error>
    </message>`,
  );
  await clock.advance(10_000);
  juliet.send(says('three'));
  assert.equal((await juliet.next()).getChildText('body'), 'three');
  await settled(romeo);
  romeo.send(says('four') + says('five'));
  for (const body of ['four', 'five']) assert.equal((await romeo.next()).getChildText('body'), body);
});

test('a setting of another module is in the form, validated, stored, and announced with 104', async (t) => {
  const rooms = await server(t, 'slow_mode');
  const romeo = await rooms.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_persistentroom': '1' });
  romeo.send(`<iq type='set' id='bad' to='${HALL}'><query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='submit'>
    <field var='muc#roomconfig_slow_mode_duration'><value>soon</value></field></x></query></iq>`);
  const refused = await romeo.next();
  assert.equal(StanzaError.from(refused).condition, 'not-acceptable');
  romeo.send(`<iq type='set' id='good' to='${HALL}'><query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='submit'>
    <field var='muc#roomconfig_slow_mode_duration'><value>60</value></field></x></query></iq>`);
  await romeo.skipUntil((element) => element.attrs.id === 'good');
  assert.equal((await romeo.next()).getChild('x', USER)?.getChild('status')?.attrs.code, '104');
  await rooms.server.commands.run('module reload', { name: 'muc' }, { by: 'test' });
  romeo.send(`<iq type='get' id='form' to='${HALL}'><query xmlns='${OWNER}'/></iq>`);
  const form = await romeo.skipUntil((element) => element.attrs.id === 'form');
  const field = form
    .getChild('query', OWNER)!
    .getChild('x', 'jabber:x:data')!
    .getChildren('field')
    .find(({ attrs }) => attrs.var === 'muc#roomconfig_slow_mode_duration');
  assert.equal(field?.getChildText('value'), '60');
  romeo.send(
    `<iq type='get' id='info' to='${HALL}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
  );
  const info = await romeo.skipUntil((element) => element.attrs.id === 'info');
  assert.match(`${info}`, /var='muc#roomconfig_slow_mode_duration'[^>]*><value>60</);
});

async function observesAll(rooms: TestServer): Promise<void> {
  const romeo = await rooms.client('romeo@localhost/orchard');
  const juliet = await rooms.client('juliet@localhost/balcony');
  await joined(romeo, 'Romeo');
  await configured(romeo, { 'muc#roomconfig_roomname': 'Hall' });
  await joined(juliet, 'Juliet');
  juliet.send(says('hello'));
  juliet.send(`<message to='${HALL}/Romeo' type='chat'><body>psst</body></message>`);
  juliet.send(`<message to='${HALL}'><x xmlns='${USER}'><invite to='nurse@localhost'/></x></message>`);
  await settled(juliet);
  romeo.send(`<message type='groupchat' to='${HALL}'><subject>Feast</subject></message>`);
  romeo.send(
    `<iq type='set' id='ban' to='${HALL}'><query xmlns='${ADMIN}'><item affiliation='outcast' jid='juliet@localhost'/></query></iq>`,
  );
  await settled(romeo);
  romeo.send(`<presence type='unavailable' to='${HALL}/Romeo'/>`);
  await romeo.skipUntil(
    (element) => element.attrs.type === 'unavailable' && element.attrs.from === `${HALL}/Romeo`,
  );
  assert.deepEqual(await heard(rooms), [
    'created hall',
    'entered hall Romeo 201',
    'configured hall',
    'entered hall Juliet ',
    'say message juliet@localhost Juliet',
    'said hall juliet@localhost hello kept',
    'say private juliet@localhost Juliet',
    'say invite juliet@localhost Juliet',
    'say subject romeo@localhost Romeo',
    'said hall romeo@localhost  passing',
    'departed hall Juliet 301',
    'affiliation hall juliet@localhost none outcast romeo@localhost',
    'departed hall Romeo ',
    'destroyed hall',
  ]);
}

test('events: other modules observe all changes of a room in order', async (t) => {
  await observesAll(await server(t, 'room_observer'));
});

test('events: an observer that fails at each of them has no effect on the room and on other observers', async (t) => {
  const rooms = await server(t, ['faulty_observer', 'room_observer']);
  await observesAll(rooms);
  assertFaults(rooms.server.faults, { handler: 16 });
});

test('muc-enter: handlers refuse, the first of two decides, one that throws refuses, and one assigns another nick (status 210)', async (t) => {
  const rooms = await server(t, 'room_observer');
  const romeo = await rooms.client('romeo@localhost/orchard');
  for (const [nick, condition] of [
    ['forbidden', 'forbidden'],
    ['not-allowed', 'not-allowed'],
    ['both', 'forbidden'],
    ['broken', 'internal-server-error'],
  ] as const) {
    enters(romeo, nick);
    const refused = await romeo.next();
    assert.equal(StanzaError.from(refused).condition, condition);
  }
  assert.deepEqual((await heard(rooms)).length, 8, 'a room that its creator may not enter is removed');
  const [self] = await joined(romeo, 'anybody');
  assert.equal(self!.attrs.from, `${HALL}/Somebody`);
  const codes = self!
    .getChild('x', USER)!
    .getChildren('status')
    .map(({ attrs }) => attrs.code);
  assert.deepEqual(codes, ['110', '201', '210']);
  assertFaults(rooms.server.faults, { handler: 1 });
});

test('muc-say: handlers refuse, the first of two decides, one that throws refuses, and one replaces the stanza; a failing observer has no effect', async (t) => {
  const rooms = await server(t, 'room_observer');
  const romeo = await rooms.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  for (const [body, condition] of [
    ['forbidden', 'forbidden'],
    ['not-allowed', 'not-allowed'],
    ['both', 'forbidden'],
    ['broken', 'internal-server-error'],
  ] as const) {
    romeo.send(says(body));
    assert.equal(StanzaError.from(await romeo.next()).condition, condition);
  }
  romeo.send(says('plain') + says('observed') + says('end'));
  assert.equal((await romeo.next()).attrs['xml:lang'], 'en');
  for (const body of ['observed', 'end']) assert.equal((await romeo.next()).getChildText('body'), body);
  assertFaults(rooms.server.faults, { handler: 2 });
});

test("items: other modules add features of a room and children of occupants' presence", async (t) => {
  const rooms = await server(t, 'room_observer');
  const romeo = await rooms.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  const juliet = await rooms.client('juliet@localhost/balcony');
  const seen = await joined(juliet, 'Juliet');
  assert.deepEqual(
    seen.slice(0, 2).map((presence) => presence.getChild('hat', 'urn:observed')?.attrs.of),
    ['Romeo', 'Juliet'],
  );
  juliet.send(
    `<iq type='get' id='info' to='${HALL}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
  );
  assert.match(
    `${await juliet.skipUntil((element) => element.attrs.id === 'info')}`,
    /<feature var='urn:observed'/,
  );
});

test('exports: other modules read and change rooms; calls for a destroyed room have no effect', async (t) => {
  const rooms = await server(t, 'room_observer');
  const romeo = await rooms.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  const juliet = await rooms.client('juliet@localhost/balcony');
  await joined(juliet, 'Juliet');
  const act = async (what: string, who: string = juliet.jid) =>
    (await rooms.server.commands.run('act', { what, who }, { by: 'test' })).rows?.[0]?.result;
  assert.deepEqual(await act('all'), ['hall']);
  assert.deepEqual(await act('rank'), { affiliation: 'none', role: 'participant', sees: false });
  assert.deepEqual(await act('rank', romeo.jid), { affiliation: 'owner', role: 'moderator', sees: true });
  assert.equal(await act('may enter', 'nurse@localhost'), true);
  await act('ban', 'nurse@localhost');
  assert.equal(await act('may enter', 'nurse@localhost'), false);
  await act('say');
  await act('tell');
  for (const body of ['said by the room', 'told by the room']) {
    const { attrs, ...message } = await juliet.skipUntil((element) => element.name === 'message');
    assert.equal(attrs.from, HALL, `${message}`);
    assert.equal(message.children.join(''), `<body>${body}</body>`);
  }
  const nurse = await rooms.client('benvolio@localhost/street');
  const seen = await joined(nurse, 'Benvolio');
  assert.deepEqual(
    seen.flatMap((element) => element.getChildText('body') ?? []),
    ['said by the room'],
  );
  await act('kick');
  await juliet.skipUntil((element) => element.attrs.type === 'unavailable');
  await act('destroy');
  await romeo.skipUntil((element) => element.getChild('x', USER)?.getChild('destroy') !== undefined);
  for (const what of ['destroy', 'ban', 'say', 'kick']) await act(what);
  assert.deepEqual(await act('all'), []);
  assert.equal(await act('create', 'romeo@localhost'), true);
  assert.deepEqual(await act('all'), ['garden']);
});
