// Servers that call us with a certificate that only TLSA records prove.

import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { connectTls, type TlsInfo } from '../../../src/net/tls.ts';
import { DaneLookup } from '../../../src/s2s/dane-lookup.ts';
import { resolverFor } from '../../../src/s2s/dial.ts';
import { type DnsFixture, dnsFixture } from '../../support/dns-fixture.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';
import { spki } from '../net/authority-fixture.ts';
import { makeCertificate } from '../net/certificate-fixture.ts';
import {
  auth,
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

const DOMAIN = 'capulet.lit';
const MESSAGE = `<message from='juliet@capulet.lit/x' to='romeo@montague.lit'/>`;
const CLAIM = `<db:result from='capulet.lit' to='montague.lit'>key</db:result>`;

let folder = '';
const own = makeCertificate({ dns: [DOMAIN] });
const other = makeCertificate({ dns: [DOMAIN] });

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'enjamb-daneLookup-'));
  await makeDevelopmentCertificates(folder, ['montague.lit']);
});

after(() => rm(folder, { recursive: true }));

function tlsa({ cert }: KeyPair): string {
  return `3 1 1 ${createHash('sha256')
    .update(spki(new X509Certificate(cert)))
    .digest('hex')}`;
}

interface Scene {
  readonly world: World;
  readonly dns: DnsFixture;
}

/** capulet.lit has two hosts, and a TLSA record for the certificate of the second one. */
async function scene(t: TestContext, config = ''): Promise<Scene> {
  const dns = await dnsFixture(t, {
    [`_xmpp-server._tcp.${DOMAIN}`]: { SRV: ['0 0 5269 a.capulet.lit', '1 0 5270 b.capulet.lit'] },
    'a.capulet.lit': { A: ['192.0.2.1'] },
    'b.capulet.lit': { A: ['192.0.2.2'] },
    '_5270._tcp.b.capulet.lit': { TLSA: [tlsa(own)] },
  });
  dns.isValidating = true;
  const settings = {
    certificates: JSON.stringify(folder),
    dns_servers: `["${dns.address}"]`,
    dane: '"auto"',
    s2s_require_encryption: 'true',
    s2s_secure_auth: 'true',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const text = lines.filter((line) => !config.startsWith(`${line.split(' ')[0]} `)).join('\n');
  return { dns, world: await startWorld(t, { config: `${text}\n${config}` }) };
}

async function accepted({ world }: Scene, certificate = own): Promise<RawPeer> {
  const { peer, features } = await secured(world, certificate);
  assert.ok(features.includes(EXTERNAL), features);
  peer.send(auth(DOMAIN));
  await peer.reads(`<success xmlns='${SASL}'/>`);
  peer.send(header());
  await peer.reads('<stream:features/>');
  return peer;
}

test('RFC 7712 §5.1: a peer whose certificate matches the TLSA records of its domain may use EXTERNAL', async (t) => {
  const there = await scene(t);
  const peer = await accepted(there);
  peer.send(MESSAGE);
  await settled();
  assert.equal(there.world.arrived.length, 1);
  const [session] = there.world.server.links.list().incoming;
  assert.equal(session!.authenticatedBy(DOMAIN), 'EXTERNAL, DANE');
  assert.deepEqual(there.world.events, ['open in capulet.lit']);
  assert.deepEqual(there.world.called, []);
});

test('RFC 7712 §5.1: such a peer may use dialback, and is not called for it', async (t) => {
  const { world } = await scene(t);
  const { peer } = await secured(world, own);
  peer.send(CLAIM);
  await peer.reads(`<db:result from='montague.lit' to='capulet.lit' type='valid'/>`);
  peer.send(MESSAGE);
  await settled();
  assert.equal(world.arrived.length, 1);
  assert.deepEqual(world.called, []);
});

test('a domain that the peer claims later on the same stream is looked up then', async (t) => {
  const there = await scene(t);
  const { dns, world } = there;
  const peer = await accepted(there);
  dns.zone['_xmpp-server._tcp.verona2.lit'] = { SRV: ['0 0 5270 b.capulet.lit'] };
  const claim = (from: string) => `<db:result from='${from}' to='montague.lit'>key</db:result>`;
  peer.send(claim('verona2.lit') + claim('evil.lit'));
  await peer.reads(`<db:result from='montague.lit' to='verona2.lit' type='valid'/>`);
  assert.match(await peer.reads('</db:result>'), /to='evil.lit' type='error'>.*<not-authorized /);
  peer.send(`<message from='a@verona2.lit' to='romeo@montague.lit'/>`);
  await settled();
  assert.equal(world.arrived.length, 1);
});

const REFUSED: Record<string, (there: Scene) => void> = {
  'it names another certificate': ({ dns }) => {
    dns.zone['_5270._tcp.b.capulet.lit'] = { TLSA: [tlsa(other)] };
  },
  'it names none': ({ dns }) => {
    delete dns.zone['_5270._tcp.b.capulet.lit'];
  },
  'its SRV records are not secured': ({ dns }) => {
    dns.zone[`_xmpp-server._tcp.${DOMAIN}`]!.dnssec = 'insecure';
  },
  'its addresses are not secured': ({ dns }) => {
    dns.zone['b.capulet.lit']!.dnssec = 'insecure';
  },
  'its TLSA records are not secured': ({ dns }) => {
    dns.zone['_5270._tcp.b.capulet.lit']!.dnssec = 'insecure';
  },
  'its TLSA records are bogus': ({ dns }) => {
    dns.zone['_5270._tcp.b.capulet.lit']!.dnssec = 'bogus';
  },
};

for (const [what, change] of Object.entries(REFUSED)) {
  test(`a certificate without an authority proves nothing where ${what}`, async (t) => {
    const there = await scene(t);
    change(there);
    const { peer, features } = await secured(there.world, own);
    assert.doesNotMatch(features, /mechanism/);
    peer.send(auth(DOMAIN));
    await peer.reads(`<failure xmlns='${SASL}'><not-authorized/></failure>`);
    peer.send(CLAIM);
    assert.match(await peer.reads('</db:result>'), /type='error'>.*<not-authorized /);
    peer.send(MESSAGE);
    await peer.readsToEnd();
    assert.deepEqual(there.world.arrived, []);
  });
}

test('RFC 6698 §4.1: a late DNS answer delays the peer by at most 5 s', async (t) => {
  const { dns, world } = await scene(t);
  const asked = Promise.withResolvers<void>();
  dns.misbehave = () => asked.resolve();
  const caller = secured(world, own);
  await asked.promise;
  await world.clock.advance(5_000);
  const { peer, features } = await caller;
  assert.doesNotMatch(features, /mechanism/);
  dns.misbehave = undefined;
  peer.send(CLAIM);
  assert.match(await peer.reads('</db:result>'), /type='error'>.*<not-authorized /);
});

test('input during the look-up waits, and a peer that hangs up meanwhile has no effect', async (t) => {
  const { dns, world } = await scene(t);
  const asked = Promise.withResolvers<void>();
  const answers: (() => void)[] = [];
  dns.misbehave = (response, _question, send) => {
    answers.push(() => send(response));
    asked.resolve();
  };
  const peer = world.call();
  peer.send(header());
  await peer.reads('</stream:features>');
  peer.send(STARTTLS);
  await peer.reads(`<proceed xmlns='${TLS}'/>`);
  const { socket } = await connectTls(peer.release(), { servername: 'montague.lit', certificate: own });
  peer.switchTo(socket);
  peer.send(header() + CLAIM);
  await peer.reads(/<stream:stream [^>]*>/);
  await asked.promise;
  await settled();
  assert.equal(peer.unread, '');
  peer.drop();
  await settled();
  assert.deepEqual(world.server.links.list().incoming, []);
  dns.misbehave = undefined;
  for (const answer of answers) answer();
  await settled(50);
  assert.deepEqual(world.events, [], 'that was before the handshake');
});

for (const config of [
  'dane = "never"',
  's2s_secure_auth = false',
  's2s_insecure_domains = ["capulet.lit"]',
]) {
  test(`${config}: nothing is looked up`, async (t) => {
    const { dns, world } = await scene(t, config);
    const { features } = await secured(world, own);
    assert.doesNotMatch(features, /mechanism/);
    assert.deepEqual(dns.questions, []);
  });
}

test('no look-up for a peer without a certificate, a blocked one, or one that claims a domain of ours', async (t) => {
  const { dns, world } = await scene(t, 's2s_block = ["evil.lit"]');
  await secured(world);
  await secured(world, own, 'verona.lit');
  const blocked = world.call();
  blocked.send(header({ from: 'evil.lit' }));
  await blocked.readsToEnd();
  assert.deepEqual(dns.questions, []);
});

test('at most 8 look-ups run for one site', async (t) => {
  const { dns, world } = await scene(t);
  dns.misbehave = () => {};
  const waiting = Array.from({ length: 8 }, (_, index) => secured(world, own, `c${index}.lit`));
  const asked = () => new Set(dns.questions.map(({ name }) => name.split('.').at(-2)));
  while (asked().size < 8) await settled();
  const { features } = await secured(world, own, 'c8.lit');
  assert.doesNotMatch(features, /mechanism/);
  assert.equal(asked().has('c8'), false);
  await world.clock.advance(5_000);
  await Promise.all(waiting);
});

test('at most 64 domains are looked up for one stream', async (t) => {
  const there = await scene(t);
  const { dns } = there;
  const peer = await accepted(there);
  for (let n = 0; n < 70; n++) {
    peer.send(`<db:result from='d${n}.lit' to='montague.lit'>key</db:result>`);
    assert.match(await peer.reads('</db:result>'), /type='error'>.*<not-authorized /);
  }
  const asked = dns.questions.filter(({ name }) => /^_xmpp-server\._tcp\.d\d+\.lit$/.test(name));
  assert.equal(new Set(asked.map(({ name }) => name)).size, 63, 'beside capulet.lit itself');
});

test('at most 100 look-ups run for all sites together', async (t) => {
  const { dns, world } = await scene(t);
  dns.misbehave = () => {};
  const config = world.server.config;
  const { clock, faults } = world.server;
  const daneLookup = new DaneLookup({ config, clock, faults }, resolverFor(config));
  const tls = { peerCertificate: undefined, authorized: false } as unknown as TlsInfo;
  const asked = Array.from({ length: 101 }, (_, n) => daneLookup.ask(`c${n}.lit`, tls, `198.51.${n}.1`));
  assert.ok(asked.slice(0, 100).every((search) => search !== undefined));
  assert.equal(asked[100], undefined);
  await world.clock.advance(5_000);
  assert.deepEqual(new Set(await Promise.all(asked.slice(0, 100))), new Set([false]));
});
