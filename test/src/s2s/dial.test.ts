import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import * as tls from 'node:tls';
import { type Certificate, CertificateStore } from '../../../src/net/certificates.ts';
import type { Connection } from '../../../src/net/connection.ts';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { dialer, resolverFor, Suspects } from '../../../src/s2s/dial.ts';
import { certificateProves } from '../../../src/s2s/policy.ts';
import { undeliverable } from '../../../src/s2s/undeliverable.ts';
import { type Clock, systemClock } from '../../../src/util/clock.ts';
import { Faults } from '../../../src/util/faults.ts';
import { silentLogger } from '../../../src/util/logger.ts';
import { FakeClock } from '../../support/clock.ts';
import { type DnsFixture, dnsFixture } from '../../support/dns-fixture.ts';
import { testConfig } from '../../support/server.ts';
import { spki } from '../net/authority-fixture.ts';
import { temporaryDirectory } from '../net/certificate-fixture.ts';

const HOME = 'montague.lit';
const AWAY = 'capulet.lit';
const PLAIN = `_xmpp-server._tcp.${AWAY}`;
const DIRECT = `_xmpps-server._tcp.${AWAY}`;

interface Peer {
  readonly port: number;
  /** The number of connections. */
  calls: number;
}

interface SecurePeer extends Peer {
  /** TLS facts of its first connection. */
  readonly first: Promise<tls.TLSSocket & { servername: string | false }>;
}

interface World {
  readonly dns: DnsFixture;
  readonly certificates: CertificateStore;
  /** Calls capulet.lit; the connection ends with the test. */
  call(signal?: AbortSignal): Promise<Connection>;
  certificate(domain?: string): Certificate;
  /** TLS from the first byte. */
  direct(options?: tls.TlsOptions): Promise<SecurePeer>;
  /** For STARTTLS: plain TCP. */
  plain(onSocket?: (socket: Socket) => void): Promise<Peer>;
  /** Adds the TLSA record for a certificate at a port of xmpp.lit. */
  tlsa(port: number, entry?: { of?: Certificate; hex?: string }): void;
}

async function world(t: TestContext, config = 'dane = "auto"', clock: Clock = systemClock): Promise<World> {
  const folder = await temporaryDirectory(t);
  await makeDevelopmentCertificates(folder, [HOME, AWAY]);
  const certificates = new CertificateStore(folder);
  await certificates.reload();
  const dns = await dnsFixture(t, { 'xmpp.lit': { A: ['127.0.0.1'] } });
  const text = `dns_servers = ["${dns.address}"]\n${config}\n[hosts."${HOME}"]`;
  const settings = await testConfig(text);
  const faults = new Faults(silentLogger);
  const context = { config: settings, clock, faults };
  const dial = dialer(context, certificates, resolverFor(settings));
  const certificate = (domain = AWAY): Certificate => {
    const found = certificates.certificateFor(domain);
    assert.ok(found);
    return found;
  };
  return {
    dns,
    certificates,
    certificate,
    async call(signal = new AbortController().signal) {
      const connection = await dial(AWAY, signal, HOME);
      t.after(() => connection.destroy());
      return connection;
    },
    direct: (options) => directPeer(t, certificate(), options),
    plain: (onSocket) => plainPeer(t, onSocket),
    tlsa(port, { of = certificate(), hex } = {}) {
      const hash = createHash('sha256').update(spki(new X509Certificate(of.cert)));
      dns.zone[`_${port}._tcp.xmpp.lit`] = { TLSA: [`3 1 1 ${hex ?? hash.digest('hex')}`] };
    },
  };
}

async function directPeer(
  t: TestContext,
  { cert, key }: Certificate,
  options: tls.TlsOptions = { ALPNProtocols: ['xmpp-server'] },
): Promise<SecurePeer> {
  const server = tls.createServer({ cert, key, requestCert: true, rejectUnauthorized: false, ...options });
  const first = Promise.withResolvers<tls.TLSSocket & { servername: string | false }>();
  const peer = { port: await listen(t, server), calls: 0, first: first.promise };
  server.on('connection', () => peer.calls++);
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    first.resolve(socket as tls.TLSSocket & { servername: string | false });
  });
  return peer;
}

async function plainPeer(t: TestContext, onSocket: (socket: Socket) => void = () => {}): Promise<Peer> {
  const peer = { port: 0, calls: 0 };
  const server = createServer((socket) => {
    peer.calls++;
    socket.on('error', () => {});
    onSocket(socket);
  });
  peer.port = await listen(t, server);
  return peer;
}

/** A port without a listener. */
async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listen(undefined, server);
  server.close();
  await once(server, 'close');
  return port;
}

async function listen(t: TestContext | undefined, server: Server | tls.Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  t?.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = server.address();
  assert.ok(at !== null && typeof at === 'object');
  return at.port;
}

test('XEP-0368 §2: TLS from the first byte, with the domain as SNI and xmpp-server as ALPN', async (t) => {
  const { dns, direct, call } = await world(t);
  const peer = await direct();
  dns.zone[DIRECT] = { SRV: [`0 0 ${peer.port} xmpp.lit`] };
  const connection = await call();
  assert.equal(connection.secure, true);
  assert.equal(connection.tls?.alpn, 'xmpp-server');
  assert.equal(connection.remoteAddress, '127.0.0.1');
  assert.match(connection.tls?.peerCertificate?.subjectAltName ?? '', /DNS:capulet\.lit/);
  assert.equal(connection.tls?.dane, undefined);
  const caller = await peer.first;
  assert.deepEqual([caller.servername, caller.alpnProtocol], [AWAY, 'xmpp-server']);
  assert.match(caller.getPeerX509Certificate()?.subjectAltName ?? '', /DNS:montague\.lit/);
});

test('XEP-0368 §2: a record for STARTTLS leads to an unencrypted connection', async (t) => {
  const { dns, plain, call } = await world(t);
  const peer = await plain();
  dns.zone[PLAIN] = { SRV: [`0 0 ${peer.port} xmpp.lit`] };
  assert.equal((await call()).secure, false);
});

test('XEP-0368 §2: after direct TLS has failed, the next target is tried', async (t) => {
  const { dns, plain, direct, call } = await world(t);
  const noTls = await plain((socket) => socket.end('<not-tls/>'));
  const other = await direct({ ALPNProtocols: ['h2'] });
  const good = await plain();
  dns.zone[DIRECT] = { SRV: [`0 0 ${noTls.port} xmpp.lit`, `1 0 ${other.port} xmpp.lit`] };
  dns.zone[PLAIN] = { SRV: [`2 0 ${good.port} xmpp.lit`] };
  assert.equal((await call()).secure, false);
  assert.deepEqual([noTls.calls, good.calls], [1, 1]);
});

test('the error names the reason for each target, also of a failed handshake', async (t) => {
  const { dns, plain, call } = await world(t);
  const noTls = await plain((socket) => socket.end('<not-tls/>'));
  const port = await closedPort();
  dns.zone[DIRECT] = { SRV: [`0 0 ${noTls.port} xmpp.lit`] };
  await assert.rejects(call(), { code: 'tls-failed', message: /^TLS handshake failed: / });
  const dns2 = await world(t);
  dns2.dns.zone[DIRECT] = dns.zone[DIRECT]!;
  dns2.dns.zone[PLAIN] = { SRV: [`1 0 ${port} xmpp.lit`] };
  await assert.rejects(dns2.call(), {
    code: 'connect-failed',
    message: new RegExp(
      `xmpp\\.lit:${noTls.port}: TLS handshake failed: .*; xmpp\\.lit:${port} \\(127\\.0\\.0\\.1\\): connection refused`,
    ),
  });
});

test('RFC 2782: after a dead target the next one is tried, in order of priority', async (t) => {
  const { dns, plain, call } = await world(t);
  const [second, third] = [await plain(), await plain()];
  dns.zone[PLAIN] = {
    SRV: [
      `20 0 ${third.port} xmpp.lit`,
      `0 0 ${await closedPort()} xmpp.lit`,
      `10 0 ${second.port} xmpp.lit`,
    ],
  };
  await call();
  assert.deepEqual([second.calls, third.calls], [1, 0]);
});

test('RFC 1035 §4.2.1: truncated answers of each look-up are requested again over TCP', async (t) => {
  const { dns, plain, call } = await world(t);
  const peer = await plain();
  dns.zone[PLAIN] = { SRV: [`0 0 ${peer.port} xmpp.lit`], isTruncated: true };
  dns.zone['xmpp.lit'] = { A: ['127.0.0.1'], isTruncated: true };
  await call();
  assert.deepEqual(
    dns.questions
      .filter(({ transport }) => transport === 'tcp')
      .map(({ type }) => type)
      .sort(),
    ['A', 'AAAA', 'SRV'],
  );
});

test('RFC 8305 §4: IPv6 comes first if this machine has it, else the address that works', async (t) => {
  const { dns, plain, call } = await world(t);
  const four = await plain();
  dns.zone['xmpp.lit'] = { A: ['127.0.0.1'], AAAA: ['::1'] };
  dns.zone[PLAIN] = { SRV: [`0 0 ${four.port} xmpp.lit`] };
  assert.equal((await call()).remoteAddress, '127.0.0.1', 'no listener on IPv6');
  const six = createServer((socket) => socket.on('error', () => {}).resume());
  const isOpen = await new Promise((resolve) => {
    six.once('error', () => resolve(false));
    six.listen(four.port, '::1', () => resolve(true));
  });
  if (!isOpen) return t.diagnostic('this machine has no IPv6');
  t.after(() => six.close());
  assert.equal((await call()).remoteAddress, '::1');
});

test('RFC 7673 §4.2: a certificate that matches the TLSA record of a direct TLS target proves its domain', async (t) => {
  const { dns, direct, tlsa, call } = await world(t);
  const peer = await direct();
  dns.isValidating = true;
  dns.zone[DIRECT] = { SRV: [`0 0 ${peer.port} xmpp.lit`] };
  tlsa(peer.port);
  const connection = await call();
  assert.deepEqual(connection.tls?.dane, { domain: AWAY, usage: 'DANE-EE' });
  assert.equal(connection.tls?.authorized, false);
  assert.equal(certificateProves(connection.tls, AWAY), true);
  assert.equal(certificateProves(connection.tls, 'verona.lit'), false, 'for no other domain');
});

test('RFC 6698 §4.1: a target whose certificate matches no TLSA record is not used', async (t) => {
  const { dns, direct, plain, tlsa, call } = await world(t);
  const [wrong, good] = [await direct(), await plain()];
  dns.isValidating = true;
  dns.zone[DIRECT] = { SRV: [`0 0 ${wrong.port} xmpp.lit`] };
  tlsa(wrong.port, { hex: '00'.repeat(32) });
  const expected = `the certificate that capulet.lit showed at xmpp.lit:${wrong.port} does not match its TLSA records (DANE, _${wrong.port}._tcp.xmpp.lit: DANE-EE)`;
  await assert.rejects(call(), { code: 'dane-mismatch', message: expected });
  const next = await world(t);
  Object.assign(next.dns.zone, dns.zone, { [PLAIN]: { SRV: [`1 0 ${good.port} xmpp.lit`] } });
  next.dns.isValidating = true;
  assert.equal((await next.call()).secure, false);
});

test('RFC 7673 §4.2: with STARTTLS the TLSA records apply to the handshake', async (t) => {
  const { dns, plain, certificate, tlsa, call, certificates } = await world(t);
  const { cert, key } = certificate();
  const peer = await plain((socket) => {
    const secured = new tls.TLSSocket(socket, { isServer: true, cert, key });
    secured.on('error', () => {});
  });
  dns.isValidating = true;
  dns.zone[PLAIN] = { SRV: [`0 0 ${peer.port} xmpp.lit`] };
  const upgrade = { side: 'client', servername: AWAY, context: certificates.clientContextFor(HOME) } as const;
  tlsa(peer.port);
  assert.equal((await (await call()).startTls(upgrade)).dane?.usage, 'DANE-EE');
  const other = await world(t);
  Object.assign(other.dns.zone, dns.zone);
  other.dns.isValidating = true;
  other.tlsa(peer.port, { of: other.certificate(HOME) });
  const connection = await other.call();
  assert.equal(connection.dane?.host, 'xmpp.lit');
  await assert.rejects(connection.startTls(upgrade), { code: 'dane-mismatch' });
});

test('a target with which STARTTLS has failed comes last from then on', async (t) => {
  const { dns, plain, call, certificates } = await world(t);
  const first = await plain((socket) => socket.once('data', () => socket.destroy()));
  const second = await plain();
  dns.zone[PLAIN] = { SRV: [`0 0 ${first.port} xmpp.lit`, `1 0 ${second.port} xmpp.lit`] };
  const upgrade = { side: 'client', servername: AWAY, context: certificates.clientContextFor(HOME) } as const;
  await assert.rejects((await call()).startTls(upgrade), { code: 'tls-failed' });
  assert.deepEqual([first.calls, second.calls], [1, 0]);
  await call();
  await call();
  assert.deepEqual([first.calls, second.calls], [1, 2]);
});

test('at most 1,000 targets are suspect; the oldest is forgotten', () => {
  const clock = new FakeClock();
  const suspects = new Suspects(clock);
  const target = (n: number) => ({
    host: `host${n}.lit`,
    port: 5269,
    directTls: false,
    authenticated: false,
  });
  for (let n = 0; n <= 1_000; n++) suspects.add(AWAY, target(n));
  const order = (...numbers: number[]) => suspects.order(AWAY, numbers.map(target)).map(({ host }) => host);
  assert.deepEqual(order(1, 0), ['host0.lit', 'host1.lit']);
  assert.deepEqual(order(1_000, 1_001), ['host1001.lit', 'host1000.lit']);
});

test('a handshake that this server aborts does not make the target suspect', async (t) => {
  const { dns, plain, call, certificates } = await world(t);
  const [first, second] = [await plain(), await plain()];
  dns.zone[PLAIN] = { SRV: [`0 0 ${first.port} xmpp.lit`, `1 0 ${second.port} xmpp.lit`] };
  const connection = await call();
  const context = certificates.clientContextFor(HOME);
  const upgrade = connection.startTls({ side: 'client', servername: AWAY, context });
  connection.end();
  await assert.rejects(upgrade, { code: 'closed' });
  await call();
  assert.deepEqual([first.calls, second.calls], [2, 0]);
});

test('after a target hangs up during the look-up of its TLSA records, the next one is tried', async (t) => {
  const { dns, plain, call } = await world(t);
  const gone = Promise.withResolvers<void>();
  const first = await plain((socket) => {
    socket.resetAndDestroy();
    gone.resolve();
  });
  const second = await plain();
  dns.isValidating = true;
  dns.zone[PLAIN] = { SRV: [`0 0 ${first.port} xmpp.lit`, `1 0 ${second.port} xmpp.lit`] };
  dns.misbehave = (response, { type }, send) => {
    if (type === 'TLSA') void gone.promise.then(() => setImmediate(() => send(response)));
    else send(response);
  };
  await call();
  assert.equal(second.calls, 1);
});

test('RFC 7673 §3.4: a target whose TLSA records are bogus is not used', async (t) => {
  const { dns, plain, call } = await world(t);
  const [first, second] = [await plain(), await plain()];
  dns.isValidating = true;
  dns.zone[PLAIN] = { SRV: [`0 0 ${first.port} xmpp.lit`, `1 0 ${second.port} xmpp.lit`] };
  dns.zone[`_${first.port}._tcp.xmpp.lit`] = { TLSA: [`3 1 1 ${'00'.repeat(32)}`], dnssec: 'bogus' };
  const connection = await call();
  assert.deepEqual(connection.dane?.records, []);
  assert.equal(second.calls, 1);
});

test('dane = "never": TLSA records are not looked up', async (t) => {
  const { dns, direct, tlsa, call } = await world(t, 'dane = "never"');
  const peer = await direct();
  dns.isValidating = true;
  dns.zone[DIRECT] = { SRV: [`0 0 ${peer.port} xmpp.lit`] };
  tlsa(peer.port, { hex: '00'.repeat(32) });
  assert.equal((await call()).tls?.dane, undefined);
  assert.ok(dns.questions.every(({ type }) => type !== 'TLSA'));
});

test('a call that is aborted during the handshake ends immediately', async (t) => {
  const { dns, plain, call } = await world(t);
  const abort = new AbortController();
  const peer = await plain((socket) => socket.once('data', () => abort.abort()));
  dns.zone[DIRECT] = { SRV: [`0 0 ${peer.port} xmpp.lit`] };
  await assert.rejects(call(abort.signal), { code: 'tls-failed' });
});

test('look-ups and connection attempts together take at most 20 s', async (t) => {
  const clock = new FakeClock();
  const { dns, call } = await world(t, '', clock);
  dns.misbehave = () => {};
  const refused = assert.rejects(call(), { code: 'dns-failed', message: /did not answer within 20 s/ });
  await clock.advance(19_999);
  await clock.advance(1);
  await refused;
  assert.equal(clock.pending, 0);
});

test('the 20 s include the look-up of TLSA records after the connection', async (t) => {
  const clock = new FakeClock();
  const { dns, call, plain } = await world(t, 'dane = "auto"', clock);
  const peer = await plain();
  dns.isValidating = true;
  dns.zone[PLAIN] = { SRV: [`0 0 ${peer.port} xmpp.lit`] };
  const asked = Promise.withResolvers<void>();
  dns.misbehave = (response, { type }, send) => (type === 'TLSA' ? asked.resolve() : send(response));
  const refused = assert.rejects(call(), { code: 'dns-failed', message: /did not answer within 20 s/ });
  await asked.promise;
  await clock.advance(20_000);
  await refused;
});

test('look-ups shorten the time for connection attempts', async (t) => {
  const clock = new FakeClock();
  const { dns, call } = await world(t, '', clock);
  dns.zone[PLAIN] = { SRV: ['0 0 5269 xmpp.lit'] };
  const [service, host] = [Promise.withResolvers<() => void>(), Promise.withResolvers<void>()];
  dns.misbehave = (response, { type, name }, send) => {
    if (type !== 'SRV') host.resolve();
    else if (name === PLAIN) service.resolve(() => send(response));
    else send(response);
  };
  const refused = assert.rejects(call(), { message: /no answer within 5 s/ });
  const answer = await service.promise;
  await clock.advance(15_000);
  answer();
  await host.promise;
  await clock.advance(5_000);
  await refused;
});

test('look-ups shorten the time for the handshake of direct TLS', async (t) => {
  const clock = new FakeClock();
  const { dns, call, plain } = await world(t, '', clock);
  const peer = await plain(); // It accepts the connection and never answers.
  dns.zone[DIRECT] = { SRV: [`0 0 ${peer.port} xmpp.lit`] };
  const service = Promise.withResolvers<() => void>();
  dns.misbehave = (response, { name }, send) =>
    name === DIRECT ? service.resolve(() => send(response)) : send(response);
  const refused = assert.rejects(call(), { code: 'tls-failed', message: /no answer within 0\.1 s/ });
  const answer = await service.promise;
  await clock.advance(19_900);
  answer();
  await refused;
});

test('a call that is aborted during a look-up ends immediately', async (t) => {
  const { dns, call } = await world(t);
  dns.misbehave = () => {};
  const abort = new AbortController();
  const refused = assert.rejects(call(abort.signal), { code: 'closed' });
  abort.abort();
  await refused;
  await assert.rejects(call(abort.signal), { code: 'closed' });
});

test('s2s_refused_addresses = "loopback" (default): no address record leads to this machine', async (t) => {
  const { dns, call, plain } = await world(t, 's2s_refused_addresses = "loopback"');
  const peer = await plain();
  dns.zone[PLAIN] = {
    SRV: [`0 0 ${peer.port} xmpp.lit`, `1 0 ${peer.port} mapped.lit`, `2 0 ${peer.port} 127.0.0.1`],
  };
  dns.zone['mapped.lit'] = { AAAA: ['::ffff:127.0.0.1'] };
  await assert.rejects(call(), (error: Error) => {
    assert.match(
      error.message,
      /xmpp\.lit:\d+: its address 127\.0\.0\.1 is not called \(s2s_refused_addresses/,
    );
    assert.match(error.message, /mapped\.lit:\d+: its address ::ffff:\S+ is not called/);
    assert.match(error.message, /; 127\.0\.0\.1:\d+: its address 127\.0\.0\.1 is not called/);
    return true;
  });
  assert.equal(peer.calls, 0);
});

test('s2s_refused_addresses: no SRV record leads to this machine', async (t) => {
  const { dns, call, plain } = await world(t, 's2s_refused_addresses = "loopback"');
  const peer = await plain();
  dns.zone[PLAIN] = { SRV: [`0 0 ${peer.port} localhost`, `1 0 ${peer.port} LOCALHOST`] };
  await assert.rejects(
    call(),
    /localhost:\d+: its address 127\.0\.0\.1 is not called \(s2s_refused_addresses/i,
  );
  assert.equal(peer.calls, 0);
});

test('s2s_refused_addresses = "none": records may lead to this machine', async (t) => {
  const { dns, call, plain } = await world(t, 's2s_refused_addresses = "none"');
  const peer = await plain();
  dns.zone[PLAIN] = { SRV: [`0 0 ${peer.port} xmpp.lit`] };
  await call();
  assert.equal(peer.calls, 1);
});

test('errors for users contain no addresses and ports of the DNS', async (t) => {
  const { dns, call, plain } = await world(t, 's2s_refused_addresses = "loopback"');
  const { port } = await plain();
  dns.zone[PLAIN] = { SRV: [`0 0 ${port} xmpp.lit`, '1 0 1 other.lit'] };
  const reason = await call().catch((error: Error) => error);
  const { condition, text } = undeliverable(AWAY, reason as Error);
  assert.deepEqual([condition, text], ['remote-server-timeout', 'capulet.lit could not be reached']);
});
