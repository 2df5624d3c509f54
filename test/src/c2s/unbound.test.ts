// A client that has authenticated and not bound says something else than a request to bind: modules decide.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamError } from '../../../src/xml/errors.ts';
import { xml } from '../../../src/xml/index.ts';
import { DOMAIN, PASSWORD, startHarness } from './harness.ts';

const NONZA = `<wake xmlns='urn:example:wake'/>`;

test('an element that no module handles ends the stream', async (t) => {
  const harness = await startHarness(t);
  const client = harness.connect();
  await client.login();
  assert.match(await client.refused(NONZA), /<unsupported-stanza-type /);
});

test('RFC 6120 §4.9.3.12: what comes before authentication ends the stream, unless a module answers it', async (t) => {
  const harness = await startHarness(t);
  const stranger = harness.connect();
  await stranger.open();
  assert.match(await stranger.refused(NONZA), /<not-authorized /);
  harness.hook('c2s-early-nonza', ({ element }) => {
    return element.is('wake', 'urn:example:wake') ? xml('later', 'urn:example:wake') : undefined;
  });
  const client = harness.connect();
  await client.open();
  client.send(NONZA);
  await client.reads(`<later xmlns='urn:example:wake'/>`);
});

test('a module may answer, and the client can still bind', async (t) => {
  const harness = await startHarness(t);
  harness.hook('c2s-unbound-nonza', ({ element, session }) => {
    assert.equal(session.jid.toString(), `juliet@${DOMAIN}`);
    assert.ok(element.is('wake', 'urn:example:wake'));
    return { reply: xml('asleep', 'urn:example:wake') };
  });
  const client = harness.connect();
  await client.login();
  client.send(NONZA);
  await client.reads(`<asleep xmlns='urn:example:wake'/>`);
  await client.bind('balcony');
});

test('a module may name the session that goes on with the stream; what comes behind is for that session', async (t) => {
  const harness = await startHarness(t);
  const old = await harness.bound('balcony');
  const session = harness.session(`juliet@${DOMAIN}/balcony`);
  harness.hook('c2s-unbound-nonza', () => ({ resume: session }));
  harness.hook('c2s-attach', () => session.ready());
  harness.hook('c2s-resume', () => void session.write('<awake/>'));
  const client = harness.connect();
  await client.login();
  client.send(`${NONZA}<iq type='get' id='behind' to='${DOMAIN}'><query xmlns='urn:example:q'/></iq>`);
  await client.reads('<awake/>');
  await client.reads(/<iq type='error' id='behind'.*<\/iq>/);
  assert.match(await old.peer.readsToEnd(), /<conflict /);
  assert.equal(harness.negotiating.size, 0);
});

test('refuses to resume the session of another account, or one that has ended', async (t) => {
  const harness = await startHarness(t);
  await harness.host.createUser('romeo', PASSWORD);
  await harness.bound('orchard', 'romeo');
  await harness.bound('balcony');
  const romeo = harness.session(`romeo@${DOMAIN}/orchard`);
  const over = harness.session(`juliet@${DOMAIN}/balcony`);
  over.close();
  for (const resume of [romeo, over]) {
    harness.hook('c2s-unbound-nonza', () => ({ resume }));
    const client = harness.connect();
    await client.login();
    assert.match(await client.refused(NONZA), /<internal-server-error /);
  }
  assert.equal(romeo.connected, true);
  assert.equal(over.connected, false);
});

test('the session of an account that was disabled after the login is not resumed', async (t) => {
  const harness = await startHarness(t);
  await harness.bound('balcony');
  const session = harness.session(`juliet@${DOMAIN}/balcony`);
  harness.hook('c2s-unbound-nonza', () => ({ resume: session }));
  const client = harness.connect();
  await client.login();
  await harness.host.setEnabled('juliet', false);
  assert.match(await client.refused(NONZA), /<not-authorized .*The account is disabled/);
});

test('a module may refuse with a stream error', async (t) => {
  const harness = await startHarness(t);
  harness.hook('c2s-unbound-nonza', () => {
    throw new StreamError('policy-violation');
  });
  const client = harness.connect();
  await client.login();
  assert.match(await client.refused(NONZA), /<policy-violation /);
});
