// Service discovery of the domain and of accounts (XEP-0030).

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { buildForm, readForm } from 'enjamb/xep';
import { NS } from '../../src/xml/namespaces.ts';
import type { ScriptedClient } from '../support/client.ts';
import { becomeAvailable, reloadModule, setRoster } from '../support/contacts.ts';
import { startServer, type TestServer } from '../support/server.ts';

const CONFIG = `
modules_enabled = ["roster", "presence", "disco"]
[hosts."capulet.lit"]
[hosts."montague.lit"]
[hosts."rooms.capulet.lit"]
component = "muc"
modules_enabled = ["disco"]
`;
const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const JULIET = 'juliet@capulet.lit';
const ROMEO = 'romeo@montague.lit/orchard';

const ask = (to: string, xmlns: string, node = '') =>
  `<iq type='get' id='ask'${to === '' ? '' : ` to='${to}'`}><query xmlns='${xmlns}'${node}/></iq>`;
const result = (from: string, to: string, xmlns: string, content: string, node = '') =>
  `<iq type='result' from='${from}' to='${to}'><query xmlns='${xmlns}'${node}>${content}</query></iq>`;
const error = (from: string, to: string, condition: string) =>
  `<iq type='error' from='${from}' to='${to}'><error type='cancel'><${condition} xmlns='${STANZAS}'/></error></iq>`;
const features = `<feature var='${INFO}'/><feature var='${ITEMS}'/>`;
const account = `<identity category='account' type='registered'/>${features}`;

async function romeoAndServer(t: TestContext): Promise<[ScriptedClient, TestServer]> {
  const server = await startServer(t, { config: CONFIG });
  await server.account(JULIET);
  return [await server.client(ROMEO), server];
}

test('XEP-0030 §3.1: the domain returns its identities and features, each once and in order', async (t) => {
  const [romeo] = await romeoAndServer(t);
  romeo.send(ask('capulet.lit', INFO));
  const identity = `<identity category='server' type='im' name='enjamb'/>`;
  await romeo.receives(result('capulet.lit', ROMEO, INFO, `${identity}${features}`));
});

test('XEP-0030 §4.1: a domain without services returns an empty list', async (t) => {
  const [romeo] = await romeoAndServer(t);
  romeo.send(ask('montague.lit', ITEMS));
  await romeo.receives(result('montague.lit', ROMEO, ITEMS, ''));
});

test('XEP-0030 §4.1: a domain lists the services below it', async (t) => {
  const [romeo] = await romeoAndServer(t);
  romeo.send(ask('capulet.lit', ITEMS));
  await romeo.receives(result('capulet.lit', ROMEO, ITEMS, `<item jid='rooms.capulet.lit'/>`));
});

test('XEP-0030 §3.2, §7: an unknown node gets item-not-found', async (t) => {
  const [romeo] = await romeoAndServer(t);
  for (const xmlns of [INFO, ITEMS]) {
    romeo.send(ask('capulet.lit', xmlns, ` node='urn:example:unknown'`));
    await romeo.receives(error('capulet.lit', ROMEO, 'item-not-found'));
  }
});

test('XEP-0030 §3.2, §4.2: modules answer for their nodes; the answer names the node', async (t) => {
  const [romeo, server] = await romeoAndServer(t);
  const { hooks } = server.server.router.hosts.get('capulet.lit')!;
  const node = ` node='urn:example:a'`;
  hooks.add('disco-items-node', ({ node }) => [{ jid: 'capulet.lit', node, name: 'A' }], 'deliver', 'test');
  romeo.send(ask('capulet.lit', ITEMS, node));
  const item = `<item jid='capulet.lit' node='urn:example:a' name='A'/>`;
  await romeo.receives(result('capulet.lit', ROMEO, ITEMS, item, node));
  hooks.add('disco-info-node', () => [], 'deliver', 'test');
  romeo.send(ask('capulet.lit', INFO, node));
  await romeo.receives(result('capulet.lit', ROMEO, INFO, '', node));
});

test('XEP-0030 §3.1: users get the features of their own account', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const juliet = await server.client(`${JULIET}/balcony`);
  for (const to of ['', JULIET]) {
    juliet.send(ask(to, INFO));
    await juliet.receives(result(JULIET, `${JULIET}/balcony`, INFO, account));
  }
});

test("XEP-0030 §8: another user's account gets service-unavailable, whether it exists or not", async (t) => {
  const [romeo, server] = await romeoAndServer(t);
  await setRoster(server, JULIET, { 'romeo@montague.lit': 'to' });
  for (const to of [JULIET, 'nobody@capulet.lit']) {
    for (const node of ['', ` node='urn:example:unknown'`]) {
      romeo.send(ask(to, INFO, node));
      await romeo.receives(error(to, ROMEO, 'service-unavailable'));
    }
  }
});

test('XEP-0030 §8: its list of items is empty, whether it exists or not', async (t) => {
  const [romeo, server] = await romeoAndServer(t);
  const juliet = await server.client(`${JULIET}/balcony`);
  await becomeAvailable(juliet);
  for (const to of [JULIET, 'nobody@capulet.lit']) {
    for (const node of ['', ` node='urn:example:unknown'`]) {
      romeo.send(ask(to, ITEMS, node));
      await romeo.receives(result(to, ROMEO, ITEMS, '', node));
    }
  }
});

test("XEP-0030 §8: a user who may see an account's presence gets its features and its available clients", async (t) => {
  const [romeo, server] = await romeoAndServer(t);
  await setRoster(server, JULIET, { 'romeo@montague.lit': 'from' });
  const juliet = await server.client(`${JULIET}/balcony`);
  await server.client(`${JULIET}/silent`);
  await becomeAvailable(juliet);
  romeo.send(ask(JULIET, INFO));
  await romeo.receives(result(JULIET, ROMEO, INFO, account));
  romeo.send(ask(JULIET, ITEMS));
  await romeo.receives(result(JULIET, ROMEO, ITEMS, `<item jid='${JULIET}/balcony'/>`));
  romeo.send(ask(JULIET, INFO, ` node='urn:example:unknown'`));
  await romeo.receives(error(JULIET, ROMEO, 'item-not-found'));
});

test('a component answers for its domain with the items of its own modules', async (t) => {
  const [romeo] = await romeoAndServer(t);
  romeo.send(ask('rooms.capulet.lit', INFO));
  const query = (await romeo.next()).getChild('query', INFO)!;
  const said = query.elements().map(({ attrs }) => attrs.var ?? `${attrs.category}/${attrs.type}`);
  assert.ok(said.includes('conference/text') && !said.includes('server/im'), `${said}`);
  assert.ok(said.includes(INFO) && said.includes(ITEMS), `${said}`);
});

test('after a reload the module returns the same', async (t) => {
  const [romeo, server] = await romeoAndServer(t);
  await reloadModule(server, 'disco');
  romeo.send(ask('capulet.lit', INFO));
  const identity = `<identity category='server' type='im' name='enjamb'/>`;
  await romeo.receives(result('capulet.lit', ROMEO, INFO, `${identity}${features}`));
});

test('XEP-0128 §2: returns the forms of modules, and the one that some clients read alone first', async (t) => {
  const server = await startServer(t, { config: '[hosts."localhost"]\nmodules_enabled = ["disco"]' });
  const { items } = server.server.router.hosts.get('localhost')!;
  const form = (type: string) => buildForm({ type: 'result', formType: type, fields: [] });
  items.add('disco-form', { form: form('urn:a') });
  items.add('disco-form', { form: form('urn:b'), first: true });
  items.add('disco-form', { form: form('urn:c') });
  const romeo = await server.client('romeo@localhost/orchard');
  for (const id of ['1', '2']) {
    romeo.send(`<iq type='get' id='${id}' to='localhost'><query xmlns='${NS.DISCO_INFO}'/></iq>`);
    const query = (await romeo.next()).getChild('query', NS.DISCO_INFO)!;
    const types = query.getChildren('x', NS.DATA_FORMS).map((x) => readForm(x).get('FORM_TYPE')?.[0]);
    assert.deepEqual(types, ['urn:b', 'urn:a', 'urn:c']);
  }
});
