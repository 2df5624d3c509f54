import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import {
  ADMIN,
  configured,
  enters,
  form,
  HALL,
  joined,
  OWNER,
  roomServer,
  roomWith,
  settled,
  USER,
  userOf,
} from './rooms.ts';

const ID = `<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>`;
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const ROOMCONFIG = 'http://jabber.org/protocol/muc#roomconfig';

/** The configuration form as the owner gets it: field → values. */
async function configOf(client: ScriptedClient): Promise<Record<string, string[]>> {
  client.send(`<iq type='get' id='form' to='${HALL}'><query xmlns='${OWNER}'/></iq>`);
  const answer = await client.skipUntil((element) => element.attrs.id === 'form');
  assert.equal(answer.attrs.type, 'result');
  const fields = answer.getChild('query', OWNER)!.getChild('x', 'jabber:x:data')!.getChildren('field');
  return Object.fromEntries(
    fields.map((field) => [field.attrs.var, field.getChildren('value').map((value) => value.text())]),
  );
}

async function refused(client: ScriptedClient, inside: string, condition: string): Promise<void> {
  client.send(`<iq type='set' id='no' to='${HALL}'><query xmlns='${OWNER}'>${inside}</query></iq>`);
  const answer: Element = await client.skipUntil((element) => element.attrs.id === 'no');
  assert.ok(answer.getChild('error')?.getChild(condition, STANZAS), `${condition} expected: ${answer}`);
}

const submit = (fields: Record<string, string | string[]>) => form({ FORM_TYPE: ROOMCONFIG, ...fields });

test('XEP-0045 §10.1.3, §10.2: the owner gets the form with the present values, in the room or not', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await joined(romeo, 'Romeo');
  assert.deepEqual(await configOf(romeo), {
    FORM_TYPE: [ROOMCONFIG],
    'muc#roomconfig_roomname': [],
    'muc#roomconfig_roomdesc': [],
    'muc#roomconfig_lang': [],
    'muc#roomconfig_persistentroom': ['0'],
    'muc#roomconfig_publicroom': ['1'],
    'muc#roomconfig_membersonly': ['0'],
    'muc#roomconfig_allowinvites': ['0'],
    'muc#roomconfig_moderatedroom': ['0'],
    'muc#roomconfig_passwordprotectedroom': ['0'],
    'muc#roomconfig_roomsecret': [],
    'muc#roomconfig_whois': ['moderators'],
    'muc#roomconfig_changesubject': ['0'],
    'muc#roomconfig_allowpm': ['anyone'],
    'muc#maxhistoryfetch': ['20'],
    'muc#roomconfig_maxusers': ['none'],
    'muc#roomconfig_roomowners': ['romeo@localhost'],
    'muc#roomconfig_roomadmins': [],
  });
  await configured(romeo, { 'muc#roomconfig_roomname': 'A Hall', 'muc#roomconfig_persistentroom': 'true' });
  romeo.send(`<presence to='${HALL}/Romeo' type='unavailable'/>`);
  const config = await configOf(romeo);
  assert.deepEqual(
    [config['muc#roomconfig_roomname'], config['muc#roomconfig_persistentroom']],
    [['A Hall'], ['1']],
  );
});

test('XEP-0045 §10.2: submitting an unchanged form changes nothing and sends no notice', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  const before = await configOf(romeo);
  await configured(romeo, before);
  assert.deepEqual(await configOf(romeo), before);
  await juliet.receivesNothing();
});

test('XEP-0045 §10.2: only owners get or submit the form', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  juliet.send(`<iq type='get' id='form' to='${HALL}'><query xmlns='${OWNER}'/></iq>`);
  assert.ok((await juliet.next()).getChild('error')?.getChild('forbidden', STANZAS));
  for (const inside of [submit({}), '<x xmlns="jabber:x:data" type="cancel"/>', '<destroy/>']) {
    await refused(juliet, inside, 'forbidden');
  }
  await romeo.receivesNothing();
});

test('XEP-0045 §10.1.3: an invalid value gets not-acceptable, and changes nothing', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  const before = await configOf(romeo);
  for (const wrong of [
    { 'muc#roomconfig_passwordprotectedroom': '1', 'muc#roomconfig_roomsecret': '' },
    { 'muc#roomconfig_roomname': 'new', 'muc#roomconfig_persistentroom': 'perhaps' },
    { 'muc#roomconfig_roomname': 'x'.repeat(1000) },
    { 'muc#roomconfig_whois': 'nobody' },
    { 'muc#maxhistoryfetch': '1000000' },
    { 'muc#roomconfig_maxusers': '0' },
    { 'muc#roomconfig_roomadmins': 'not an address' },
  ]) {
    await refused(romeo, submit(wrong), 'not-acceptable');
  }
  await refused(romeo, form({ FORM_TYPE: 'something else' }), 'bad-request');
  await refused(romeo, '', 'bad-request');
  assert.deepEqual(await configOf(romeo), before);
});

test('XEP-0045 §10.1.2: an empty form unlocks the room with the default configuration', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await joined(romeo, 'Romeo');
  romeo.send(
    `<iq type='set' id='c' to='${HALL}'><query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
  );
  await romeo.receives(`<iq type='result' id='c' from='${HALL}' to='${romeo.jid}'/>`);
  await joined(juliet, 'Juliet');
});

test('XEP-0045 §10.1.3: cancelling the first configuration destroys the room; cancelling a later one does not', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const cancel = `<iq type='set' id='c' to='${HALL}'><query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='cancel'/></query></iq>`;
  await joined(romeo, 'Romeo');
  romeo.send(cancel);
  await romeo.receives(`
    <presence type='unavailable' from='${HALL}/Romeo' to='${romeo.jid}'>
      <x xmlns='${USER}'><item affiliation='none' role='none'/><destroy/><status code='110'/></x>${ID}
    </presence>`);
  await romeo.receives(`<iq type='result' id='c' from='${HALL}' to='${romeo.jid}'/>`);
  await roomWith(romeo, 'Romeo');
  romeo.send(cancel);
  await romeo.receives(`<iq type='result' id='c' from='${HALL}' to='${romeo.jid}'/>`);
  await romeo.receivesNothing();
});

test('XEP-0045 §10.1.1: a room that is never configured is removed after muc_room_lock_timeout', async (t) => {
  const clock = new FakeClock();
  const server = await roomServer(t, 'muc_room_lock_timeout = "5 minutes"', { clock });
  const romeo = await server.client('romeo@localhost/orchard');
  await joined(romeo, 'Romeo');
  await clock.advance(4 * 60_000);
  await romeo.receivesNothing();
  await clock.advance(60_000);
  const gone = await romeo.next();
  assert.equal(gone.attrs.type, 'unavailable');
  assert.ok(gone.getChild('x', USER)?.getChild('destroy'));
});

test('XEP-0045 §10.2.1: status codes notify occupants of a new configuration', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  const notice = (code: string) =>
    `<message type='groupchat' from='${HALL}' to='${juliet.jid}'><x xmlns='${USER}'><status code='${code}'/></x></message>`;
  await configured(romeo, { 'muc#roomconfig_whois': 'anyone' });
  await juliet.receives(notice('172'));
  await configured(romeo, { 'muc#roomconfig_whois': 'moderators', 'muc#roomconfig_roomname': 'Hall' });
  await juliet.receivesInAnyOrder(notice('173'), notice('104'));
  await juliet.receivesNothing();
});

test('XEP-0045 §10.2: a room that becomes members-only removes other occupants with 322', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  await configured(romeo, { 'muc#roomconfig_membersonly': '1' });
  await juliet.skipUntil(`
    <presence type='unavailable' from='${HALL}/Juliet' to='${juliet.jid}'>
      <x xmlns='${USER}'>
        <item affiliation='none' role='none' jid='${juliet.jid}'/><status code='110'/><status code='322'/>
      </x>${ID}
    </presence>`);
});

test('XEP-0045 §10.2: submitted lists of owners and admins are complete, and all occupants are notified of changes', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  const nurse = await server.client('nurse@localhost/house');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  await joined(nurse, 'Nurse');
  await settled(juliet);
  const seen = async () => {
    const news = await nurse.next();
    return [news.attrs.from, userOf(news).affiliation, userOf(news).role];
  };
  await configured(romeo, { 'muc#roomconfig_roomadmins': ['juliet@localhost'] });
  assert.deepEqual(await seen(), [`${HALL}/Juliet`, 'admin', 'moderator']);
  await configured(romeo, { 'muc#roomconfig_roomowners': ['romeo@localhost', 'juliet@localhost'] });
  assert.deepEqual(await seen(), [`${HALL}/Juliet`, 'owner', 'moderator']);
  await configured(romeo, { 'muc#roomconfig_roomowners': ['romeo@localhost'] });
  assert.deepEqual(await seen(), [`${HALL}/Juliet`, 'admin', 'moderator']);
  await configured(romeo, { 'muc#roomconfig_roomadmins': [] });
  assert.deepEqual(await seen(), [`${HALL}/Juliet`, 'none', 'participant']);
});

test('XEP-0045 §10.2: refuses a list without owners', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  await refused(romeo, submit({ 'muc#roomconfig_roomowners': [] }), 'conflict');
  await refused(romeo, submit({ 'muc#roomconfig_roomowners': [''] }), 'conflict');
});

test('XEP-0045 §10.9: destroying a room notifies each occupant once, with venue and reason', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_persistentroom': '1' });
  await joined(juliet, 'Juliet');
  await settled(romeo);
  romeo.send(`
    <iq type='set' id='d' to='${HALL}'>
      <query xmlns='${OWNER}'><destroy jid='vault@rooms.localhost'><password>open</password><reason>plague</reason></destroy></query>
    </iq>`);
  for (const [client, nick] of [
    [romeo, 'Romeo'],
    [juliet, 'Juliet'],
  ] as const) {
    await client.receives(`
      <presence type='unavailable' from='${HALL}/${nick}' to='${client.jid}'>
        <x xmlns='${USER}'>
          <item affiliation='none' role='none'/>
          <destroy jid='vault@rooms.localhost'><password>open</password><reason>plague</reason></destroy>
          <status code='110'/>
        </x>${ID}
      </presence>`);
  }
  await romeo.receives(`<iq type='result' id='d' from='${HALL}' to='${romeo.jid}'/>`);
  await juliet.receivesNothing();
  enters(juliet, 'Juliet');
  assert.deepEqual(userOf(await juliet.next()).codes, ['110', '201'], 'the name is free again');
});

test('an empty room that becomes temporary is removed', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_persistentroom': '1' });
  romeo.send(`<presence to='${HALL}/Romeo' type='unavailable'/>`);
  await romeo.next();
  await configured(romeo, { 'muc#roomconfig_persistentroom': '0' });
  romeo.send(
    `<iq type='get' id='x' to='${HALL}'><query xmlns='${ADMIN}'><item affiliation='owner'/></query></iq>`,
  );
  assert.ok((await romeo.next()).getChild('error')?.getChild('item-not-found', STANZAS));
});

test('the lists of owners and admins in a form are bounded', async (t) => {
  const server = await roomServer(t, 'muc_max_affiliations = 3');
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  const admins = ['a@x.test', 'b@x.test', 'c@x.test', 'd@x.test'];
  const asks = async (count: number) => {
    const fields = { 'muc#roomconfig_roomadmins': admins.slice(0, count) };
    romeo.send(`<iq type='set' id='f' to='${HALL}'><query xmlns='${OWNER}'>${form(fields)}</query></iq>`);
    return String(await romeo.skipUntil(({ attrs }) => attrs.id === 'f'));
  };
  assert.match(await asks(4), /<resource-constraint/);
  assert.match(await asks(2), /type='result'/);
});
