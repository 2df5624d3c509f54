import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from '../../support/duplex.ts';
import { network } from '../../support/network.ts';

test('a request reaches another server by dialback, and its answer arrives', async (t) => {
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

for (const modules of [
  ['message', 'dialback', 'smacks'],
  ['message', 'dialback', 'smacks', 's2s_bidi'],
]) {
  const names = modules.slice(2).join(' and ');
  test(`with ${names}: every message arrives once, in order, although streams break repeatedly`, async (t) => {
    const net = await network(t, {
      montague: `modules_enabled=${JSON.stringify(modules)}\n[hosts."montague.lit"]`,
      capulet: `modules_enabled=${JSON.stringify(modules)}\n[hosts."capulet.lit"]`,
    });
    const romeo = await net.client('romeo@montague.lit/orchard');
    const juliet = await net.client('juliet@capulet.lit/balcony');
    for (let i = 0; i < 60; i++) {
      romeo.send(`<message id='r${i}' to='juliet@capulet.lit/balcony'/>`);
      juliet.send(`<message id='j${i}' to='romeo@montague.lit/orchard'/>`);
      await settled(i % 7);
      if (i % 20 === 11) net.cut('montague.lit', 'capulet.lit');
    }
    for (let i = 0; i < 60; i++) {
      assert.equal((await juliet.next()).attrs.id, `r${i}`);
      assert.equal((await romeo.next()).attrs.id, `j${i}`);
    }
  });
}
