import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, createServer, type TLSSocket } from 'node:tls';
import { CertificateStore } from '../../../src/net/certificates.ts';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { hasExtendedMasterSecret, tlsUnique } from '../../../src/net/tls-unique.ts';
import { temporaryDirectory } from './certificate-fixture.ts';

const DOMAIN = 'capulet.lit';
/** OpenSSL's SSL_OP_NO_EXTENDED_MASTER_SECRET, for which Node has no name. */
const NO_EXTENDED_MASTER_SECRET = 1;

interface Pair {
  readonly client: TLSSocket;
  readonly server: TLSSocket;
}

/** A server that resumes sessions, unlike ours, and clients of it. */
async function resumingServer(t: TestContext): Promise<(options: ConnectionOptions) => Promise<Pair>> {
  const folder = await temporaryDirectory(t);
  const { ca } = await makeDevelopmentCertificates(folder, [DOMAIN]);
  const store = new CertificateStore(folder);
  await store.reload();
  const { key, cert } = store.certificates[0]!;
  const listener = createServer({ key, cert }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => listener.close());
  const { port } = listener.address() as AddressInfo;
  return async (options) => {
    const accepted = once(listener, 'secureConnection');
    const client = connect({ host: '127.0.0.1', port, servername: DOMAIN, ca, ...options });
    const [[server]] = (await Promise.all([accepted, once(client.resume(), 'secureConnect')])) as [
      [TLSSocket],
      [],
    ];
    t.after(() => client.destroy());
    t.after(() => server.destroy());
    return { client, server };
  };
}

test('RFC 5929 §3.1: the client finishes first in a full handshake, the server in a resumed one', async (t) => {
  const dial = await resumingServer(t);
  const full = await dial({ maxVersion: 'TLSv1.2' });
  assert.equal(full.server.isSessionReused(), false);
  assert.equal(full.client.getFinished()?.length, 12);
  assert.deepEqual(tlsUnique(full.server), full.client.getFinished());
  const session = full.client.getSession()!;
  const resumed = await dial({ maxVersion: 'TLSv1.2', session });
  assert.equal(resumed.server.isSessionReused(), true);
  assert.deepEqual(tlsUnique(resumed.server), resumed.client.getPeerFinished());
});

test('RFC 7627, RFC 9266: none without the extended master secret, resumed or not, and none with TLS 1.3', async (t) => {
  const dial = await resumingServer(t);
  const old = { maxVersion: 'TLSv1.2', secureOptions: NO_EXTENDED_MASTER_SECRET } as const;
  const full = await dial(old);
  assert.equal(full.server.getProtocol(), 'TLSv1.2');
  assert.equal(tlsUnique(full.server), undefined);
  const resumed = await dial({ ...old, session: full.client.getSession()! });
  assert.equal(resumed.server.isSessionReused(), true);
  assert.equal(tlsUnique(resumed.server), undefined);
  const modern = await dial({});
  assert.equal(modern.server.getProtocol(), 'TLSv1.3');
  assert.equal(tlsUnique(modern.server), undefined);
});

test('an unreadable session gives no channel binding', async (t) => {
  const dial = await resumingServer(t);
  const session = (await dial({ maxVersion: 'TLSv1.2' })).server.getSession()!;
  assert.equal(hasExtendedMasterSecret(session), true);
  for (let length = 0; length < session.length; length++) {
    assert.equal(hasExtendedMasterSecret(session.subarray(0, length)), false, `${length} bytes`);
  }
  const broken = ['', '30', '3000', '3080', '3003ad0101', '3005ad03040101', '3004ad020200', '3005ad03020100'];
  for (const hex of broken) assert.equal(hasExtendedMasterSecret(Buffer.from(hex, 'hex')), false, hex);
  assert.equal(hasExtendedMasterSecret(Buffer.from('3005ad03020101', 'hex')), true);
});
