// A client binds a resource that another session of its account has (RFC 6120 §7.7.2.2).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xml } from '../../../src/xml/element.ts';
import { DOMAIN, startHarness } from './harness.ts';

const BALCONY = `juliet@${DOMAIN}/balcony`;

test('RFC 6120 §7.7.2.2: the new session has the address before the old one ends', async (t) => {
  const harness = await startHarness(t);
  const { sessions } = harness.host;
  await harness.bound('chamber');
  await harness.bound('balcony');
  const old = harness.session(BALCONY);
  const seen: string[] = [];
  for (const event of ['resource-ending', 'resource-unbind'] as const) {
    harness.hook(event, ({ session, successor }) => {
      assert.equal(session, old);
      assert.equal(sessions.get(BALCONY), successor);
      assert.deepEqual(
        sessions.of('juliet').map(({ jid }) => jid.resource),
        ['chamber', 'balcony'],
      );
      seen.push(event);
    });
  }
  await harness.bound('balcony');
  assert.deepEqual(seen, ['resource-ending', 'resource-unbind']);
  assert.notEqual(harness.session(BALCONY), old);
  assert.equal(sessions.size, 2);
});

test('stanzas to the address meanwhile follow the answer to the binding', async (t) => {
  const harness = await startHarness(t);
  await harness.bound('balcony');
  harness.hook('resource-ending', ({ session }) => {
    harness.host.sessions.get(session.jid)?.send(xml('message', { id: 'meanwhile' }));
  });
  const client = harness.connect();
  await client.login();
  assert.match(await client.bind('balcony'), /^<iq type='result' id='b1'>/);
  assert.equal(await client.roundTrip('end'), `<message id='meanwhile'/>`);
});

test('an old session that ends without a successor frees its address first', async (t) => {
  const harness = await startHarness(t);
  await harness.bound('balcony');
  const found: unknown[] = [];
  harness.hook('resource-ending', ({ session, successor }) => {
    found.push(harness.host.sessions.get(session.jid), successor);
  });
  harness.session(BALCONY).close();
  assert.deepEqual(found, [undefined, undefined]);
});
