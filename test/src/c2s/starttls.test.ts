// STARTTLS with clients (RFC 6120 §5).

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { settled } from '../../support/duplex.ts';
import { ScramClient } from '../sasl/scram-client.ts';
import { base64, type Client, DOMAIN, PASSWORD, plain, startHarness } from './harness.ts';
import { proceeds, STARTTLS, startSecureHarness } from './tls-harness.ts';

const AUTH = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain('juliet', PASSWORD)}</auth>`;

describe('STARTTLS', () => {
  test('RFC 6120 §5.3.1: where TLS is required, the server offers nothing else', async (t) => {
    const { harness } = await startSecureHarness(t);
    assert.match(
      await harness.connect().open(),
      /<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required\/><\/starttls><\/stream:features>$/,
    );
  });

  test('RFC 6120 §5.4: after the handshake the stream begins anew, with SASL bound to the channel', async (t) => {
    const { harness, secured } = await startSecureHarness(t);
    const { client, socket, features } = await secured();
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

  // go-xmpp ends <starttls/> with a line feed.
  test('drops white space behind STARTTLS, and the handshake succeeds', async (t) => {
    const { opened, handshake } = await startSecureHarness(t);
    const client = await opened();
    await proceeds(client, ' \t\r\n');
    const socket = await handshake(client);
    assert.equal(socket.authorized, true);
    client.send('\n');
    assert.match(await client.open(), /<mechanism>PLAIN<\/mechanism>/);
  });

  for (const spaces of ['\n', ' \r\n\t'.repeat(16)]) {
    test(`RFC 6120 §5.3.3: drops ${spaces.length} bytes of white space in packets of their own too`, async (t) => {
      const { opened, handshake } = await startSecureHarness(t);
      const client = await opened();
      await proceeds(client);
      for (const space of spaces) {
        client.send(space);
        await settled(1);
      }
      await handshake(client);
      assert.match(await client.open(), /<mechanism>PLAIN<\/mechanism>/);
    });
  }

  const refused: [title: string, send: (client: Client) => unknown][] = [
    ['RFC 6120 §5.3.3: refuses text in the clear behind STARTTLS', (client) => client.send(STARTTLS + AUTH)],
    [
      'CVE-2011-0411: refuses an element behind white space behind STARTTLS',
      (client) => client.send(`${STARTTLS}\n${AUTH}\n`),
    ],
    [
      'CVE-2011-0411: refuses an element in a packet of its own behind STARTTLS',
      async (client) => {
        await proceeds(client);
        client.send('\n');
        client.send(AUTH);
      },
    ],
    [
      'RFC 6120 §5.3.3: ends the connection after 65 bytes of white space in place of a handshake',
      async (client) => {
        await proceeds(client);
        client.send(' '.repeat(65));
      },
    ],
    [
      'ends the connection when the handshake fails, and forgets it',
      async (client) => {
        await proceeds(client);
        client.send('this is no TLS at all, whatever you may think');
      },
    ],
  ];
  for (const [title, send] of refused) test(title, (t) => endsWithoutLogin(t, send));

  test('RFC 6120 §5.4.2.2: where TLS is not possible, STARTTLS fails and the server closes the stream', async (t) => {
    const client = (await startHarness(t)).connect();
    assert.doesNotMatch(await client.open(), /starttls/);
    client.send(STARTTLS);
    await client.reads(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>`);
  });
});

/** Login in the clear is allowed, so that an `<auth/>` that the server takes would succeed. */
async function endsWithoutLogin(t: TestContext, send: (client: Client) => unknown): Promise<void> {
  const { harness, opened } = await startSecureHarness(t, { requireEncryption: false });
  const client = await opened();
  await send(client);
  assert.doesNotMatch(await client.peer.readsToEnd(), /success|failure/);
  await settled();
  assert.equal(harness.negotiating.size, 0);
}
