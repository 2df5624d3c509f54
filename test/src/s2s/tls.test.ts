// Encryption and certificates between servers, with real handshakes over connections in memory.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createServer, getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';
import { makeCertificate } from '../net/certificate-fixture.ts';
import {
  auth,
  DIALBACK_FEATURE,
  EXTERNAL,
  header,
  type KeyPair,
  SASL,
  STARTTLS,
  secured,
  startWorld,
  TLS,
  type World,
} from './harness.ts';

const MESSAGE = `<message from='juliet@capulet.lit/x' to='romeo@montague.lit'/>`;

let folder = '';
const roots = getCACertificates('default');

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'enjamb-s2s-'));
  const domains = ['montague.lit', 'verona.lit', 'capulet.lit', 'evil.lit'];
  const { ca } = await makeDevelopmentCertificates(folder, domains);
  setDefaultCACertificates([ca]);
});

after(async () => {
  setDefaultCACertificates(roots);
  await rm(folder, { recursive: true });
});

async function certificateOf(domain: string): Promise<KeyPair> {
  const [cert, key] = await Promise.all([
    readFile(join(folder, `${domain}.crt`), 'utf8'),
    readFile(join(folder, `${domain}.key`), 'utf8'),
  ]);
  return { cert, key };
}

function secureConfig(more = 's2s_secure_auth = true'): { config: string } {
  return { config: `certificates = ${JSON.stringify(folder)}\ns2s_require_encryption = true\n${more}` };
}

/** The peer of our server's call, after a handshake with `certificate`; it offers `features`. */
async function calledOverTls(world: World, certificate: KeyPair, features: string): Promise<RawPeer> {
  const peer = await world.prepared(`<stream:features>${STARTTLS}</stream:features>`);
  await peer.reads(STARTTLS);
  peer.send(`<proceed xmlns='${TLS}'/>`);
  const raw = await peer.releaseToTls();
  const socket = await new Promise<TLSSocket>((resolve) => {
    const server = createServer({ ...certificate, requestCert: true, rejectUnauthorized: false }, resolve);
    server.emit('connection', raw);
  });
  peer.switchTo(socket);
  const ours = await peer.reads(/<stream:stream [^>]*>/);
  assert.match(ours, / from='montague.lit' to='capulet.lit'/);
  peer.send(`${header({ id: 'S2' })}${features}`);
  return peer;
}

// ── Streams that other servers open ────────────────────────────────────────────────────────────────────────────

test('XEP-0178 §3: a server with a valid certificate may use EXTERNAL, and its stanzas follow', async (t) => {
  const world = await startWorld(t, secureConfig());
  const { peer, features } = await secured(world, await certificateOf('capulet.lit'));
  assert.ok(features.includes(EXTERNAL), features);
  assert.ok(!features.includes('starttls'));
  peer.send(auth('capulet.lit'));
  await peer.reads(`<success xmlns='${SASL}'/>`);
  peer.send(header());
  assert.match(await peer.reads('<stream:features/>'), /<stream:stream [^>]* id='[\w-]{20}'/);
  peer.send(MESSAGE);
  await settled();
  assert.equal(world.arrived.length, 1);
  const [session] = world.server.links.list().incoming;
  assert.deepEqual([...session!.remotes], ['capulet.lit']);
  assert.equal(session!.proves('capulet.lit'), true);
  assert.equal(session!.proves('evil.lit'), false);
  peer.send('</stream:stream>');
  await peer.readsToEnd();
  assert.deepEqual(world.events, ['open in capulet.lit', 'close in capulet.lit clean']);
  assert.deepEqual(world.called, [], 'no call for dialback');
});

test('XEP-0178 §3: an empty authorization identity is the one of the header', async (t) => {
  const world = await startWorld(t, secureConfig());
  const { peer } = await secured(world, await certificateOf('capulet.lit'));
  peer.send(auth(''));
  await peer.reads(`<success xmlns='${SASL}'/>`);
  assert.deepEqual(world.events.at(-1), 'open in capulet.lit');
});

test('XEP-0178 §3: EXTERNAL is not offered without a certificate, or with one of another domain or an untrusted authority', async (t) => {
  const world = await startWorld(t, secureConfig());
  const untrusted = makeCertificate({ dns: ['capulet.lit'] });
  for (const [certificate, condition] of [
    [undefined, 'not-authorized'],
    [await certificateOf('evil.lit'), 'not-authorized'],
    [untrusted, 'not-authorized'],
  ] as const) {
    const { peer, features } = await secured(world, certificate);
    assert.doesNotMatch(features, /mechanism/);
    peer.send(auth('capulet.lit'));
    await peer.reads(`<failure xmlns='${SASL}'><${condition}/></failure>`);
    peer.send(`<db:result from='capulet.lit' to='montague.lit'>key</db:result>`);
    assert.match(await peer.reads('</db:result>'), /type='error'><error type='auth'><not-authorized /);
    peer.send(MESSAGE);
    assert.match(await peer.readsToEnd(), /<stream:error><not-authorized /);
  }
  assert.deepEqual(world.arrived, []);
  assert.deepEqual(world.called, []);
  const { peer } = await secured(world, await certificateOf('capulet.lit'));
  peer.send(auth('x'.repeat(1_126))); // More than the longest domain.
  await peer.reads(`<failure xmlns='${SASL}'><malformed-request/></failure>`);
  assert.deepEqual(world.events, []);
});

test('XEP-0178 §3: an authorization identity must be the domain of the header', async (t) => {
  const world = await startWorld(t, secureConfig());
  for (const authzid of ['evil.lit', 'juliet@capulet.lit', '@', 'sub.capulet.lit']) {
    const { peer } = await secured(world, await certificateOf('capulet.lit'));
    peer.send(auth(authzid));
    await peer.reads(`<failure xmlns='${SASL}'><invalid-authzid/></failure>`);
  }
  assert.deepEqual(world.events, []);
});

test('RFC 6120 §4.7.2: a restart changes neither the host nor the authenticated domain', async (t) => {
  const world = await startWorld(t, secureConfig());
  const moved = await secured(world, await certificateOf('capulet.lit'));
  moved.peer.send(auth('capulet.lit'));
  await moved.peer.reads('/>');
  moved.peer.send(header({ to: 'verona.lit' }));
  assert.match(await moved.peer.readsToEnd(), /<host-unknown /);
  const renamed = await secured(world, await certificateOf('capulet.lit'));
  renamed.peer.send(auth('capulet.lit'));
  await renamed.peer.reads('/>');
  renamed.peer.send(header({ from: 'evil.lit' }));
  await renamed.peer.reads('<stream:features/>');
  renamed.peer.send(auth('evil.lit'));
  assert.match(await renamed.peer.readsToEnd(), /<policy-violation /);
});

test('negotiation before the handshake is forgotten after it', async (t) => {
  const world = await startWorld(t, secureConfig());
  const peer = world.call();
  peer.send(header());
  await peer.reads('</stream:features>');
  peer.send(STARTTLS + MESSAGE);
  await peer.readsToEnd();
  assert.doesNotMatch(peer.unread, /success|<stream:features/);
  assert.deepEqual(world.arrived, []);
});

test('STARTTLS on an encrypted stream fails', async (t) => {
  const world = await startWorld(t, secureConfig());
  const { peer } = await secured(world);
  peer.send(STARTTLS);
  await peer.reads(`<failure xmlns='${TLS}'/></stream:stream>`);
});

test('dialback with a valid certificate causes no call', async (t) => {
  const world = await startWorld(t, secureConfig());
  const { peer } = await secured(world, await certificateOf('capulet.lit'));
  peer.send(`<db:result from='capulet.lit' to='montague.lit'>whatever</db:result>`);
  await peer.reads(`<db:result from='montague.lit' to='capulet.lit' type='valid'/>`);
  peer.send(MESSAGE);
  await settled();
  assert.equal(world.arrived.length, 1);
  assert.deepEqual(world.called, []);
});

test('without s2s_secure_auth, TLS with any certificate and dialback are enough', async (t) => {
  const world = await startWorld(t, secureConfig('s2s_secure_auth = false'));
  const { peer, features } = await secured(world, makeCertificate({ dns: ['capulet.lit'] }));
  assert.doesNotMatch(features, /mechanism/);
  peer.send(`<db:result from='capulet.lit' to='montague.lit'>key</db:result>`);
  const authority = await calledOverTls(world, await certificateOf('capulet.lit'), DIALBACK_FEATURE);
  const id = / id='([^']*)'/.exec(await authority.reads('</db:verify>'))![1];
  authority.send(`<db:verify from='capulet.lit' to='montague.lit' id='${id}' type='valid'/>`);
  await peer.reads(`type='valid'/>`);
  peer.send(MESSAGE);
  await settled();
  assert.equal(world.arrived.length, 1);
});

// ── Streams that we open ───────────────────────────────────────────────────────────────────────────────────────

function send(world: World): void {
  world.send(`<message id='1' from='romeo@montague.lit/x' to='juliet@capulet.lit'/>`);
}

test('XEP-0178 §3: we use EXTERNAL if it is offered, with our domain as identity', async (t) => {
  const world = await startWorld(t, secureConfig());
  send(world);
  const peer = await calledOverTls(
    world,
    await certificateOf('capulet.lit'),
    `<stream:features>${EXTERNAL}</stream:features>`,
  );
  await peer.reads(auth('montague.lit'));
  const shown = (peer.socket as TLSSocket).getPeerX509Certificate();
  assert.match(`${shown?.subjectAltName}`, /DNS:montague\.lit/);
  await settled();
  assert.equal(peer.unread, '', 'no stanza before the acceptance');
  peer.send(`<success xmlns='${SASL}'/>`);
  await peer.reads(/<stream:stream [^>]*>/);
  peer.send(header({ id: 'S3' }));
  await settled();
  assert.equal(peer.unread, '', 'nor before the features of the new stream');
  peer.send('<stream:features/>');
  await peer.reads(`<message id='1'`);
  assert.deepEqual(world.events, ['open out capulet.lit']);
  assert.equal(world.server.links.list().links[0]!.carrier!.proves('capulet.lit'), true);
});

test('features before the success of EXTERNAL do not open the stream', async (t) => {
  const world = await startWorld(t, secureConfig());
  send(world);
  const peer = await calledOverTls(
    world,
    await certificateOf('capulet.lit'),
    `<stream:features>${EXTERNAL}</stream:features>`,
  );
  await peer.reads(auth('montague.lit'));
  peer.send('<stream:features/>');
  await settled();
  assert.equal(peer.unread, '');
  assert.deepEqual(world.events, []);
});

test('after our certificate is refused, dialback follows; it succeeds, or every stanza returns once', async (t) => {
  for (const type of ['valid', 'invalid']) {
    const world = await startWorld(t, secureConfig());
    send(world);
    const peer = await calledOverTls(
      world,
      await certificateOf('capulet.lit'),
      `<stream:features>${EXTERNAL}</stream:features>`,
    );
    await peer.reads(auth('montague.lit'));
    peer.send(`<failure xmlns='${SASL}'><not-authorized/></failure>`);
    await peer.reads('</db:result>');
    peer.send(`<db:result from='capulet.lit' to='montague.lit' type='${type}'/>`);
    if (type === 'valid') await peer.reads(`<message id='1'`);
    else await peer.readsToEnd();
    assert.deepEqual(world.events, [
      type === 'valid' ? 'open out capulet.lit' : 'failed capulet.lit for now',
    ]);
    assert.equal(world.arrived.length, type === 'valid' ? 0 : 1);
  }
});

test('RFC 6120 §13.7.2: a server whose certificate does not prove its domain gets no stanza', async (t) => {
  for (const [certificate, why] of [
    [await certificateOf('evil.lit'), /not made for capulet.lit/],
    [makeCertificate({ dns: ['capulet.lit'] }), /certificate of capulet.lit is not valid/],
  ] as const) {
    const world = await startWorld(t, secureConfig());
    send(world);
    const peer = await calledOverTls(world, certificate, `<stream:features>${EXTERNAL}</stream:features>`);
    await peer.readsToEnd();
    assert.doesNotMatch(peer.unread, /auth|<message/);
    assert.match(world.server.links.list().links[0]!.lastError!.message, why);
    assert.deepEqual(world.events, ['failed capulet.lit for now']);
    assert.equal(world.arrived.length, 1);
  }
});

test('every stanza returns when a handshake fails', async (t) => {
  const world = await startWorld(t, secureConfig());
  send(world);
  const peer = await world.prepared(`<stream:features>${STARTTLS}</stream:features>`);
  await peer.reads(STARTTLS);
  peer.send(`<proceed xmlns='${TLS}'/>`);
  await settled();
  peer.send('this is no TLS');
  await peer.readsToEnd();
  await settled();
  assert.equal(world.arrived.length, 1);
  assert.deepEqual(world.events, ['failed capulet.lit for now']);
  assert.match(world.server.links.list().links[0]!.lastError!.message, /TLS/);
});

test('every stanza returns when the connection breaks during the handshake', async (t) => {
  const world = await startWorld(t, secureConfig());
  send(world);
  const called = await world.prepared(`<stream:features>${STARTTLS}</stream:features>`);
  await called.reads(STARTTLS);
  called.send(`<proceed xmlns='${TLS}'/>`);
  await settled();
  called.drop();
  await settled();
  assert.equal(world.arrived.length, 1);
  assert.deepEqual(world.events, ['failed capulet.lit for now']);
});
