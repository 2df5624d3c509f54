import { join } from 'node:path';
import { test } from 'node:test';
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
