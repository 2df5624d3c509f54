// STARTTLS over real sockets, whose bytes the system delivers in packets.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as tls from 'node:tls';
import { CertificateStore } from '../../../src/net/certificates.ts';
import { Connection } from '../../../src/net/connection.ts';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { ServerTls } from '../../../src/net/tls.ts';

const DOMAIN = 'im.example.com';

/** Both ends of a TCP connection, and the server's TLS. */
async function start(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-net-'));
  t.after(() => rm(folder, { recursive: true }));
  const { ca } = await makeDevelopmentCertificates(folder, [DOMAIN]);
  const store = new CertificateStore(folder);
  await store.reload();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').setNoDelay(true);
  const [socket] = (await once(server, 'connection')) as [Socket];
  t.after(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return { ca, client, socket, serverTls: new ServerTls(store, { alpn: [], requestCert: false }) };
}

for (const space of ['', '\n', ' \r\n\t'.repeat(16)]) {
  test(`RFC 6120 §5.3.3: ${space.length} bytes of white space in packets before the handshake are dropped`, async (t) => {
    const { ca, client, socket, serverTls } = await start(t);
    const connection = new Connection(socket);
    const received: string[] = [];
    connection.handler = { onData: (chunk) => received.push(`${chunk}`), onClose() {} };
    const secured = connection.startTls({ side: 'server', tls: serverTls, domain: DOMAIN });
    for (const byte of space) {
      client.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const secure = tls.connect({ socket: client, servername: DOMAIN, ca });
    secure.write('hello');
    const info = await secured;
    assert.equal(info.protocol, 'TLSv1.3');
    while (received.join('') !== 'hello') await new Promise((resolve) => setImmediate(resolve));
    connection.write('welcome');
    const [answer] = (await once(secure, 'data')) as [Buffer];
    assert.equal(`${answer}`, 'welcome');
    connection.destroy();
  });
}

test('a client that sends white space instead of a handshake, or closes the connection after it, is disconnected', async (t) => {
  for (const act of [
    (client: Socket) => client.write(' '.repeat(65)),
    (client: Socket) => client.end('\n'),
    (client: Socket) => client.write('\n<auth/>'),
  ]) {
    const { client, socket, serverTls } = await start(t);
    client.on('error', () => {});
    const connection = new Connection(socket);
    connection.handler = { onData: () => assert.fail('nothing is received'), onClose() {} };
    const secured = connection.startTls({ side: 'server', tls: serverTls, domain: DOMAIN });
    act(client);
    await assert.rejects(secured, { code: 'tls-failed' });
    assert.equal(connection.closed, true);
  }
});
