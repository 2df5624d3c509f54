// STARTTLS with clients (RFC 6120 §5).

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { CertificateStore } from '../../../src/net/certificates.ts';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { ServerTls } from '../../../src/net/tls.ts';
import { settled } from '../../support/duplex.ts';
import { ScramClient } from '../sasl/scram-client.ts';
import { base64, type Client, DOMAIN, PASSWORD, plain, startHarness } from './harness.ts';

describe('STARTTLS', () => {
  test('RFC 6120 §5.3.1: where TLS is required nothing else is offered', async (t) => {
    const { tls } = await certificates(t);
    const client = (await startHarness(t, { requireEncryption: true, tls })).connect();
    assert.match(
      await client.open(),
      /<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required\/><\/starttls><\/stream:features>$/,
    );
  });

  test('RFC 6120 §5.4: after the handshake the stream begins anew, with SASL bound to the channel', async (t) => {
    const { tls, ca } = await certificates(t);
    const harness = await startHarness(t, { requireEncryption: true, tls });
    const client = harness.connect();
    await client.open();
    const socket = await secured(client, ca);
    const features = await client.open();
    assert.doesNotMatch(features, /starttls/);
    assert.match(features, /<mechanism>SCRAM-SHA-256-PLUS<\/mechanism>.*<mechanism>PLAIN<\/mechanism>/);
    assert.match(features, /<channel-binding type='tls-exporter'\/>/);

    const binding = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    const gs2Header = 'p=tls-exporter,,';
    const scram = new ScramClient({
      hash: 'sha256',
      username: 'juliet',
      password: PASSWORD,
      gs2Header,
      binding,
    });
    client.auth('SCRAM-SHA-256-PLUS', base64(scram.first()));
    const challenge = /<challenge [^>]*>([^<]*)</.exec(await client.reads('</challenge>'))?.[1] ?? '';
    const final = scram.final(Buffer.from(challenge, 'base64'));
    client.send(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64(final)}</response>`);
    await client.reads('</success>');
    await client.open();
    await client.bind('balcony');
    assert.equal(harness.session(`juliet@${DOMAIN}/balcony`).secure, true);
  });

  test('RFC 6120 §5.3.3: what was sent in the clear behind STARTTLS refuses the handshake', async (t) => {
    const { tls } = await certificates(t);
    const harness = await startHarness(t, { tls });
    const client = harness.connect();
    await client.open();
    client.send(
      `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain('juliet', PASSWORD)}</auth>`,
    );
    assert.doesNotMatch(await client.peer.readsToEnd(), /success/);
    await settled();
    assert.equal(harness.negotiating.size, 0);
  });

  // go-xmpp ends <starttls/> with a line feed.
  test('white space behind STARTTLS is dropped, and the handshake succeeds', async (t) => {
    const { tls, ca } = await certificates(t);
    const harness = await startHarness(t, { requireEncryption: true, tls });
    const client = harness.connect();
    await client.open();
    const socket = await secured(client, ca, ' \t\r\n');
    assert.equal(socket.authorized, true);
    client.send('\n');
    assert.match(await client.open(), /<mechanism>PLAIN<\/mechanism>/);
  });

  for (const spaces of ['\n', ' \r\n\t'.repeat(16)]) {
    test(`RFC 6120 §5.3.3: ${spaces.length} bytes of white space in packets of their own are dropped too`, async (t) => {
      const { tls, ca } = await certificates(t);
      const harness = await startHarness(t, { requireEncryption: true, tls });
      const client = harness.connect();
      await client.open();
      client.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
      await client.reads(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
      for (const space of spaces) {
        client.send(space);
        await settled(1);
      }
      await handshake(client, ca);
      assert.match(await client.open(), /<mechanism>PLAIN<\/mechanism>/);
    });
  }

  test('RFC 6120 §5.3.3: 65 bytes of white space in place of a handshake end the connection', async (t) => {
    const { tls } = await certificates(t);
    const harness = await startHarness(t, { tls });
    const client = harness.connect();
    await client.open();
    client.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
    await client.reads('<proceed ');
    client.send(' '.repeat(65));
    await client.peer.readsToEnd();
    await settled();
    assert.equal(harness.negotiating.size, 0);
  });

  test('CVE-2011-0411: an element in a packet of its own behind STARTTLS refuses the handshake', async (t) => {
    const { tls } = await certificates(t);
    const harness = await startHarness(t, { tls });
    const client = harness.connect();
    await client.open();
    client.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
    await client.reads(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
    client.send('\n');
    client.auth('PLAIN', plain('juliet', PASSWORD));
    assert.doesNotMatch(await client.peer.readsToEnd(), /success|failure/);
    await settled();
    assert.equal(harness.negotiating.size, 0);
  });

  test('CVE-2011-0411: an element behind white space behind STARTTLS refuses the handshake too', async (t) => {
    const { tls } = await certificates(t);
    const harness = await startHarness(t, { tls });
    const client = harness.connect();
    await client.open();
    client.send(
      `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\n<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain('juliet', PASSWORD)}</auth>\n`,
    );
    assert.doesNotMatch(await client.peer.readsToEnd(), /success|failure/);
    await settled();
    assert.equal(harness.negotiating.size, 0);
  });

  test('RFC 6120 §5.4.2.2: where TLS is not possible, STARTTLS fails and the stream is closed', async (t) => {
    const client = (await startHarness(t)).connect();
    assert.doesNotMatch(await client.open(), /starttls/);
    client.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
    await client.reads(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>`);
  });

  test('a handshake that fails ends the connection, and nothing is left of it', async (t) => {
    const { tls } = await certificates(t);
    const harness = await startHarness(t, { tls });
    const client = harness.connect();
    await client.open();
    client.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
    await client.reads('<proceed ');
    client.send('this is no TLS at all, whatever you may think');
    await client.peer.readsToEnd();
    await settled();
    assert.equal(harness.negotiating.size, 0);
  });
});

/** A certificate for our domain by an authority of its own, in a folder that lasts as long as the test. */
async function certificates(t: TestContext): Promise<{ tls: ServerTls; ca: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-c2s-'));
  t.after(() => rm(folder, { recursive: true }));
  const { ca } = await makeDevelopmentCertificates(folder, [DOMAIN]);
  const store = new CertificateStore(folder);
  await store.reload();
  return { tls: new ServerTls(store, { alpn: ['xmpp-client'], requestCert: false }), ca };
}

/** `behind`: text in the same packet. */
async function secured(client: Client, ca: string, behind = ''): Promise<TLSSocket> {
  client.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>${behind}`);
  await client.reads(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
  return handshake(client, ca);
}

async function handshake(client: Client, ca: string): Promise<TLSSocket> {
  const socket = connect({ socket: client.peer.release(), servername: DOMAIN, ca });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  client.peer.switchTo(socket);
  return socket;
}
