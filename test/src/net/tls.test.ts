import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, connect as tcpConnect } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { type TestContext, test } from 'node:test';
import * as nodeTls from 'node:tls';
import { CertificateStore } from '../../../src/net/certificates.ts';
import { Connection } from '../../../src/net/connection.ts';
import type { DaneEndpoint } from '../../../src/net/dane.ts';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { certificateMatches } from '../../../src/net/identity.ts';
import { connectTls, ServerTls } from '../../../src/net/tls.ts';
import type { TransportHandler } from '../../../src/net/transport.ts';
import { Faults } from '../../../src/util/faults.ts';
import { assertFaults, ErrorLog } from '../../support/server.ts';
import { type Issued, issue, purpose } from './authority-fixture.ts';
import { DAY_MS, temporaryDirectory } from './certificate-fixture.ts';

const DOMAINS = ['montague.lit', 'capulet.lit'];

/** A store with development certificates for both houses, that trusts their authority. */
async function developmentStore(t: TestContext): Promise<CertificateStore> {
  const directory = await temporaryDirectory(t);
  const { ca } = await makeDevelopmentCertificates(directory, DOMAINS);
  const store = new CertificateStore(directory, { ca: [ca] });
  assert.deepEqual(await store.reload(), []);
  return store;
}

/** Two ends of a TCP connection on loopback. */
async function tcpPair(t: TestContext): Promise<[Duplex, Duplex]> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = server.address();
  const port = typeof at === 'object' && at !== null ? at.port : 0;
  const accepted = once(server, 'connection') as Promise<[Duplex]>;
  const client = tcpConnect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(client, 'connect');
  const [socket] = await accepted;
  t.after(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return [client, socket];
}

async function memoryPair(t: TestContext): Promise<[Duplex, Duplex]> {
  const [client, server] = duplexPair();
  t.after(() => void client.destroy());
  t.after(() => void server.destroy());
  return [client, server];
}

function collector() {
  const closed = Promise.withResolvers<Error | undefined>();
  let received = '';
  let heard = () => {};
  const handler: TransportHandler = {
    onData(chunk) {
      received += chunk.toString();
      heard();
    },
    onClose: (error) => closed.resolve(error),
  };
  const until = async (text: string) => {
    while (!received.includes(text)) await new Promise<void>((resolve) => (heard = resolve));
  };
  return { handler, closed: closed.promise, until };
}

for (const [kind, pair] of [
  ['TCP', tcpPair],
  ['streams in memory', memoryPair],
] as const) {
  test(`RFC 6120 §5.4: STARTTLS on the same connection objects, over ${kind}`, async (t) => {
    const store = await developmentStore(t);
    const [a, b] = await pair(t);
    // A pair in memory does not tell its one end that the other is gone: only the grace time does.
    const [client, server] = [new Connection(a), new Connection(b, { closeTimeoutMs: 20 })];
    const [fromServer, fromClient] = [collector(), collector()];
    client.handler = fromServer.handler;
    server.handler = fromClient.handler;
    client.write('<starttls/>');
    await fromClient.until('<starttls/>');
    server.write('<proceed/>');
    const tls = new ServerTls(store, { alpn: ['xmpp-client'], requestCert: false });
    const serverSide = server.startTls({ side: 'server', tls });
    server.write('<after/>'); // waits for the handshake
    await fromServer.until('<proceed/>');
    const clientSide = client.startTls({ side: 'client', servername: 'capulet.lit', ca: store.ca });
    const [serverInfo, clientInfo] = await Promise.all([serverSide, clientSide]);

    assert.equal(clientInfo.authorized, true);
    assert.equal(clientInfo.protocol, 'TLSv1.3');
    assert.equal(serverInfo.servername, 'capulet.lit');
    assert.ok(client.secure && server.secure);
    await fromServer.until('<after/>');
    client.write('<secret/>');
    await fromClient.until('<secret/>');

    // RFC 9266 §4.2: both sides derive the same channel binding.
    const label = 'EXPORTER-Channel-Binding';
    const ours = serverInfo.exportKeyingMaterial(32, label);
    assert.equal(ours.length, 32);
    assert.deepEqual(ours, clientInfo.exportKeyingMaterial(32, label));
    assert.deepEqual(serverInfo.localCertificateDer, clientInfo.peerCertificate?.raw);

    client.end();
    assert.equal(await fromServer.closed, undefined);
    assert.equal(await fromClient.closed, undefined);
  });

  test(`RFC 6120 §5.3.3: bytes after <starttls/> refuse the upgrade, over ${kind}`, async (t) => {
    const store = await developmentStore(t);
    const tls = new ServerTls(store, { alpn: [], requestCert: false });
    for (const leftover of [Buffer.from('<iq/>'), Buffer.from('\n<iq/>'), undefined]) {
      const [, b] = await pair(t);
      const server = new Connection(b);
      const heard = collector();
      server.handler = heard.handler;
      // Given by the caller, or waiting in the stream's own buffer.
      server.pause();
      if (leftover === undefined) b.unshift(Buffer.from('<iq/>'));
      await assert.rejects(server.startTls({ side: 'server', tls }, leftover), { code: 'starttls-refused' });
      assert.equal(server.secure, false);
      assert.match((await heard.closed)?.message ?? '', /in the clear/);
    }
  });

  test(`white space after <starttls/> and <proceed/> is ignored, over ${kind}`, async (t) => {
    const store = await developmentStore(t);
    const tls = new ServerTls(store, { alpn: [], requestCert: false });
    const [a, b] = await pair(t);
    const [client, server] = [new Connection(a), new Connection(b)];
    client.handler = collector().handler;
    server.handler = collector().handler;
    server.pause();
    b.unshift(Buffer.from('\t\r\n'));
    const serverSide = server.startTls({ side: 'server', tls }, Buffer.from('\n'));
    const upgrade = { side: 'client', servername: 'capulet.lit', ca: store.ca } as const;
    const clientSide = client.startTls(upgrade, Buffer.from(' \n'));
    const [{ protocol }, { authorized }] = await Promise.all([serverSide, clientSide]);
    assert.deepEqual([protocol, authorized], ['TLSv1.3', true]);
    client.destroy();
    server.destroy();
  });
}

test('RFC 6066 §3: SNI selects the certificate; without SNI, the domain of the stream does', async (t) => {
  const store = await developmentStore(t);
  const tls = new ServerTls(store, { alpn: [], requestCert: false });
  for (const domain of DOMAINS) {
    const [a, b] = await tcpPair(t);
    const other = DOMAINS.find((name) => name !== domain);
    const accepted = tls.accept(b, other);
    const { info } = await connectTls(a, { servername: domain, ca: store.ca });
    await accepted;
    assert.ok(
      info.peerCertificate !== undefined && certificateMatches(info.peerCertificate, domain, 'xmpp-server'),
    );
  }
  for (const domain of DOMAINS) {
    const [a, b] = await tcpPair(t);
    const accepted = tls.accept(b, domain);
    // An address is never sent as SNI (RFC 6066 §3).
    const { info } = await connectTls(a, { servername: '127.0.0.1', ca: store.ca });
    assert.equal((await accepted).info.servername, undefined);
    assert.ok(
      info.peerCertificate !== undefined && certificateMatches(info.peerCertificate, domain, 'xmpp-server'),
    );
  }
});

test('RFC 7301: selects our protocol, refuses an offer without it, and accepts no offer', async (t) => {
  const store = await developmentStore(t);
  const tls = new ServerTls(store, { alpn: ['xmpp-client'], requestCert: false });
  const shake = async (alpn?: string[]) => {
    const [a, b] = await tcpPair(t);
    const options = { servername: 'capulet.lit', ca: store.ca, ...(alpn === undefined ? {} : { alpn }) };
    const [server, client] = await Promise.allSettled([tls.accept(b), connectTls(a, options)]);
    if (server.status === 'rejected') return server.reason;
    return client.status === 'fulfilled' ? [server.value.info.alpn, client.value.info.alpn] : client.reason;
  };
  assert.deepEqual(await shake(['h2', 'xmpp-client']), ['xmpp-client', 'xmpp-client']);
  assert.deepEqual(await shake(), [undefined, undefined]);
  assert.match((await shake(['h2'])).message, /TLS handshake failed/);
});

test('RFC 6120 §13.7.2: each server gets the certificate of the other, and whether its chain is valid', async (t) => {
  const store = await developmentStore(t);
  const tls = new ServerTls(store, { alpn: [], requestCert: true });
  for (const pair of [tcpPair, memoryPair]) {
    const [a, b] = await pair(t);
    const accepted = tls.accept(b);
    await connectTls(a, { servername: 'capulet.lit', context: store.clientContextFor('montague.lit') });
    const { info } = await accepted;
    assert.equal(info.authorized, true);
    assert.equal(info.authorizationError, undefined);
    assert.ok(info.peerCertificate !== undefined);
    assert.ok(certificateMatches(info.peerCertificate, 'montague.lit', 'xmpp-server'));
  }
  const stranger = await developmentStore(t);
  const [a, b] = await tcpPair(t);
  const accepted = tls.accept(b);
  const { info: clientInfo } = await connectTls(a, {
    servername: 'capulet.lit',
    context: stranger.clientContextFor('montague.lit'),
  });
  const { info } = await accepted;
  assert.equal(info.authorized, false);
  assert.match(info.authorizationError ?? '', /SELF_SIGNED|UNABLE_TO/);
  assert.equal(clientInfo.authorized, false);
});

test('XEP-0178 §3: a connecting server may present a certificate with the purpose "server" only', async (t) => {
  const [SERVER, CLIENT, CODE] = [1, 2, 3].map((last) => purpose(`1.3.6.1.5.5.7.3.${last}`));
  const root = issue({ name: 'root', isAuthority: true });
  const between = issue({ name: 'between', isAuthority: true, by: root, extensions: [SERVER!] });
  const forClients = issue({ name: 'clients', isAuthority: true, by: root, extensions: [CLIENT!] });
  const stranger = issue({ name: 'root', isAuthority: true });
  const past = { from: Date.now() - 9 * DAY_MS, until: Date.now() - DAY_MS };
  const cases: [what: string, isGood: boolean, chain: Issued[]][] = [
    ['an authority has signed it', true, [issue({ name: 'a', by: root, extensions: [SERVER!] })]],
    ['one below it has', true, [issue({ name: 'a', by: between, extensions: [SERVER!] }), between]],
    ['for clients', true, [issue({ name: 'a', by: root, extensions: [CLIENT!] })]],
    ['for neither', false, [issue({ name: 'a', by: root, extensions: [CODE!] })]],
    ['nobody has signed it', false, [issue({ name: 'a', extensions: [SERVER!] })]],
    ['a stranger has', false, [issue({ name: 'a', by: stranger, extensions: [SERVER!] }), stranger]],
    ['expired', false, [issue({ name: 'a', by: root, extensions: [SERVER!], ...past })]],
    ['a link is missing', false, [issue({ name: 'a', by: between, extensions: [SERVER!] })]],
    [
      'below one for clients',
      false,
      [issue({ name: 'a', by: forClients, extensions: [SERVER!] }), forClients],
    ],
  ];
  const folder = await temporaryDirectory(t);
  await makeDevelopmentCertificates(folder, DOMAINS);
  const store = new CertificateStore(folder, { ca: [root.pem] });
  await store.reload();
  const tls = new ServerTls(store, { alpn: [], requestCert: true });
  for (const [what, isGood, chain] of cases) {
    const [a, b] = await memoryPair(t);
    const accepted = tls.accept(b);
    const key = chain[0]!.key.export({ type: 'pkcs8', format: 'pem' }).toString();
    const cert = chain.map(({ pem }) => pem).join('');
    await connectTls(a, { servername: 'capulet.lit', certificate: { cert, key } });
    const { info } = await accepted;
    assert.equal(info.authorized, isGood, what);
    assert.equal(info.authorizationError === undefined, isGood, what);
  }
});

test('a missing client certificate differs from an invalid one', async (t) => {
  const store = await developmentStore(t);
  const tls = new ServerTls(store, { alpn: [], requestCert: true });
  const [a, b] = await tcpPair(t);
  const accepted = tls.accept(b);
  await connectTls(a, { servername: 'capulet.lit', ca: store.ca });
  const { info } = await accepted;
  assert.equal(info.peerCertificate, undefined);
  assert.equal(info.authorized, false);
  assert.equal(info.authorizationError, 'the peer sent no certificate');
});

test('a reload applies to new handshakes and closes no connection', async (t) => {
  const store = await developmentStore(t);
  const tls = new ServerTls(store, { alpn: [], requestCert: false });
  const shake = async () => {
    const [a, b] = await tcpPair(t);
    const accepted = tls.accept(b, 'capulet.lit');
    const client = await connectTls(a, { servername: 'capulet.lit', ca: store.ca });
    return { server: await accepted, client };
  };
  const before = await shake();
  const { rm } = await import('node:fs/promises');
  for (const end of ['crt', 'key']) await rm(`${store.directory}/capulet.lit.${end}`);
  await makeDevelopmentCertificates(store.directory, DOMAINS);
  assert.deepEqual(await store.reload(), []);
  const after = await shake();
  assert.notDeepEqual(after.client.info.peerCertificate?.raw, before.client.info.peerCertificate?.raw);
  const said = once(before.server.socket, 'data');
  before.client.socket.write('still here');
  assert.equal(String((await said)[0]), 'still here');
});

test('RFC 9325 §3.1.1: refuses versions before TLS 1.2, and handshakes that take too long', async (t) => {
  const store = await developmentStore(t);
  const tls = new ServerTls(store, { alpn: [], requestCert: false, handshakeTimeoutMs: 40 });
  const [a, b] = await tcpPair(t);
  const accepted = tls.accept(b);
  const old = nodeTls.connect({
    socket: a as never,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
    rejectUnauthorized: false,
  });
  old.on('error', () => {});
  await assert.rejects(accepted, { code: 'tls-failed' });
  for (const pair of [tcpPair, memoryPair]) {
    const [, silent] = await pair(t);
    await assert.rejects(tls.accept(silent), /no answer within 0.04 s/);
    assert.equal(silent.destroyed, true);
    const [mute] = await pair(t);
    await assert.rejects(
      connectTls(mute, { servername: 'a.lit', handshakeTimeoutMs: 40 }),
      /no answer within/,
    );
  }
});

test('a handshake fails with a peer that speaks no TLS, or closes the connection', async (t) => {
  const store = await developmentStore(t);
  const tls = new ServerTls(store, { alpn: [], requestCert: false });
  const [a, b] = await tcpPair(t);
  a.write('<stream:stream>');
  await assert.rejects(tls.accept(b), { code: 'tls-failed', message: /wrong version number|http request/i });
  const [c, d] = await tcpPair(t);
  const accepted = tls.accept(d);
  c.destroy();
  await assert.rejects(accepted, /TLS handshake failed: the peer closed the connection/);
});

test('refuses the handshake with a clear error when there is no certificate', async (t) => {
  const store = new CertificateStore(await temporaryDirectory(t));
  await store.reload();
  const tls = new ServerTls(store, { alpn: [], requestCert: false });
  const [, b] = await memoryPair(t);
  await assert.rejects(tls.accept(b), { code: 'no-certificate' });
});

test('destroying a connection during the handshake ends it', async (t) => {
  const store = await developmentStore(t);
  const tls = new ServerTls(store, { alpn: [], requestCert: false });
  const [, b] = await tcpPair(t);
  const server = new Connection(b);
  const heard = collector();
  server.handler = heard.handler;
  const securing = server.startTls({ side: 'server', tls });
  server.destroy(new Error('shutting down'));
  await assert.rejects(securing, /shutting down/);
  assert.equal((await heard.closed)?.message, 'shutting down');
});

test('an exception about the certificate of a server fails the handshake, and is reported', async (t) => {
  const [a, b] = await tcpPair(t);
  const faults = new Faults(new ErrorLog());
  const broken = { domain: 'capulet.lit', host: 'capulet.lit', port: 5269 } as DaneEndpoint;
  Object.defineProperty(broken, 'records', { get: () => assert.fail('broken') });
  const tls = new ServerTls(await developmentStore(t), { alpn: [], requestCert: false });
  const accepted = tls.accept(b).catch(() => undefined);
  await assert.rejects(connectTls(a, { servername: 'capulet.lit', dane: broken, faults }), {
    code: 'tls-failed',
    message: "the peer's certificate could not be read",
  });
  assertFaults(faults, { connection: 1 });
  await accepted;
});

test('an exception about the certificate of a client fails the handshake, and is reported', async (t) => {
  const [a, b] = await tcpPair(t);
  const faults = new Faults(new ErrorLog());
  // Looked at only where a certificate for servers alone is shown by somebody who calls.
  const store = await developmentStore(t);
  const shown = issue({
    name: 'montague.lit',
    dns: ['montague.lit'],
    extensions: [purpose('1.3.6.1.5.5.7.3.1')],
  });
  const trusting = new CertificateStore(store.directory, { ca: [...store.ca, shown.pem, 'no certificate'] });
  await trusting.reload();
  const tls = new ServerTls(trusting, { alpn: [], requestCert: true, faults });
  const key = shown.key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const connected = connectTls(a, { servername: 'capulet.lit', certificate: { key, cert: shown.pem } });
  connected.catch(() => {});
  await assert.rejects(tls.accept(b), {
    code: 'tls-failed',
    message: "the peer's certificate could not be read",
  });
  assertFaults(faults, { connection: 1 });
});
