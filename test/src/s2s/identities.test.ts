// The names in certificates, with real handshakes in both directions (RFC 6120 §13.7.1.2.1, RFC 9525, RFC 4985).

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createServer, getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { connectTls } from '../../../src/net/tls.ts';
import { settled } from '../../support/duplex.ts';
import { DAY_MS, makeCertificate, type Wanted } from '../net/certificate-fixture.ts';
import { EXTERNAL, header, type KeyPair, SASL, secured, startWorld, TLS, type World } from './harness.ts';

interface Case {
  readonly what: string;
  readonly names: Wanted;
  readonly domain?: string;
  readonly isProof: boolean;
  /** The error, if the certificate is no proof although its authority is trusted. */
  readonly why?: RegExp;
}

const NOT_MADE_FOR_IT = /the certificate is not made for/;
const CASES: readonly Case[] = [
  { what: 'RFC 9525 §6.3: a DNS name', names: { dns: ['capulet.lit'] }, isProof: true },
  {
    what: 'RFC 9525 §6.3: a wildcard',
    names: { dns: ['*.capulet.lit'] },
    domain: 'rooms.capulet.lit',
    isProof: true,
  },
  { what: 'RFC 9525 §6.3: a wildcard below it', names: { dns: ['*.capulet.lit'] }, isProof: false },
  {
    what: 'RFC 9525 §6.3: the domain above it',
    names: { dns: ['capulet.lit'] },
    domain: 'rooms.capulet.lit',
    isProof: false,
  },
  { what: 'RFC 4985 §2: an SRVName', names: { srv: ['_xmpp-server.capulet.lit'] }, isProof: true },
  {
    what: 'RFC 4985 §2: an SRVName of another service',
    names: { srv: ['_xmpp-client.capulet.lit', '_imaps.capulet.lit'] },
    isProof: false,
  },
  { what: 'RFC 6120 §13.7.1.4: an XmppAddr', names: { xmppAddr: ['capulet.lit'] }, isProof: true },
  {
    what: 'RFC 6120 §13.7.1.4: an XmppAddr of a user',
    names: { xmppAddr: ['admin@capulet.lit'] },
    isProof: false,
  },
  {
    what: 'RFC 9525 §6.3: A-labels for an internationalized name',
    names: { dns: ['xn--bcher-kva.example'] },
    domain: 'bücher.example',
    isProof: true,
  },
  { what: 'RFC 9525 §6.1: a common name alone', names: { commonName: 'capulet.lit' }, isProof: false },
  { what: 'RFC 9525 §6: one name of many', names: { dns: ['a.lit', 'capulet.lit', 'b.lit'] }, isProof: true },
  { what: 'RFC 9525 §6: other names', names: { dns: ['capulet.lit.evil.lit'] }, isProof: false },
  {
    what: 'RFC 5280 §4.1.2.5: a name that has expired',
    names: { dns: ['capulet.lit'], from: Date.now() - 9 * DAY_MS, until: Date.now() - DAY_MS },
    isProof: false,
    why: /is not valid \(CERT_HAS_EXPIRED\)/,
  },
  {
    what: 'RFC 5280 §4.1.2.5: a name that is not valid yet',
    names: { dns: ['capulet.lit'], from: Date.now() + 9 * DAY_MS, until: Date.now() + 19 * DAY_MS },
    isProof: false,
    why: /is not valid \(CERT_NOT_YET_VALID\)/,
  },
];

/** Each certificate is its own authority. */
const made = CASES.map(({ names }, index) => makeCertificate({ commonName: `case ${index}`, ...names }));
const roots = getCACertificates('default');
let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'enjamb-identities-'));
  await makeDevelopmentCertificates(folder, ['montague.lit', 'verona.lit']);
  setDefaultCACertificates(made.map(({ cert }) => cert));
});

after(async () => {
  setDefaultCACertificates(roots);
  await rm(folder, { recursive: true });
});

function config(): { config: string } {
  return {
    config: `certificates = ${JSON.stringify(folder)}\ns2s_require_encryption = true\ns2s_secure_auth = true`,
  };
}

describe('a server calls us', () => {
  for (const [index, { what, domain = 'capulet.lit', isProof }] of CASES.entries()) {
    test(`${what} ${isProof ? 'lets' : 'does not let'} ${domain} use EXTERNAL`, async (t) => {
      const world = await startWorld(t, config());
      const peer = world.call();
      peer.send(header({ from: domain }));
      await peer.reads('</stream:features>');
      peer.send(`<starttls xmlns='${TLS}'/>`);
      await peer.reads(`<proceed xmlns='${TLS}'/>`);
      const certificate = made[index]!;
      const { socket } = await connectTls(peer.release(), { servername: 'montague.lit', certificate });
      peer.switchTo(socket);
      peer.send(header({ from: domain }));
      const features = await peer.reads('</stream:features>');
      assert.equal(features.includes('EXTERNAL'), isProof, features);
      // EXTERNAL is tried even if it was not offered.
      const identity = Buffer.from(domain).toString('base64');
      peer.send(`<auth xmlns='${SASL}' mechanism='EXTERNAL'>${identity}</auth>`);
      const answer = await peer.reads(/<success [^>]*>|<\/failure>/);
      assert.match(answer, isProof ? /^<success / : /<not-authorized\/>/);
      peer.send(isProof ? header({ from: domain }) : '');
      peer.send(`<message from='a@${domain}' to='romeo@montague.lit'/>`);
      if (!isProof) await peer.readsToEnd();
      await settled();
      assert.equal(world.arrived.length, isProof ? 1 : 0);
    });
  }
});

describe('we call a server', () => {
  for (const [index, { what, domain = 'capulet.lit', isProof, why = NOT_MADE_FOR_IT }] of CASES.entries()) {
    test(`${what} ${isProof ? 'is' : 'is not'} enough for us to speak with ${domain}`, async (t) => {
      const world = await startWorld(t, config());
      world.send(`<message id='1' from='romeo@montague.lit/x' to='juliet@${domain}'/>`);
      await called(world, made[index]!, domain);
      if (!isProof) {
        assert.match(world.server.links.list().links[0]!.lastError!.message, why);
        assert.equal(world.arrived[0]?.attrs.type, 'error', 'the message returns');
      }
    });
  }

  /** The peer of our server's call, over TLS. Resolves when our server has sent `<auth/>`, or has hung up. */
  async function called(world: World, certificate: KeyPair, domain: string): Promise<void> {
    const features = `<stream:features><starttls xmlns='${TLS}'/></stream:features>`;
    const peer = await world.prepared(features, { from: domain });
    await peer.reads('<starttls ');
    peer.send(`<proceed xmlns='${TLS}'/>`);
    const raw = await peer.releaseToTls();
    const socket = await new Promise<TLSSocket>((resolve) => {
      createServer({ ...certificate, requestCert: true, rejectUnauthorized: false }, resolve).emit(
        'connection',
        raw,
      );
    });
    peer.switchTo(socket);
    await peer.reads(/<stream:stream [^>]*>/);
    peer.send(`${header({ from: domain, id: 'S2' })}<stream:features>${EXTERNAL}</stream:features>`);
    const isProof = CASES[made.indexOf(certificate)]!.isProof;
    if (isProof) await peer.reads(`<auth xmlns='${SASL}' mechanism='EXTERNAL'>`);
    else assert.doesNotMatch(await peer.readsToEnd(), /<auth|<message/);
    await settled();
  }
});

test('RFC 6120 §13.7.1.2: one certificate for two domains proves both, each on its own stream', async (t) => {
  const certificate = made[CASES.findIndex(({ names }) => names.dns?.length === 3)]!;
  const world = await startWorld(t, config());
  for (const domain of ['a.lit', 'b.lit', 'c.lit']) {
    const peer = world.call();
    peer.send(header({ from: domain }));
    await peer.reads('</stream:features>');
    peer.send(`<starttls xmlns='${TLS}'/>`);
    await peer.reads(`<proceed xmlns='${TLS}'/>`);
    const { socket } = await connectTls(peer.release(), { servername: 'montague.lit', certificate });
    peer.switchTo(socket);
    peer.send(header({ from: domain }));
    const features = await peer.reads('</stream:features>');
    assert.equal(features.includes('EXTERNAL'), domain !== 'c.lit');
  }
});

test('a certificate for more names than 200 lets one stream speak for 200 domains', async (t) => {
  const certificate = made[CASES.findIndex(({ names }) => names.dns?.[0] === '*.capulet.lit')]!;
  const world = await startWorld(t, config());
  const { peer } = await secured(world, certificate, 'd0.capulet.lit');
  const claim = (index: number) =>
    `<db:result from='d${index}.capulet.lit' to='montague.lit'>key</db:result>`;
  for (let index = 0; index < 200; index++) peer.send(claim(index));
  await peer.reads(`to='d199.capulet.lit' type='valid'/>`);
  peer.send(claim(200));
  assert.match(await peer.reads('</db:result>'), /type='error'>.*<resource-constraint /);
  peer.send(claim(7));
  await peer.reads(`to='d7.capulet.lit' type='valid'/>`);
  assert.equal(world.server.links.list().incoming[0]!.remotes.size, 200);
});
