// The ports for clients according to openssl: certificates, protocols, ciphers and channel binding.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ScramClient } from '../src/sasl/scram-client.ts';
import { ENJAMB } from './support/addresses.ts';
import { SlixmppClient } from './support/slixmpp.ts';
import { homeLogin, PASSWORD } from './support/world.ts';
import { type Door, handshake, openssl, SClient } from './support-security/s-client.ts';
import { ECDSA_HOME, RSA_HOME, type SecureServer, secureServer } from './support-security/secure-server.ts';

const LIMIT = { timeout: 60_000 };
const DIRECT: Door = { address: ENJAMB.address, port: ENJAMB.c2sDirectTls };
const HOMES = [ECDSA_HOME, RSA_HOME];
/** Options for a client that OpenSSL would not allow by default. */
const ANYTHING = 'ALL:COMPLEMENTOFALL:@SECLEVEL=0';

function starttls(domain: string): Door {
  return { address: ENJAMB.address, port: ENJAMB.c2s, starttls: domain };
}

/** Both ways in, for one domain. */
function doors(domain: string): Door[] {
  return [starttls(domain), DIRECT];
}

test('TLS on the ports for clients, according to openssl', LIMIT, async (t) => {
  const server = await secureServer(t);
  const { caPath } = server;
  const strict = (domain: string) => [
    ...['-CAfile', caPath, '-verify_return_error', '-verify_hostname', domain],
  ];

  await t.test('RFC 6066 §3: each domain shows its own certificate by SNI', async () => {
    for (const domain of HOMES) {
      for (const door of doors(domain)) {
        const said = await handshake(door, ['-servername', domain, ...strict(domain)]);
        assert.match(said, /Verify return code: 0 \(ok\)/);
        assert.match(said, new RegExp(`subject=CN = ${domain}`));
        assert.match(said, /TLSv1\.3, Cipher is TLS_/);
      }
    }
  });

  await t.test("RFC 6120 §13.7.2: without SNI the certificate is that of the stream's domain", async () => {
    for (const domain of HOMES) {
      const said = await handshake(starttls(domain), ['-noservername', ...strict(domain)]);
      assert.match(said, /Verify return code: 0 \(ok\)/);
    }
  });

  await t.test('XEP-0368 §3, RFC 7301 §3.2: accepts only xmpp-client by ALPN', async () => {
    const alpn = (offer: string) => handshake(DIRECT, ['-servername', RSA_HOME, '-alpn', offer]);
    assert.match(await alpn('http/1.1,xmpp-client'), /ALPN protocol: xmpp-client/);
    assert.match(await alpn('xmpp-server'), /alert no application protocol/);
    assert.match(await handshake(DIRECT, ['-servername', RSA_HOME]), /No ALPN negotiated/);
  });

  await t.test('RFC 9325 §3.1.1: refuses TLS 1.1 and older versions', async () => {
    for (const domain of HOMES) {
      for (const door of doors(domain)) {
        for (const version of ['-tls1', '-tls1_1']) {
          const said = await handshake(door, [version, '-servername', domain, '-cipher', ANYTHING]);
          assert.match(said, /alert protocol version/);
        }
        assert.match(
          await handshake(door, ['-tls1_2', '-servername', domain]),
          /New, TLSv1\.2, Cipher is ECDHE-/,
        );
      }
    }
  });

  await t.test('RFC 9325 §4.1, §4.2: accepts only forward secrecy and authenticated encryption', async () => {
    const withCipher = (cipher: string) =>
      handshake(DIRECT, ['-tls1_2', '-servername', RSA_HOME, '-cipher', `${cipher}:@SECLEVEL=0`]);
    for (const cipher of [
      'AES128-GCM-SHA256',
      'AES128-SHA',
      'DHE-RSA-AES128-GCM-SHA256',
      'ECDHE-RSA-AES128-SHA',
      'ECDHE-RSA-AES256-SHA384',
      'ADH-AES128-GCM-SHA256',
      'NULL-SHA256',
    ]) {
      assert.match(await withCipher(cipher), /alert handshake failure/, cipher);
    }
    assert.match(await withCipher('ECDHE-RSA-AES128-GCM-SHA256'), /Cipher is ECDHE-RSA-AES128-GCM-SHA256/);
  });

  await t.test('RFC 9325 §3.3, §3.4, §3.5: no compression, no resumption, no renegotiation', async () => {
    for (const door of doors(RSA_HOME)) {
      const said = await handshake(door, ['-tls1_2', '-servername', RSA_HOME, '-comp']);
      assert.match(said, /Compression: NONE/);
      assert.doesNotMatch(said, /TLS session ticket/);
      const again = await handshake(door, ['-tls1_2', '-servername', RSA_HOME], 'R\n');
      assert.match(again, /RENEGOTIATING/);
      assert.match(again, /no renegotiation/);
    }
    const five = await handshake(DIRECT, ['-tls1_2', '-servername', RSA_HOME, '-reconnect']);
    assert.equal(five.match(/^New, TLSv1\.2/gm)?.length, 6);
    assert.doesNotMatch(five, /^Reused/m);
  });

  for (const domain of HOMES) await server.addUser(`romeo@${domain}`, PASSWORD);

  await t.test(
    'RFC 9266 §4.2: a login through openssl is bound to the value that openssl exports',
    async (t) => {
      const client = new SClient(t, DIRECT, ['-servername', ECDSA_HOME]);
      const binding = await client.exporter();
      const features = await open(client, ECDSA_HOME);
      assert.match(features, /<mechanism>SCRAM-SHA-256-PLUS<\/mechanism>/);
      assert.match(features, /<channel-binding type='tls-exporter'\/>/);
      await login(client, 'tls-exporter', binding);
    },
  );

  await t.test('RFC 9266 §4.2: the same over STARTTLS', async (t) => {
    const client = new SClient(t, starttls(RSA_HOME), ['-servername', RSA_HOME]);
    const binding = await client.exporter();
    await open(client, RSA_HOME);
    await login(client, 'tls-exporter', binding);
  });

  await t.test(
    'RFC 5929 §4.1: tls-server-end-point hashes the certificate with the hash of its signature, also with TLS 1.2',
    async (t) => {
      for (const [domain, hash] of [
        [ECDSA_HOME, '-sha256'],
        [RSA_HOME, '-sha384'],
      ] as const) {
        const der = join(server.folder, `${domain}.der`);
        const file = join(server.folder, 'certs', `${domain}.crt`);
        await openssl('x509', '-in', file, '-outform', 'der', '-out', der);
        const digest = (await openssl('dgst', hash, '-r', der)).split(' ')[0] ?? '';
        for (const version of ['-tls1_2', '-tls1_3']) {
          const client = new SClient(t, DIRECT, ['-servername', domain, version]);
          await client.exporter();
          const features = await open(client, domain);
          assert.equal(features.includes('tls-exporter'), version === '-tls1_3');
          await login(client, 'tls-server-end-point', Buffer.from(digest, 'hex'));
        }
      }
    },
  );

  await t.test('a reload shows new certificates to new clients, and keeps existing connections', (t) =>
    reload(t, server),
  );
  await server.stop();
});

async function reload(t: TestContext, server: SecureServer): Promise<void> {
  const options = { folder: server.folder, caPath: server.caPath, name: 'romeo' };
  const romeo = await SlixmppClient.start(t, options);
  const session = await romeo.login(homeLogin('romeo'));
  const bound = new SClient(t, DIRECT, ['-servername', RSA_HOME]);
  await bound.exporter();
  const serials = () => Promise.all(HOMES.map((domain) => serial(domain)));
  const before = await serials();
  await server.renew();
  const after = await serials();
  for (const [index, old] of before.entries()) assert.notEqual(after[index], old);

  assert.equal((await romeo.ping(ECDSA_HOME)).event, 'pong');
  assert.equal(session.jid, `romeo@${ECDSA_HOME}/orchard`);
  // A client that has only done the handshake continues too.
  assert.match(await open(bound, RSA_HOME), /SCRAM-SHA-256-PLUS/);
  await romeo.logout();
}

async function serial(domain: string): Promise<string> {
  const said = await handshake(DIRECT, ['-servername', domain]);
  const pem = /-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/s.exec(said)?.[0];
  assert.ok(pem, said);
  return pem;
}

/** Opens a stream and returns its features. */
function open(client: SClient, domain: string): Promise<string> {
  client.send(
    `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
  );
  return client.reads(/<\/stream:features>/);
}

async function login(client: SClient, type: string, binding: Buffer): Promise<void> {
  const scram = new ScramClient({
    hash: 'sha256',
    username: 'romeo',
    password: PASSWORD,
    gs2Header: `p=${type},,`,
    binding,
  });
  const sasl = `xmlns='urn:ietf:params:xml:ns:xmpp-sasl'`;
  client.send(`<auth ${sasl} mechanism='SCRAM-SHA-256-PLUS'>${scram.first().toString('base64')}</auth>`);
  const challenge = /<challenge [^>]*>([^<]*)</.exec(await client.reads(/<\/challenge>|<\/failure>/))?.[1];
  assert.ok(challenge, 'the server goes on');
  const final = scram.final(Buffer.from(challenge, 'base64'));
  client.send(`<response ${sasl}>${final.toString('base64')}</response>`);
  const success = /<success [^>]*>([^<]*)</.exec(await client.reads(/<\/success>|<\/failure>/))?.[1];
  assert.equal(Buffer.from(success ?? '', 'base64').toString(), scram.expected);
}
