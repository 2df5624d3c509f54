import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { limitKey, plainAddress } from '../../../src/net/address.ts';
import { CertificateStore } from '../../../src/net/certificates.ts';
import type { Connection } from '../../../src/net/connection.ts';
import { ConnectionRate } from '../../../src/net/connection-rate.ts';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import type { NetError } from '../../../src/net/errors.ts';
import { Listener, type ListenerOptions } from '../../../src/net/listener.ts';
import { connectTls, ServerTls } from '../../../src/net/tls.ts';
import { Faults } from '../../../src/util/faults.ts';
import { FakeClock } from '../../support/clock.ts';
import { assertFaults, ErrorLog } from '../../support/server.ts';
import { temporaryDirectory } from './certificate-fixture.ts';

/** A listener that greets, and keeps whom it got and whom it turned away. */
async function open(t: TestContext, options: Partial<ListenerOptions> = {}) {
  const connections: Connection[] = [];
  const refused: NetError[] = [];
  let heard = () => {};
  const listener = await Listener.open({
    interfaces: ['127.0.0.1'],
    ports: [0],
    onConnection(connection) {
      connection.handler = { onData: (chunk) => connection.write(chunk), onClose: () => {} };
      connection.write('hello');
      connections.push(connection);
    },
    onRefused(reason) {
      refused.push(reason);
      heard();
    },
    ...options,
  });
  t.after(() => listener.close());
  t.after(() => {
    for (const connection of connections) connection.destroy();
  });
  const port = listener.addresses[0]?.port ?? 0;
  const refusal = async () => {
    while (refused.length === 0) await new Promise<void>((resolve) => (heard = resolve));
    return refused[0];
  };
  return { listener, port, connections, refused, refusal };
}

async function dial(t: TestContext, port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host });
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

test('a connection has its address, and IPv4 stays IPv4 on a dual-stack port', async (t) => {
  const { port, connections } = await open(t, { interfaces: ['*'] });
  const socket = await dial(t, port);
  assert.equal(String((await once(socket, 'data'))[0]), 'hello');
  assert.equal(connections[0]?.remoteAddress, '127.0.0.1');
  assert.equal(connections[0]?.secure, false);
});

test('XEP-0368: a direct TLS port gives secure connections, and reports failed handshakes', async (t) => {
  const directory = await temporaryDirectory(t);
  const { ca } = await makeDevelopmentCertificates(directory, ['capulet.lit']);
  const store = new CertificateStore(directory, { ca: [ca] });
  await store.reload();
  const tls = new ServerTls(store, { alpn: ['xmpp-client'], requestCert: false });
  const { port, connections, refusal } = await open(t, { tls });
  const options = { servername: 'capulet.lit', ca: store.ca, alpn: ['xmpp-client'] };
  const { socket, info } = await connectTls(await dial(t, port), options);
  assert.equal(String((await once(socket, 'data'))[0]), 'hello');
  assert.equal(info.authorized, true);
  assert.equal(connections[0]?.tls?.alpn, 'xmpp-client');
  assert.equal(connections[0]?.remoteAddress, '127.0.0.1');
  (await dial(t, port)).write('<stream:stream>');
  assert.equal((await refusal())?.code, 'tls-failed');
  assert.equal(connections.length, 1);
});

test('one address has at most its share of connections, and gets it back when they close', async (t) => {
  const { port, connections, refused, refusal } = await open(t, { maxPerAddress: 2 });
  const sockets = [await dial(t, port), await dial(t, port)];
  for (const socket of sockets) await once(socket, 'data');
  const third = await dial(t, port);
  await once(third, 'close');
  assert.equal((await refusal())?.code, 'too-many-connections');
  assert.equal(connections.length, 2);
  const closed = Promise.withResolvers<void>();
  connections[0]!.handler = { onData() {}, onClose: () => closed.resolve() };
  sockets[0]?.destroy();
  await closed.promise;
  const fourth = await dial(t, port);
  assert.equal(String((await once(fourth, 'data'))[0]), 'hello');
  assert.equal(refused.length, 1);
});

test('an exempt address has no limit', async (t) => {
  const { port } = await open(t, { maxPerAddress: 1, isExempt: (address) => address === '127.0.0.1' });
  for (let i = 0; i < 3; i++) await once(await dial(t, port), 'data');
});

for (const transport of ['TCP', 'TLS'] as const) {
  test(`a connection beyond the rate waits, and loses none of its bytes, over ${transport}`, async (t) => {
    const clock = new FakeClock();
    const rate = new ConnectionRate({ perAddress: 20, clock });
    for (let i = 0; i < 1_000; i++) rate.enter('127.0.0.1', { admit() {}, refuse() {} });
    const directory = await temporaryDirectory(t);
    const { ca } = await makeDevelopmentCertificates(directory, ['capulet.lit']);
    const store = new CertificateStore(directory, { ca: [ca] });
    await store.reload();
    const tls = new ServerTls(store, { alpn: ['xmpp-client'], requestCert: false });
    const { port, connections } = await open(t, { rate, ...(transport === 'TLS' ? { tls } : {}) });
    const raw = await dial(t, port);
    const options = { servername: 'capulet.lit', ca: store.ca, alpn: ['xmpp-client'] };
    const socket = transport === 'TCP' ? raw : connectTls(raw, options).then((secured) => secured.socket);
    if (transport === 'TCP') raw.write('early');
    while (rate.waiting === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 20)); // What was sent early is in the system's buffer.
    assert.equal(connections.length, 0);
    await clock.advance(5);
    const stream = await socket;
    let text = '';
    stream.on('data', (chunk: Buffer) => (text += chunk));
    if (transport === 'TLS') stream.write('early');
    while (text !== 'helloearly') await once(stream, 'data');
  });
}

test('a connection that would wait too long is closed and reported', async (t) => {
  const rate = new ConnectionRate({ perAddress: 20, clock: new FakeClock() });
  for (let i = 0; i < 3_000; i++) rate.enter('127.0.0.1', { admit() {}, refuse() {} });
  const { port, connections, refusal } = await open(t, { rate });
  const socket = await dial(t, port);
  await once(socket, 'close');
  assert.equal((await refusal())?.message, '127.0.0.1 connects too often');
  assert.equal(connections.length, 0);
});

test('a listener that closes ends the connections that wait for their turn', async (t) => {
  const rate = new ConnectionRate({ perAddress: 20, clock: new FakeClock() });
  for (let i = 0; i < 1_000; i++) rate.enter('127.0.0.1', { admit() {}, refuse() {} });
  const { listener, port } = await open(t, { rate });
  const socket = await dial(t, port);
  while (rate.waiting === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await Promise.all([once(socket, 'close'), listener.close()]);
});

test('a port in use gives a clear error, and ports opened before it are closed', async (t) => {
  const { port } = await open(t);
  let reopened: Listener | undefined;
  const other = await open(t);
  await other.listener.close();
  const options = { interfaces: ['127.0.0.1'], ports: [other.port, port], onConnection() {} };
  await assert.rejects(Listener.open(options), {
    code: 'listen-failed',
    message: `port ${port} on 127.0.0.1 is in use by another program; stop that one, or configure another port`,
  });
  t.after(() => reopened?.close());
  reopened = await Listener.open({ ...options, ports: [other.port] });
  assert.deepEqual(reopened.addresses, [{ address: '127.0.0.1', port: other.port }]);
});

test('an interface that is no address of this machine gives a clear error', async () => {
  const listen = (name: string) => Listener.open({ interfaces: [name], ports: [0], onConnection() {} });
  await assert.rejects(listen('eth0'), /eth0:0 cannot be opened: it is neither an IP address nor "\*"/);
  await assert.rejects(listen('192.0.2.77'), /this machine has no address 192\.0\.2\.77/);
});

test('a closed listener accepts nobody and keeps open connections', async (t) => {
  const { listener, port } = await open(t);
  const socket = await dial(t, port);
  await once(socket, 'data');
  await listener.close();
  const late = connect({ port, host: '127.0.0.1' });
  const [error] = await once(late, 'error');
  assert.equal(error.code, 'ECONNREFUSED');
  socket.write('echo');
  assert.equal(String((await once(socket, 'data'))[0]), 'echo');
  assert.deepEqual(listener.addresses, []);
});

test('an IPv6 host counts with its whole /64, an IPv4 host alone', () => {
  assert.equal(limitKey('192.0.2.1'), '192.0.2.1');
  assert.equal(limitKey('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(limitKey('2001:db8:1:2::6'), limitKey('2001:db8:1:2:ffff::'));
  assert.notEqual(limitKey('2001:db8:1:2::6'), limitKey('2001:db8:1:3::6'));
  assert.equal(limitKey('::1'), '0:0:0:0::/64');
  assert.equal(limitKey('fe80::1%eth0'), 'fe80:0:0:0::/64');
  assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(plainAddress('::ffff:abcd'), '::ffff:abcd');
});

test('an exception about one connection closes only that connection', async (t) => {
  const faults = new Faults(new ErrorLog());
  let count = 0;
  const { port } = await open(t, {
    faults,
    onConnection(connection) {
      if (count++ === 0) throw new Error('broken');
      connection.handler = { onData: () => {}, onClose: () => {} };
      connection.write('hello');
    },
  });
  const first = await dial(t, port);
  await once(first.resume(), 'close');
  assertFaults(faults, { connection: 1 });
  const second = await dial(t, port);
  assert.equal(String((await once(second, 'data'))[0]), 'hello');
});

test('600 silent TLS handshakes do not keep clients out, and leak nothing', async (t) => {
  const directory = await temporaryDirectory(t);
  const { ca } = await makeDevelopmentCertificates(directory, ['capulet.lit']);
  const store = new CertificateStore(directory, { ca: [ca] });
  await store.reload();
  const tls = new ServerTls(store, { alpn: ['xmpp-client'], requestCert: false });
  const { port, connections, refused } = await open(t, { tls, maxPerAddress: 601 });
  const greeting = async () => {
    const { socket } = await connectTls(await dial(t, port), { servername: 'capulet.lit', ca: store.ca });
    return String((await once(socket, 'data'))[0]);
  };
  const silent: Socket[] = [];
  for (let n = 0; n < 600; n++) silent.push(await dial(t, port));
  assert.equal(await greeting(), 'hello');
  assert.deepEqual([connections.length, refused.length], [1, 0]);
  for (const socket of silent) socket.destroy();
  while (refused.length < silent.length) await new Promise((resolve) => setTimeout(resolve, 5));
  for (let n = 0; n < 600; n++) silent.push(await dial(t, port)); // As many are allowed as before.
  assert.deepEqual([...new Set(refused.map(({ code }) => code))], ['tls-failed']);
});
