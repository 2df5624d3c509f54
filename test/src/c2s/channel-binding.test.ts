// SASL that is bound to the TLS connection under it: what is offered (XEP-0440), and who gets in.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { channelBindings } from '../../../src/c2s/channel-binding.ts';
import type { TlsInfo } from '../../../src/net/tls.ts';
import { ScramClient } from '../sasl/scram-client.ts';
import { base64, type Client, type Harness, PASSWORD } from './harness.ts';
import { type SecureClient, startSecureHarness } from './tls-harness.ts';

const TLS12 = { maxVersion: 'TLSv1.2' } as const;
/** OpenSSL's SSL_OP_NO_EXTENDED_MASTER_SECRET, for which Node has no name. */
const WITHOUT_EMS = { ...TLS12, secureOptions: 1 } as const;
const EXPORTER = `<channel-binding type='tls-exporter'/>`;
const UNIQUE = `<channel-binding type='tls-unique'/>`;
const END_POINT = `<channel-binding type='tls-server-end-point'/>`;
const MECHANISMS = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'];

function offered(features: string): string[] {
  return [...features.matchAll(/<mechanism>([^<]*)</g)].map(([, name]) => name!);
}

/** As the client sees it, by other means than the server's. */
function bindingOf(socket: TLSSocket, type: string): Buffer {
  if (type === 'tls-exporter') {
    return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
  }
  if (type === 'tls-unique') return socket.getFinished() ?? Buffer.alloc(0);
  return createHash('sha256').update(socket.getPeerCertificate().raw).digest();
}

interface Attempt {
  readonly mechanism?: string;
  readonly gs2Header: string;
  readonly binding?: Buffer;
}

/** The first answer that ends the attempt. */
async function attempt(client: Client, { mechanism = 'SCRAM-SHA-256-PLUS', ...options }: Attempt) {
  const hash = mechanism.startsWith('SCRAM-SHA-256') ? 'sha256' : 'sha1';
  const scram = new ScramClient({ hash, username: 'juliet', password: PASSWORD, ...options });
  client.auth(mechanism, base64(scram.first()));
  const answer = await client.reads(/<\/challenge>|<\/failure>/);
  const challenge = /<challenge [^>]*>([^<]*)</.exec(answer)?.[1];
  if (challenge === undefined) return answer;
  const final = scram.final(Buffer.from(challenge, 'base64'));
  client.send(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64(final)}</response>`);
  const end = await client.reads(/<\/success>|<\/failure>/);
  const proof = /<success [^>]*>([^<]*)</.exec(end)?.[1];
  if (proof !== undefined) assert.equal(Buffer.from(proof, 'base64').toString(), scram.expected);
  return end;
}

/** The same for an attempt that has to wait for its refusal. */
async function refusal({ clock }: Harness, { client }: SecureClient, options: Attempt): Promise<string> {
  const answer = attempt(client, options);
  for (let turns = 0; clock.pending < 2 && turns < 1_000; turns++) await new Promise(setImmediate);
  await clock.advance(500);
  return /<failure [^>]*><([\w-]+)\/>/.exec(await answer)?.[1] ?? 'no refusal';
}

test('XEP-0440 §2, RFC 9266 §4.2: with TLS 1.3 both types are offered, and the -PLUS mechanisms first', async (t) => {
  const { secured } = await startSecureHarness(t);
  const { features } = await secured();
  assert.deepEqual(offered(features), MECHANISMS);
  const feature = `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>${EXPORTER}${END_POINT}</sasl-channel-binding>`;
  assert.ok(features.includes(feature), features);
});

test('RFC 5802 §6.1, RFC 7627: with TLS 1.2 tls-unique is offered, and no tls-exporter', async (t) => {
  const { secured } = await startSecureHarness(t);
  const { client, socket, features } = await secured(TLS12);
  assert.deepEqual(offered(features), MECHANISMS);
  const feature = `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>${UNIQUE}${END_POINT}</sasl-channel-binding>`;
  assert.ok(features.includes(feature), features);
  const binding = bindingOf(socket, 'tls-exporter');
  assert.match(await attempt(client, { gs2Header: 'p=tls-exporter,,', binding }), /<malformed-request\/>/);
});

test('RFC 7627 §6.4: without the extended master secret tls-unique proves nothing, and is refused', async (t) => {
  const { secured } = await startSecureHarness(t);
  const { client, socket, features } = await secured(WITHOUT_EMS);
  assert.deepEqual(offered(features), MECHANISMS);
  assert.ok(features.includes(END_POINT) && !features.includes('tls-unique'), features);
  const binding = bindingOf(socket, 'tls-unique');
  assert.match(await attempt(client, { gs2Header: 'p=tls-unique,,', binding }), /<malformed-request\/>/);
});

for (const type of ['tls-exporter', 'tls-unique', 'tls-server-end-point']) {
  for (const mechanism of ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS']) {
    test(`RFC 5802 §6: ${mechanism} with ${type} lets in who is on this connection`, async (t) => {
      const { secured } = await startSecureHarness(t);
      const { client, socket } = await secured(type === 'tls-exporter' ? {} : TLS12);
      const binding = bindingOf(socket, type);
      assert.match(await attempt(client, { mechanism, gs2Header: `p=${type},,`, binding }), /^<success /);
    });
  }

  test(`RFC 5802 §6: the ${type} of another connection is refused`, async (t) => {
    const { secured, harness } = await startSecureHarness(t);
    const options = type === 'tls-unique' ? TLS12 : {};
    const relayed = await secured(options);
    const victim = await secured(options, type === 'tls-server-end-point' ? 'other.example.com' : undefined);
    const binding = bindingOf(victim.socket, type);
    const gs2Header = `p=${type},,`;
    assert.equal(await refusal(harness, relayed, { gs2Header, binding }), 'not-authorized');
  });
}

test('RFC 5929 §4: each host is bound to its own certificate', async (t) => {
  const { secured, store } = await startSecureHarness(t);
  for (const domain of ['im.example.com', 'other.example.com']) {
    const { socket } = await secured({}, domain);
    assert.match(socket.getPeerCertificate().subjectaltname ?? '', new RegExp(`DNS:${domain}`));
  }
  assert.equal(store.certificates.length, 2);
});

test('RFC 5802 §6: refuses a client that was told falsely that the server cannot bind', async (t) => {
  const { secured, harness } = await startSecureHarness(t);
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-1']) {
    const downgraded = { mechanism, gs2Header: 'y,,' };
    assert.equal(await refusal(harness, await secured(), downgraded), 'not-authorized');
    const unable = { mechanism, gs2Header: 'n,,' };
    assert.match(await attempt((await secured()).client, unable), /^<success /);
  }
});

test('RFC 9266 §3: tls-unique does not exist with TLS 1.3, and the attempt is no guess', async (t) => {
  const { secured } = await startSecureHarness(t);
  const { client, socket } = await secured();
  const binding = socket.getFinished();
  const options = { gs2Header: 'p=tls-unique,,', ...(binding ? { binding } : {}) };
  assert.match(await attempt(client, options), /<malformed-request\/>/);
});

test('RFC 5929 §4.1: where no hash is defined for the certificate, and TLS is 1.2, nothing binds', () => {
  const info: Pick<TlsInfo, 'protocol' | 'localCertificateDer' | 'exportKeyingMaterial'> = {
    protocol: 'TLSv1.2',
    localCertificateDer: Buffer.from('302a', 'hex'),
    exportKeyingMaterial: () => assert.fail('not with TLS 1.2'),
  };
  assert.equal(channelBindings(info as TlsInfo).size, 0);
  assert.equal(channelBindings(undefined).size, 0);
});
