import assert from 'node:assert/strict';
import { test } from 'node:test';
import { network } from '../../support/network.ts';

const CONFIG = {
  montague: `[hosts."montague.lit"]`,
  capulet: `[hosts."capulet.lit"]`,
};

test('`metrics` shows sessions, links and stanzas', async (t) => {
  const net = await network(t, CONFIG);
  const romeo = await net.client('romeo@montague.lit/orchard');
  const juliet = await net.client('juliet@capulet.lit/balcony');
  romeo.send(`<message to='juliet@capulet.lit/balcony' type='chat'><body>Hist</body></message>`);
  await juliet.receives(`
    <message from='romeo@montague.lit/orchard' to='juliet@capulet.lit/balcony' type='chat'>
      <body>Hist</body><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.lit' id='{any}'/>
    </message>`);
  const { text = '', data } = await net
    .of('montague.lit')
    .server.commands.run('metrics', {}, { by: 'a test' });
  assert.match(text, /^enjamb_c2s_sessions\{host="montague.lit",state="connected"\} 1$/m);
  assert.match(text, /^enjamb_stanzas_routed_total\{kind="message",to="elsewhere"\} 1$/m);
  assert.match(text, /^enjamb_s2s_links\{direction="out",state="open"\} 1$/m);
  assert.match(text, /^enjamb_connections_delayed_total 0$/m);
  assert.ok(text.endsWith('# EOF'));
  assert.ok(Array.isArray(data) && data.length > 5);
});
