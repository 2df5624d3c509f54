// Elements that modules build with @xmpp/xml and ltx are taken wherever a module passes one on.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { NS } from '../../src/xml/namespaces.ts';
import { assertXml } from '../support/match.ts';
import { startServer } from '../support/server.ts';

const PLUGINS = join(import.meta.dirname, 'plugins');

test('modules may send and return elements of @xmpp/xml and ltx, also asynchronously', async (t) => {
  const config = `[hosts."localhost"]\nmodules_enabled = ["message", "xmppjs"]`;
  const server = await startServer(t, { config, plugins: PLUGINS });
  const romeo = await server.client('romeo@localhost/orchard');
  romeo.send(`<iq type='get' id='1' to='localhost'><q xmlns='urn:xmppjs'/></iq>`);
  assertXml(await romeo.next(), `<message from='localhost' to='${romeo.jid}'><body>sent</body></message>`);
  assertXml(await romeo.next(), `<message from='localhost'/>`);
  assertXml(
    await romeo.next(),
    `<iq type='result' id='1' from='localhost' to='${romeo.jid}'><a xmlns='urn:xmppjs'><b n='1'/></a></iq>`,
  );
  romeo.send(`<iq type='get' id='2' to='localhost'><later xmlns='urn:xmppjs'/></iq>`);
  const asked = await romeo.next();
  assertXml(
    asked,
    `<iq type='get' id='{any}' from='localhost' to='${romeo.jid}'><ask xmlns='urn:xmppjs'/></iq>`,
  );
  romeo.send(`<iq type='result' id='${asked.attrs.id}' to='localhost'><me xmlns='urn:me'/></iq>`);
  assertXml(
    await romeo.next(),
    `<iq type='result' id='2' from='localhost' to='${romeo.jid}'><told xmlns='urn:xmppjs'><me xmlns='urn:me'/></told></iq>`,
  );
});

test('what modules provide, and the answers of their handlers, may be elements of @xmpp/xml and ltx', async (t) => {
  const config = `[hosts."localhost"]\nmodules_enabled = ["disco", "xmppjs"]`;
  const server = await startServer(t, { config, plugins: PLUGINS });
  const romeo = await server.client('romeo@localhost/orchard');
  const info = async (node: string): Promise<string> => {
    romeo.send(`<iq type='get' id='1' to='localhost'><query xmlns='${NS.DISCO_INFO}'${node}/></iq>`);
    return `${(await romeo.next()).getChild('query', NS.DISCO_INFO)}`;
  };
  for (const _ of ['once', 'again'])
    assert.match(await info(''), /<x xmlns='jabber:x:data' type='result'\/>/);
  assert.match(await info(` node='urn:xmppjs'`), /<identity category='x' type='y'\/>/);
});

test('sendToAll, askIq, conditions of errors and the API of rooms take elements of @xmpp/xml and ltx', async (t) => {
  const config = `
    [hosts."localhost"]
    modules_enabled = ["message", "presence"]
    [hosts."rooms.localhost"]
    component = "muc"
    modules_enabled = ["xmppjs"]`;
  const server = await startServer(t, { config, plugins: PLUGINS });
  const romeo = await server.client('romeo@localhost/orchard');
  romeo.send(`<presence to='hall@rooms.localhost/Romeo'><x xmlns='${NS.MUC}'/></presence>`);
  const own = await romeo.skipUntil(({ name }) => name === 'presence');
  assert.equal(own.getChild('hat', 'urn:xmppjs')?.attrs.of, 'Romeo');
  romeo.send(`<iq type='set' id='1' to='rooms.localhost'><all xmlns='urn:xmppjs'/></iq>`);
  const message = `<message from='rooms.localhost' id='all' to='${romeo.jid}'/>`;
  assertXml(await romeo.skipUntil(({ attrs }) => attrs.id === 'all'), message);
  assertXml(await romeo.next(), message);
  const asked = await romeo.next();
  assert.ok(asked.getChild('ask', 'urn:xmppjs'));
  assert.equal((await romeo.next()).getChildText('body'), 'said');
  const refused = (await romeo.next()).getChild('error');
  assert.ok(refused?.getChild('app', 'urn:xmppjs'));
  romeo.send(`<iq type='result' id='${asked.attrs.id}' to='rooms.localhost'/>`);
});
