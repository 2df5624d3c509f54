// One client with the most directed presence, and one with many contacts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { harness } from '../support/module-harness.ts';

test('RFC 6121 §4.6.3: of 50,000 directed presences those within the bound are sent and remembered, the others are refused', async (t) => {
  const h = await harness(t);
  const peer = h.peer('verona.lit');
  const romeo = h.client('romeo@montague.lit/orchard');
  for (let n = 0; n < 50_000; n++) romeo.says(`<presence to='user${n}@verona.lit'/>`);
  const { directed } = romeo.state;
  const sent = peer.received.filter(({ name }) => name === 'presence').length;
  assert.equal(directed?.count, sent);
  assert.equal(sent, 1_000);
  assert.equal(romeo.inbox.filter(({ attrs }) => attrs.type === 'error').length, 50_000 - sent);
  romeo.close();
  const gone = peer.received.filter(({ attrs }) => attrs.type === 'unavailable').length;
  assert.equal(gone, sent, 'each recipient gets unavailable presence once');
});

test('RFC 6121 §4.4.2: each copy of a broadcast is a stanza that the client has caused', async (t) => {
  const h = await harness(t);
  await h.host.createUser('romeo', 'secret');
  const romeo = h.client('romeo@montague.lit/orchard');
  h.peer('verona.lit');
  for (let n = 0; n < 100; n++) {
    romeo.says(`<presence type='subscribed' to='user${n}@verona.lit'/>`);
    h.peer('verona.lit').says(
      `<presence type='subscribe' from='user${n}@verona.lit' to='romeo@montague.lit'/>`,
    );
  }
  h.clock.seconds(1);
  romeo.says('<presence/>');
  const before = h.server.router.dispatched;
  romeo.says('<presence><show>away</show></presence>');
  assert.equal(h.server.router.dispatched - before, 101, 'the contacts and the account itself');
});
