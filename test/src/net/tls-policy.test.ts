// What a handshake with us can and cannot agree on (RFC 7590, RFC 9325).

import assert from 'node:assert/strict';
import { constants } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect as tcpConnect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, createServer as createTlsServer, getCiphers } from 'node:tls';
import { CertificateStore } from '../../../src/net/certificates.ts';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { connectTls, type SecureStream, ServerTls } from '../../../src/net/tls.ts';
import { TLS_POLICY } from '../../../src/net/tls-policy.ts';
import { temporaryDirectory } from './certificate-fixture.ts';

const DOMAINS = ['capulet.lit', 'montague.lit'];
/** What OpenSSL knows and forbids by default, for the side that wants the worst. */
const ANYTHING = 'ALL:COMPLEMENTOFALL@SECLEVEL=0';

interface Port {
  readonly port: number;
  readonly store: CertificateStore;
  /** What came of the handshakes, in order. */
  readonly results: Promise<SecureStream>[];
}

/** Shakes hands on a port of loopback; capulet.lit is for who names nobody, the other one comes by SNI. */
async function listening(t: TestContext, requestCert = false): Promise<Port> {
  const directory = await temporaryDirectory(t);
  const { ca } = await makeDevelopmentCertificates(directory, DOMAINS);
  const store = new CertificateStore(directory, { ca: [ca] });
  await store.reload();
  const tls = new ServerTls(store, { alpn: ['xmpp-client'], requestCert });
  const results: Promise<SecureStream>[] = [];
  const server = createServer((socket) => {
    const result = tls.accept(socket, 'capulet.lit');
    result.then(
      ({ socket: secured }) => t.after(() => void secured.destroy()),
      () => {},
    );
    results.push(result);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  return { port: (server.address() as { port: number }).port, store, results };
}

/** What was agreed on, or why nothing was. */
async function shake(t: TestContext, { port, store }: Port, options: ConnectionOptions = {}) {
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'montague.lit',
    ca: [...store.ca],
    ...options,
  });
  t.after(() => void socket.destroy());
  try {
    await once(socket, 'secureConnect');
    return { socket, protocol: socket.getProtocol(), cipher: socket.getCipher().name };
  } catch (error) {
    return { socket, error: String((error as { code?: string }).code) };
  }
}

test('RFC 7590 §3.2, RFC 9325 §3.1.1: accepts only TLS 1.2 and 1.3, with every certificate', async (t) => {
  const port = await listening(t);
  for (const servername of DOMAINS) {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const limits = { servername, minVersion: version, maxVersion: version };
      assert.equal((await shake(t, port, limits)).protocol, version);
    }
    for (const maxVersion of ['TLSv1', 'TLSv1.1'] as const) {
      const limits = { servername, minVersion: 'TLSv1', maxVersion, ciphers: ANYTHING } as const;
      assert.equal((await shake(t, port, limits)).error, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    }
  }
});

test('RFC 9325 §4.1: every cipher of TLS 1.2 has forward secrecy, authenticated encryption and a name', async (t) => {
  const port = await listening(t);
  const agreed = new Set<string>();
  for (const servername of DOMAINS) {
    for (const name of getCiphers().filter((cipher) => !cipher.startsWith('tls_'))) {
      const ciphers = `${name.toUpperCase()}:@SECLEVEL=0`;
      const { cipher } = await shake(t, port, { servername, maxVersion: 'TLSv1.2', ciphers });
      if (cipher !== undefined) agreed.add(cipher);
    }
  }
  assert.deepEqual([...agreed].sort(), [
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
  ]);
});

test('RFC 9325 §4.2: the server selects the cipher', async (t) => {
  const port = await listening(t);
  for (const servername of DOMAINS) {
    const ciphers = 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256';
    const { cipher } = await shake(t, port, { servername, maxVersion: 'TLSv1.2', ciphers });
    assert.equal(cipher, 'ECDHE-ECDSA-AES128-GCM-SHA256');
  }
});

test('RFC 9325 §3.5: renegotiation is refused', async (t) => {
  const port = await listening(t);
  for (const servername of DOMAINS) {
    const { socket } = await shake(t, port, { servername, maxVersion: 'TLSv1.2' });
    const refusal = new Promise<Error | null>((resolve) => {
      socket.once('error', resolve);
      socket.renegotiate({}, resolve);
    });
    assert.match(String(await refusal), /no.renegotiation/i);
  }
});

test('RFC 9325 §3.1.1: outgoing connections have the same requirements', async (t) => {
  const { key, cert } = (await listening(t)).store.certificateFor('capulet.lit')!;
  const answers: [settings: object, isFine: boolean][] = [
    [{ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: ANYTHING }, false],
    [{ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0' }, false],
    [{ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }, true],
    [{}, true],
  ];
  for (const [settings, isFine] of answers) {
    const server = createTlsServer({ key, cert, ...settings });
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => void server.close());
    const { port } = server.address() as { port: number };
    const socket = tcpConnect(port, '127.0.0.1');
    t.after(() => void socket.destroy());
    const secured = connectTls(socket, { servername: 'capulet.lit' });
    if (isFine) assert.match((await secured).info.protocol, /^TLSv1\.[23]$/);
    else await assert.rejects(secured, { code: 'tls-failed' }, JSON.stringify(settings));
  }
});

test('every secure context has the same policy', () => {
  const options: number = TLS_POLICY.secureOptions;
  assert.ok(
    (options & constants.SSL_OP_NO_RENEGOTIATION) !== 0 && (options & constants.SSL_OP_NO_TICKET) !== 0,
  );
  assert.doesNotMatch(TLS_POLICY.ciphers, /CBC|SHA(:|$)|RC4|3DES|NULL|(^|:)AES|DHE-RSA-AES\d+-SHA|PSK/);
});

for (const requestCert of [false, true]) {
  const who = requestCert ? 'a server' : 'a client';
  test(`RFC 9325 §3.4: no session of ${who} is resumed, so channel binding knows the certificate`, async (t) => {
    const port = await listening(t, requestCert);
    const first = await shake(t, port, { maxVersion: 'TLSv1.2' });
    assert.equal(first.socket.getTLSTicket(), undefined);
    const session = first.socket.getSession();
    const second = await shake(t, port, { maxVersion: 'TLSv1.2', ...(session ? { session } : {}) });
    assert.ok(!second.socket.isSessionReused());
    const latest = await shake(t, port, { minVersion: 'TLSv1.3' });
    let tickets = 0;
    latest.socket.on('session', () => tickets++);
    const { socket, info } = await port.results[2]!;
    socket.write('more');
    await once(latest.socket, 'data'); // Tickets would have come before.
    assert.equal(tickets, 0);
    assert.deepEqual(info.localCertificateDer, latest.socket.getPeerCertificate().raw);
  });
}
