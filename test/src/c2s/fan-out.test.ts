// What a client's stanzas cause counts for the rate of its account.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { xml } from '../../../src/xml/element.ts';
import { Jid } from '../../../src/xml/jid.ts';
import { settled } from '../../support/duplex.ts';
import { DOMAIN, type Harness, PASSWORD, startHarness } from './harness.ts';

/** With default limits: each message to `fan` causes this many stanzas. Returns the number of handled messages. */
async function fan(t: TestContext, caused: number): Promise<{ harness: Harness; handled: () => number }> {
  const harness = await startHarness(t, { config: '' });
  const addresses = Array.from({ length: caused }, (_, i) => Jid.parse(`contact${i}@${DOMAIN}`));
  let handled = 0;
  harness.hook('pre-message/bare', ({ stanza }) => {
    if (!stanza.attrs.to?.startsWith('fan@')) return undefined;
    handled++;
    harness.router.routeToAll(xml('presence', { from: DOMAIN }), addresses, harness.host.origin);
    return 'handled';
  });
  return { harness, handled: () => handled };
}

const messages = (count: number) => `<message to='fan@${DOMAIN}'/>`.repeat(count);

test('a stanza that causes 1,000 others counts 128 bytes for each beyond eight', async (t) => {
  const { harness, handled } = await fan(t, 1_000);
  const juliet = await harness.bound('balcony');
  juliet.send(messages(100));
  await settled(50);
  assert.equal(handled(), 33, 'the burst of 4 MiB, and the one that makes the debt');
  await harness.clock.advance(1_000);
  await settled(50);
  assert.equal(handled(), 41, '1 MiB more after a second');
});

test('stanzas that cause few others cost no more than their own size', async (t) => {
  const { harness, handled } = await fan(t, 8);
  const juliet = await harness.bound('balcony');
  juliet.send(messages(1_000));
  await settled(50);
  assert.equal(handled(), 1_000);
});

test('all sessions of the account pay, and others do not', async (t) => {
  const { harness, handled } = await fan(t, 40_000);
  await harness.host.createUser('romeo', PASSWORD);
  const juliet = await harness.bound('balcony');
  const chamber = await harness.bound('chamber');
  const romeo = await harness.bound('orchard', 'romeo');
  juliet.send(messages(1));
  await settled(50);
  chamber.send(messages(2));
  romeo.send(messages(1));
  await settled(50);
  assert.equal(handled(), 3);
});
