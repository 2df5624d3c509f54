// Servers that call us with direct TLS, over real ports.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import * as tls from 'node:tls';
import { CertificateStore } from '../../../src/net/certificates.ts';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { startServer } from '../../support/server.ts';
import { temporaryDirectory } from '../net/certificate-fixture.ts';
import { header } from './harness.ts';

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';

interface World {
  /** Makes the handshake as capulet.lit, with more options. @throws Error when it fails */
  call(options?: tls.ConnectionOptions): Promise<Caller>;
}

interface Caller {
  readonly socket: tls.TLSSocket;
  /** Resolves with all input once it contains the text. */
  reads(text: string): Promise<string>;
}

async function world(t: TestContext): Promise<World> {
  const folder = await temporaryDirectory(t);
  const { ca } = await makeDevelopmentCertificates(folder, ['montague.lit', 'verona.lit', 'capulet.lit']);
  const roots = tls.getCACertificates('default');
  tls.setDefaultCACertificates([ca]);
  t.after(() => tls.setDefaultCACertificates(roots));
  const store = new CertificateStore(folder);
  await store.reload();
  const own = store.certificateFor('capulet.lit');
  const { server } = await startServer(t, {
    config: [
      `certificates = ${JSON.stringify(folder)}`,
      's2s_direct_tls_ports = [0]',
      's2s_require_encryption = true',
      's2s_secure_auth = true',
      'modules_enabled = []',
      '[hosts."montague.lit"]',
      '[hosts."verona.lit"]',
    ].join('\n'),
  });
  const [at] = server.addresses;
  assert.ok(at && own);
  return {
    async call(options = {}) {
      const socket = tls.connect({
        host: at.address,
        port: at.port,
        cert: own.cert,
        key: own.key,
        servername: 'montague.lit',
        ALPNProtocols: ['xmpp-server'],
        ...options,
      });
      t.after(() => socket.destroy());
      await once(socket, 'secureConnect');
      socket.on('error', () => {});
      return caller(socket);
    },
  };
}

function caller(socket: tls.TLSSocket): Caller {
  let received = '';
  socket.setEncoding('utf8');
  return {
    socket,
    async reads(text) {
      while (!received.includes(text)) received += (await once(socket, 'data'))[0];
      return received;
    },
  };
}

test('XEP-0368 §2, RFC 6066 §3: the certificate is that of the domain in the SNI', async (t) => {
  const { call } = await world(t);
  for (const domain of ['montague.lit', 'verona.lit']) {
    // The handshake would fail with another name.
    const { socket } = await call({ servername: domain });
    assert.equal(socket.authorized, true, domain);
    assert.equal(socket.alpnProtocol, 'xmpp-server');
  }
});

test('RFC 7301 §3.2: a peer that offers only other protocols is refused, one that offers none is not', async (t) => {
  const { call } = await world(t);
  await assert.rejects(call({ ALPNProtocols: ['h2', 'xmpp-client'] }), /no application protocol/);
  const { socket } = await call({ ALPNProtocols: [] });
  assert.equal(socket.alpnProtocol, false);
});

test('XEP-0368 §2, XEP-0178: the first features offer EXTERNAL and no STARTTLS', async (t) => {
  const { call } = await world(t);
  const { socket, reads } = await call();
  socket.write(header());
  const features = await reads('</stream:features>');
  assert.match(features, /<mechanism>EXTERNAL<\/mechanism>/);
  assert.doesNotMatch(features, /starttls/);
  const identity = Buffer.from('capulet.lit').toString('base64');
  socket.write(`<auth xmlns='${SASL}' mechanism='EXTERNAL'>${identity}</auth>`);
  assert.match(await reads('<success'), /<success/);
});

test('XEP-0368 §2: STARTTLS over direct TLS fails', async (t) => {
  const { call } = await world(t);
  const { socket, reads } = await call();
  socket.write(header());
  await reads('</stream:features>');
  socket.write(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
  await reads(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
});
