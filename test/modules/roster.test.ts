// Rosters of clients (RFC 6121 §2).

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ScriptedClient } from '../support/client.ts';
import {
  becomeAvailable,
  IM_MODULES,
  reloadModule,
  requestRoster,
  setRoster,
  settled,
} from '../support/contacts.ts';
import { startServer } from '../support/server.ts';

const CONFIG = `${IM_MODULES}\n[hosts."capulet.lit"]`;
const NS = 'jabber:iq:roster';

const juliet = async (t: TestContext, config = CONFIG) =>
  (await startServer(t, { config })).client('juliet@capulet.lit/balcony');

const set = (item: string, id = 'set') =>
  `<iq type='set' id='${id}'><query xmlns='${NS}'>${item}</query></iq>`;
const get = (ver?: string) =>
  `<iq type='get' id='get'><query xmlns='${NS}'${ver === undefined ? '' : ` ver='${ver}'`}/></iq>`;
const push = (item: string) =>
  `<iq type='set' to='{any}'><query xmlns='${NS}' ver='{any}'>${item}</query></iq>`;
const result = `<iq type='result' from='juliet@capulet.lit' to='juliet@capulet.lit/balcony'/>`;
const roster = (items: string) =>
  `<iq type='result' from='juliet@capulet.lit' to='juliet@capulet.lit/balcony'><query xmlns='${NS}' ver='{any}'>${items}</query></iq>`;
const refusal = (type: string, condition: string, text = true) =>
  `<iq type='error' from='{any}' to='{any}'><error type='${type}'>
     <${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
     ${text ? `<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text>` : ''}</error></iq>`;

async function refused(client: ScriptedClient, item: string, expected: string): Promise<void> {
  client.send(set(item));
  await client.receives(expected);
}

test('RFC 6121 §2.2: a new roster is empty', async (t) => {
  const client = await juliet(t);
  client.send(get());
  await client.receives(roster(''));
});

test('RFC 6121 §2.6.1, §3.4: roster versions and approval in advance are announced with binding', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  await server.account('juliet@capulet.lit');
  const client = server.connect();
  const before = await client.open('capulet.lit');
  assert.equal(before.getChild('ver', 'urn:xmpp:features:rosterver'), undefined);
  const token = Buffer.from('\0juliet\0secret').toString('base64');
  client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
  await client.next();
  const features = await client.open('capulet.lit');
  assert.ok(features.getChild('ver', 'urn:xmpp:features:rosterver'));
  assert.ok(features.getChild('sub', 'urn:xmpp:features:pre-approval'));
});

test('RFC 6121 §2.3.2: a new item is acknowledged, and pushed to all clients that have requested the roster', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const balcony = await server.client('juliet@capulet.lit/balcony');
  const chamber = await server.client('juliet@capulet.lit/chamber');
  await requestRoster(balcony);
  await requestRoster(chamber);
  balcony.send(set(`<item jid='Romeo@montague.lit' name='Romeo'><group>Friends</group></item>`));
  const item = `<item jid='romeo@montague.lit' name='Romeo' subscription='none'><group>Friends</group></item>`;
  await balcony.receivesInAnyOrder(push(item), result);
  await chamber.receives(push(item));
  balcony.send(get());
  await balcony.receives(roster(item));
});

test('RFC 6121 §2.2: a client that has not requested the roster gets no pushes, available or not', async (t) => {
  const client = await juliet(t);
  await becomeAvailable(client);
  client.send(set(`<item jid='romeo@montague.lit'/>`));
  await client.receives(result);
  await settled(client);
});

test('RFC 6121 §2.4.1: an item is updated exactly as provided', async (t) => {
  const client = await juliet(t);
  client.send(set(`<item jid='romeo@montague.lit' name='Romeo'><group>A</group><group>B</group></item>`));
  await client.receives(result);
  client.send(set(`<item jid='romeo@montague.lit'><group>C</group></item>`));
  await client.receives(result);
  client.send(get());
  await client.receives(roster(`<item jid='romeo@montague.lit' subscription='none'><group>C</group></item>`));
});

test('RFC 6121 §2.1.5: a client cannot set the state of a subscription', async (t) => {
  const client = await juliet(t);
  client.send(set(`<item jid='romeo@montague.lit' subscription='both' ask='subscribe' approved='true'/>`));
  await client.receives(result);
  client.send(get());
  await client.receives(roster(`<item jid='romeo@montague.lit' subscription='none'/>`));
});

test('RFC 6121 §2.4: updating an item keeps its subscription', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  await server.account('juliet@capulet.lit');
  await setRoster(server, 'juliet@capulet.lit', { 'romeo@montague.lit': 'from + out' });
  const client = await server.client('juliet@capulet.lit/balcony');
  await requestRoster(client);
  client.send(set(`<item jid='romeo@montague.lit' name='R'/>`));
  const item = `<item jid='romeo@montague.lit' name='R' subscription='from' ask='subscribe'/>`;
  await client.receivesInAnyOrder(push(item), result);
});

test('RFC 6121 §2.3.3: a set with no item, several items, no address or a duplicate group gets bad-request', async (t) => {
  const client = await juliet(t);
  await refused(client, '', refusal('modify', 'bad-request'));
  await refused(client, `<item jid='a@b'/><item jid='c@d'/>`, refusal('modify', 'bad-request'));
  await refused(client, `<item name='x'/>`, refusal('modify', 'bad-request'));
  await refused(client, `<item jid='a@b/c'/>`, refusal('modify', 'bad-request'));
  await refused(
    client,
    `<item jid='a@b'><group>G</group><group>G</group></item>`,
    refusal('modify', 'bad-request'),
  );
});

test('RFC 6121 §2.3.3: an empty group or a name beyond the limits gets not-acceptable', async (t) => {
  const client = await juliet(t);
  const long = (length: number) => 'x'.repeat(length);
  const groups = Array.from({ length: 33 }, (_, n) => `<group>${n}</group>`).join('');
  for (const item of [
    `<item jid='a@b'><group/></item>`,
    `<item jid='a@b'><group>${long(257)}</group></item>`,
    `<item jid='a@b' name='${long(1025)}'/>`,
    `<item jid='a@b'>${groups}</item>`,
  ]) {
    await refused(client, item, refusal('modify', 'not-acceptable'));
  }
});

test("RFC 6121 §2.1.5: another user's roster is forbidden, whether the account exists or not", async (t) => {
  const server = await startServer(t, { config: CONFIG });
  await server.account('romeo@capulet.lit');
  const client = await server.client('juliet@capulet.lit/balcony');
  for (const to of ['romeo@capulet.lit', 'nobody@capulet.lit']) {
    for (const type of ['get', 'set']) {
      client.send(`<iq type='${type}' id='1' to='${to}'><query xmlns='${NS}'><item jid='a@b'/></query></iq>`);
      await client.receives(refusal('auth', 'forbidden', false));
    }
  }
});

test('users cannot add themselves', async (t) => {
  const client = await juliet(t);
  await refused(client, `<item jid='juliet@capulet.lit'/>`, refusal('cancel', 'not-allowed', false));
});

test('a roster has at most roster_max_items items; removing one makes space', async (t) => {
  const client = await juliet(t, `roster_max_items = 2\n${CONFIG}`);
  for (const jid of ['a@b', 'c@d']) {
    client.send(set(`<item jid='${jid}'/>`));
    await client.receives(result);
  }
  await refused(client, `<item jid='e@f'/>`, refusal('cancel', 'resource-constraint'));
  client.send(set(`<item jid='a@b' name='changed'/>`));
  await client.receives(result);
  client.send(`<presence type='subscribe' to='e@f'/>`);
  await client.receives(`<presence type='error' from='e@f' to='{any}'><error type='cancel'>
    <resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
    <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text></error></presence>`);
  client.send(set(`<item jid='a@b' subscription='remove'/>`));
  await client.receives(result);
  client.send(set(`<item jid='e@f'/>`));
  await client.receives(result);
});

test('RFC 6121 §2.5.2: a removal is acknowledged and pushed', async (t) => {
  const client = await juliet(t);
  await requestRoster(client);
  client.send(set(`<item jid='a@b'/>`));
  await client.receivesInAnyOrder(push(`<item jid='a@b' subscription='none'/>`), result);
  client.send(set(`<item jid='a@b' subscription='remove'/>`));
  await client.receivesInAnyOrder(push(`<item jid='a@b' subscription='remove'/>`), result);
  client.send(get());
  await client.receives(roster(''));
});

test('RFC 6121 §2.5.3: removing an unknown item gets item-not-found', async (t) => {
  const client = await juliet(t);
  await refused(
    client,
    `<item jid='a@b' subscription='remove'/>`,
    refusal('cancel', 'item-not-found', false),
  );
});

test('RFC 6121 §2.6.3: for the present version the result is empty, and no pushes follow', async (t) => {
  const client = await juliet(t);
  client.send(set(`<item jid='a@b'/>`));
  await client.receives(result);
  client.send(get(''));
  const ver = (await client.next()).getChild('query', NS)?.attrs.ver;
  client.send(get(ver));
  await client.receives(result);
  await settled(client);
});

test('RFC 6121 §2.6.3: for an old version the result is empty, and pushes of the changes follow in order', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const editor = await server.client('juliet@capulet.lit/balcony');
  editor.send(set(`<item jid='start@b'/>`));
  await editor.receives(result);
  // With so many items the complete roster is larger than a few pushes.
  for (let n = 0; n < 20; n++) editor.send(set(`<item jid='contact-${n}@example.org'/>`));
  for (let n = 0; n < 20; n++) await editor.receives(result);
  editor.send(get(''));
  const ver = (await editor.next()).getChild('query', NS)?.attrs.ver;
  for (const item of [`<item jid='a@b'/>`, `<item jid='c@d'/>`, `<item jid='a@b' name='A'/>`]) {
    editor.send(set(item));
    await editor.skipUntil((element) => element.attrs.type === 'result');
  }
  editor.send(set(`<item jid='start@b' subscription='remove'/>`));
  await editor.skipUntil((element) => element.attrs.type === 'result');

  const client = await server.client('juliet@capulet.lit/chamber');
  client.send(get(ver));
  await client.receives(`<iq type='result' from='juliet@capulet.lit' to='juliet@capulet.lit/chamber'/>`);
  await client.receives(push(`<item jid='c@d' subscription='none'/>`));
  await client.receives(push(`<item jid='a@b' name='A' subscription='none'/>`));
  await client.receives(push(`<item jid='start@b' subscription='remove'/>`));
  editor.send(set(`<item jid='live@b'/>`));
  await client.receives(push(`<item jid='live@b' subscription='none'/>`));
});

test('RFC 6121 §2.6.3: every push has a later version than the one before', async (t) => {
  const client = await juliet(t);
  await requestRoster(client);
  const versions: number[] = [];
  for (const item of [
    `<item jid='a@b'/>`,
    `<item jid='a@b' name='x'/>`,
    `<item jid='a@b' subscription='remove'/>`,
  ]) {
    client.send(set(item));
    const pushed = await client.skipUntil((element) => element.attrs.type === 'set');
    versions.push(Number(pushed.getChild('query', NS)?.attrs.ver));
  }
  assert.ok(versions[0]! < versions[1]! && versions[1]! < versions[2]!, `${versions}`);
});

test('after a reload the module keeps the roster and the clients that have requested it', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const client = await server.client('juliet@capulet.lit/balcony');
  await requestRoster(client);
  await reloadModule(server, 'roster');
  client.send(set(`<item jid='a@b'/>`));
  await client.receivesInAnyOrder(push(`<item jid='a@b' subscription='none'/>`), result);
});
