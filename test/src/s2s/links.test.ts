import { test } from 'node:test';
import { network } from '../../support/network.ts';

test('a request reaches another server by dialback, and its answer comes back', async (t) => {
  const net = await network(t, {
    montague: `modules_enabled=["ping","dialback"]\n[hosts."montague.lit"]`,
    capulet: `modules_enabled=["ping","dialback"]\n[hosts."capulet.lit"]`,
  });
  const romeo = await net.client('romeo@montague.lit/orchard');
  romeo.send(`<iq type='get' id='1' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await romeo.receives(`<iq type='result' id='1' from='capulet.lit' to='romeo@montague.lit/orchard'/>`);
  romeo.send(`<iq type='get' id='2' to='nowhere.lit'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await romeo.receives(
    `<iq type='error' id='2' from='nowhere.lit' to='romeo@montague.lit/orchard'><error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text></error></iq>`,
  );
});
