// Clients on a transport other than TCP: one element in each frame, without STARTTLS and channel binding.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CommandRegistry } from '../../../src/admin/commands.ts';
import { defineModule } from '../../../src/api/module.ts';
import { streams } from '../../../src/api/stream.ts';
import { clientDoor } from '../../../src/c2s/index.ts';
import { ModuleInstance } from '../../../src/core/module-instance.ts';
import type { ServerTls } from '../../../src/net/tls.ts';
import { MetricRegistry } from '../../../src/util/metrics.ts';
import { framedPair } from '../../support/framed.ts';
import { FRAMED } from '../../support/frames.ts';
import {
  Client,
  DOMAIN,
  type Harness,
  type HarnessOptions,
  PASSWORD,
  plain,
  startHarness,
} from './harness.ts';

const TLS = { available: true } as ServerTls;

/** A module that brings clients on a transport of its own. */
function moduleOf({ clock, host, router }: Harness): ModuleInstance {
  const definition = defineModule({ name: 'frames', summary: 'Clients in frames', load() {} });
  const shared = { commands: new CommandRegistry(), metrics: new MetricRegistry(), kept: new Map() };
  return new ModuleInstance(definition, host, { ...shared, clock, router, use: () => undefined });
}

async function start(t: TestContext, secure: boolean, options: HarnessOptions = {}) {
  const harness = await startHarness(t, { allowPlain: false, tls: TLS, ...options });
  const { transport, peer } = framedPair({ clock: harness.clock, secure });
  harness.router.clients = clientDoor(harness.context);
  const door = streams(moduleOf(harness));
  door.acceptClient(door.clientStream(transport, FRAMED));
  return { harness, client: new Client(peer) };
}

test('a transport that is secure has passwords, and neither STARTTLS nor channel binding', async (t) => {
  const { client } = await start(t, true, { requireEncryption: true });
  const features = await client.open();
  assert.match(features, /<mechanism>SCRAM-SHA-256<\/mechanism>.*<mechanism>PLAIN<\/mechanism>/);
  assert.doesNotMatch(features, /starttls|PLUS|channel-binding/);
});

test('a transport without `startTls` never offers STARTTLS, and refuses it', async (t) => {
  const { client } = await start(t, false, { requireEncryption: true });
  assert.match(await client.open(), /<stream:features\/>$/);
  client.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
  await client.reads(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>`);
});

test('a client logs in, binds, sends, receives and closes its stream', async (t) => {
  const { harness, client } = await start(t, true);
  await client.login();
  assert.match(await client.bind('balcony'), /<jid>juliet@im.example.com\/balcony<\/jid>/);
  const session = harness.session(`juliet@${DOMAIN}/balcony`);
  assert.equal(session.secure, true);
  client.send(`<message to='juliet@${DOMAIN}/balcony' type='chat'><body>Ay me!</body></message>`);
  assert.match(
    await client.reads('</message>'),
    /^<message type='error' from='juliet@im.example.com\/balcony'/,
  );
  assert.equal(await client.roundTrip('still'), '');
  client.send('</stream:stream>');
  assert.match(await client.peer.readsToEnd(), /<\/stream:stream>$/);
  assert.equal(harness.host.sessions.size, 0);
});

test('a session moves from TCP to frames; text that was serialized for TCP gets its namespace', async (t) => {
  const { harness, client } = await start(t, true, { allowPlain: true });
  await harness.bound('balcony');
  const session = harness.session(`juliet@${DOMAIN}/balcony`);
  harness.hook('c2s-unbound-nonza', () => ({ resume: session }));
  harness.hook('c2s-attach', () => void session.write('<message id="kept"/>'));
  await client.login();
  client.send(`<wake xmlns='urn:example:wake'/>`);
  await client.reads('<message id="kept"/>');
  assert.equal(await client.roundTrip('moved'), '');
});

test('a wrong password has the same answer as over TCP', async (t) => {
  const { harness, client } = await start(t, true);
  await client.open();
  client.auth('PLAIN', plain('juliet', `not ${PASSWORD}`));
  const reading = client.reads('</failure>');
  let isDone = false;
  void reading.finally(() => {
    isDone = true;
  });
  while (!isDone) await harness.clock.advance(100);
  assert.match(await reading, /<not-authorized\/>/);
});
