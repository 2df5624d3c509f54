import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Listing } from '../../../modules/muc/engine/listing.ts';
import type { Room } from '../../../modules/muc/model/room.ts';
import type { Element } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { randomFrom } from '../../support/random.ts';
import { configured, enters, HALL, joined, OWNER, roomServer, roomWith, settled } from './rooms.ts';

const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';
const RSM = 'http://jabber.org/protocol/rsm';

async function asks(
  client: ScriptedClient,
  to: string,
  xmlns: string,
  inside = '',
  node = '',
): Promise<Element> {
  client.send(`<iq type='get' id='q' to='${to}'><query xmlns='${xmlns}' ${node}>${inside}</query></iq>`);
  return client.skipUntil((element) => element.attrs.id === 'q');
}
const query = (answer: Element, xmlns: string) => answer.getChild('query', xmlns)!;
const featuresOf = (answer: Element) =>
  query(answer, INFO)
    .getChildren('feature')
    .map(({ attrs }) => attrs.var ?? '');
const itemsOf = (answer: Element) =>
  query(answer, ITEMS)
    .getChildren('item')
    .map(({ attrs }) => [attrs.jid, attrs.name]);
const conditionOf = (answer: Element) => answer.getChild('error')?.elements()[0]?.name;

test('XEP-0045 §6.2: the service returns its identity and features', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const answer = await asks(romeo, 'rooms.localhost', INFO);
  assert.deepEqual(query(answer, INFO).getChild('identity')?.attrs, {
    category: 'conference',
    type: 'text',
    name: 'Chatrooms',
  });
  const features = featuresOf(answer);
  for (const feature of [
    'http://jabber.org/protocol/muc',
    'http://jabber.org/protocol/muc#stable_id',
    'urn:xmpp:occupant-id:0',
  ]) {
    assert.ok(features.includes(feature), feature);
  }
  assert.equal(new Set(features).size, features.length, 'each once');
});

test('XEP-0045 §6.3: the service lists public rooms with their names, and omits hidden and locked ones', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_roomname': 'A Hall' });
  await joined(romeo, 'Romeo', '', 'locked@rooms.localhost');
  assert.deepEqual(itemsOf(await asks(romeo, 'rooms.localhost', ITEMS)), [[HALL, 'A Hall']]);
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_publicroom': '0' });
  assert.deepEqual(itemsOf(await asks(romeo, 'rooms.localhost', ITEMS)), []);
});

test('XEP-0045 §6.3, XEP-0059 §2.2: the list of rooms is paged', async (t) => {
  const server = await roomServer(t, 'muc_room_locking = false');
  const romeo = await server.client('romeo@localhost/orchard');
  for (const name of ['a', 'b', 'c']) await joined(romeo, 'Romeo', '', `${name}@rooms.localhost`);
  const page = (inside: string) =>
    asks(romeo, 'rooms.localhost', ITEMS, `<set xmlns='${RSM}'>${inside}</set>`);
  const jids = (answer: Element) => itemsOf(answer).map(([jid]) => jid);
  const first = await page('<max>2</max>');
  assert.deepEqual(jids(first), ['a@rooms.localhost', 'b@rooms.localhost']);
  const set = query(first, ITEMS).getChild('set', RSM)!;
  assert.deepEqual(
    ['first', 'last', 'count'].map((name) => set.getChildText(name)),
    ['a@rooms.localhost', 'b@rooms.localhost', '3'],
  );
  assert.deepEqual(jids(await page('<max>2</max><after>b@rooms.localhost</after>')), ['c@rooms.localhost']);
  assert.deepEqual(jids(await page('<after>c@rooms.localhost</after>')), []);
  const none = query(await page('<max>0</max>'), ITEMS);
  assert.deepEqual(none.getChildren('item'), []);
  assert.equal(none.getChild('set', RSM)?.getChildText('count'), '3');
});

test('XEP-0059 §2.2: a page has at most 500 rooms, whatever the request', async (t) => {
  const server = await roomServer(t, 'muc_room_locking = false\nmuc_max_rooms_per_user = 1000');
  const romeo = await server.client('romeo@localhost/orchard');
  for (let n = 0; n < 501; n++) enters(romeo, 'Romeo', '<history maxchars="0"/>', `hall${n}@rooms.localhost`);
  await settled(romeo);
  for (const inside of ['', `<set xmlns='${RSM}'><max>100000</max></set>`]) {
    const answer = query(await asks(romeo, 'rooms.localhost', ITEMS, inside), ITEMS);
    assert.equal(answer.getChildren('item').length, 500);
    assert.equal(answer.getChild('set', RSM)?.getChildText('count'), '501');
  }
});

test('XEP-0045 §6.3: the list changes when rooms are created, destroyed, hidden and shown', async (t) => {
  const server = await roomServer(t, 'muc_room_locking = false\nmuc_room_default_persistent = true');
  const romeo = await server.client('romeo@localhost/orchard');
  const listed = async (inside = '') => {
    const answer = await asks(romeo, 'rooms.localhost', ITEMS, `<set xmlns='${RSM}'>${inside}</set>`);
    return itemsOf(answer).map(([jid]) => jid?.split('@')[0]);
  };
  for (const name of ['hall', 'c', 'a']) await joined(romeo, 'Romeo', '', `${name}@rooms.localhost`);
  assert.deepEqual(await listed(), ['a', 'c', 'hall']);
  await configured(romeo, { 'muc#roomconfig_publicroom': '0' });
  assert.deepEqual(await listed(), ['a', 'c']);
  await server.server.commands.run('module reload', { name: 'muc' }, { by: 'test' });
  assert.deepEqual(await listed(), ['a', 'c']);
  await configured(romeo, { 'muc#roomconfig_publicroom': '1' });
  romeo.send(`<iq type='set' id='d' to='a@rooms.localhost'><query xmlns='${OWNER}'><destroy/></query></iq>`);
  await romeo.skipUntil((element) => element.attrs.id === 'd');
  assert.deepEqual(await listed(), ['c', 'hall']);
  // XEP-0059 §2.2: a page may start after a room that no longer exists.
  assert.deepEqual(await listed('<after>b@rooms.localhost</after>'), ['c', 'hall']);
});

test('the list equals the sorted set of all rooms after any changes', () => {
  const listing = new Listing();
  const shown = new Map<string, Room>();
  const random = randomFrom(1);
  for (let step = 0; step < 3_000; step++) {
    const room = roomNamed(Math.floor(random() * 200));
    const isShown = random() < 0.6;
    listing.update(room, isShown);
    if (isShown) shown.set(room.jid, room);
    else shown.delete(room.jid);
    const all = [...shown.values()].sort((a, b) => (a.jid < b.jid ? -1 : 1));
    const after = random() < 0.2 ? undefined : roomNamed(Math.floor(random() * 200)).jid;
    const start = after === undefined ? 0 : all.filter(({ jid }) => jid <= after).length;
    assert.equal(listing.size, all.length);
    assert.deepEqual(listing.page(after, 7), { rooms: all.slice(start, start + 7), start });
  }
});

function roomNamed(n: number): Room {
  return { jid: `room${n}@rooms.localhost` } as Room;
}

test('XEP-0045 §6.4: a room returns its types and features', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_roomdesc': 'Where one dances' });
  const answer = await asks(juliet, HALL, INFO);
  const features = featuresOf(answer);
  for (const feature of [
    'http://jabber.org/protocol/muc',
    'http://jabber.org/protocol/muc#stable_id',
    'http://jabber.org/protocol/muc#self-ping-optimization',
    'urn:xmpp:occupant-id:0',
    'muc_public',
    'muc_temporary',
    'muc_open',
    'muc_unmoderated',
    'muc_unsecured',
    'muc_semianonymous',
  ]) {
    assert.ok(features.includes(feature), feature);
  }
  assert.equal(query(answer, INFO).getChild('identity')?.attrs.name, 'hall');
  const fields = query(answer, INFO).getChild('x', 'jabber:x:data')!.getChildren('field');
  const info = Object.fromEntries(fields.map((field) => [field.attrs.var, field.getChildText('value')]));
  assert.equal(info.FORM_TYPE, 'http://jabber.org/protocol/muc#roominfo');
  assert.equal(info['muc#roominfo_description'], 'Where one dances');
  assert.equal(info['muc#roominfo_occupants'], '1');

  await roomWith(romeo, 'Romeo', {
    'muc#roomconfig_publicroom': '0',
    'muc#roomconfig_persistentroom': '1',
    'muc#roomconfig_membersonly': '1',
    'muc#roomconfig_moderatedroom': '1',
    'muc#roomconfig_passwordprotectedroom': '1',
    'muc#roomconfig_roomsecret': 'x',
    'muc#roomconfig_whois': 'anyone',
  });
  const closed = featuresOf(await asks(juliet, HALL, INFO)).filter((feature) => feature.startsWith('muc_'));
  assert.deepEqual(closed, [
    'muc_hidden',
    'muc_persistent',
    'muc_membersonly',
    'muc_moderated',
    'muc_passwordprotected',
    'muc_nonanonymous',
  ]);
});

test('XEP-0045 §6.5: only occupants may list the occupants', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  assert.deepEqual(itemsOf(await asks(romeo, HALL, ITEMS)), [[`${HALL}/Romeo`, undefined]]);
  assert.deepEqual(itemsOf(await asks(juliet, HALL, ITEMS)), []);
});

test('XEP-0045 §6.5: with muc_public_occupants every user may list the occupants of a public, open room', async (t) => {
  const server = await roomServer(t, 'muc_public_occupants = true');
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  assert.deepEqual(itemsOf(await asks(juliet, HALL, ITEMS)), [[`${HALL}/Romeo`, undefined]]);
  for (const field of ['membersonly', 'passwordprotectedroom']) {
    await configured(romeo, { [`muc#roomconfig_${field}`]: '1', 'muc#roomconfig_roomsecret': 'x' });
    assert.deepEqual(itemsOf(await asks(juliet, HALL, ITEMS)), []);
    await configured(romeo, { [`muc#roomconfig_${field}`]: '0' });
  }
  await configured(romeo, { 'muc#roomconfig_publicroom': '0' });
  assert.deepEqual(itemsOf(await asks(juliet, HALL, ITEMS)), []);
});

test('rooms that do not exist or are locked get item-not-found', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  assert.equal(conditionOf(await asks(juliet, HALL, INFO)), 'item-not-found');
  await joined(romeo, 'Romeo');
  assert.equal(conditionOf(await asks(juliet, HALL, INFO)), 'item-not-found');
  assert.equal((await asks(romeo, HALL, INFO)).attrs.type, 'result');
});

test('XEP-0045 §18.1.1: a room that removes no namespaces answers #traffic with service-unavailable', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  const traffic = await asks(romeo, HALL, INFO, '', `node='http://jabber.org/protocol/muc#traffic'`);
  assert.equal(conditionOf(traffic), 'service-unavailable');
  assert.equal(conditionOf(await asks(romeo, HALL, INFO, '', `node='nonsense'`)), 'item-not-found');
});
