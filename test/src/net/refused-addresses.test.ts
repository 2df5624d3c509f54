import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, isIPv6 } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectTcp } from '../../../src/net/connect.ts';
import { Resolver } from '../../../src/net/dns.ts';
import { isRefused, type RefusedAddresses } from '../../../src/net/refused-addresses.ts';
import { temporaryDirectory } from './certificate-fixture.ts';

/** The weakest setting that refuses each. */
const ADDRESSES: Record<string, RefusedAddresses | 'public'> = {
  '0.0.0.0': 'loopback',
  '127.0.0.1': 'loopback',
  '127.255.0.9': 'loopback',
  '169.254.169.254': 'loopback',
  '::': 'loopback',
  '::1': 'loopback',
  '::7f00:1': 'loopback',
  '::ffff:127.0.0.1': 'loopback',
  '::ffff:7f00:1': 'loopback',
  '0:0:0:0:0:ffff:a9fe:a9fe': 'loopback',
  'fe80::1': 'loopback',
  'febf::1': 'loopback',
  '10.1.2.3': 'private',
  '172.16.0.1': 'private',
  '172.31.255.255': 'private',
  '192.168.1.1': 'private',
  '100.64.0.1': 'private',
  'fd00::1': 'private',
  'fec0::1': 'private',
  '::ffff:192.168.1.1': 'private',
  '64:ff9b::127.0.0.1': 'loopback',
  '64:ff9b::a9fe:a9fe': 'loopback',
  '64:ff9b::192.168.1.1': 'private',
  '64:ff9b:1::192.0.2.1': 'private',
  '2002:7f00:1::1': 'loopback',
  '2002:c0a8:101::1': 'private',
  '2002:a01:203:4::5': 'private',
  '64:ff9b::192.0.2.1': 'public',
  '2002:c000:201::1': 'public',
  '2001::80ff:fffe': 'loopback',
  '2001:0:4136:e378:8000:63bf:3f57:fefe': 'loopback',
  '2001:1::1': 'public',
  '192.0.2.1': 'public',
  '172.32.0.1': 'public',
  '100.128.0.1': 'public',
  '126.255.255.255': 'public',
  '2001:db8::1': 'public',
  '::ffff:192.0.2.1': 'public',
};

for (const [address, weakest] of Object.entries(ADDRESSES)) {
  test(`${address} is ${weakest}`, () => {
    const found = { address, family: isIPv6(address) ? 6 : 4 } as const;
    assert.equal(isRefused(found, 'none'), false);
    assert.equal(isRefused(found, 'loopback'), weakest === 'loopback');
    assert.equal(isRefused(found, 'private'), weakest !== 'public');
  });
}

test('the hosts file may name a refused address for the called domain, but not for localhost or for an IP address', async (t) => {
  const hostsFile = join(await temporaryDirectory(t), 'hosts');
  await writeFile(hostsFile, '127.0.0.1 localhost peer.lit\n');
  const resolver = new Resolver({ servers: ['127.0.0.1:1'], hostsFile });
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const dial = (host: string, wanted = host) =>
    connectTcp([{ host, port, directTls: false, authenticated: false }], {
      resolver,
      timeoutMs: 5_000,
      refused: 'private',
      wanted,
    });
  (await dial('peer.lit')).socket.destroy();
  for (const host of ['peer.lit', 'localhost'])
    await assert.rejects(dial(host, 'evil.lit'), /is not called \(s2s_refused_addresses = "private"\)/);
  // RFC 6761 §6.3: names at and below `localhost` lead to this machine, also without an entry.
  for (const host of ['127.0.0.1', '[::ffff:127.0.0.1]', 'localhost', 'evil.localhost'])
    await assert.rejects(dial(host), /is not called \(s2s_refused_addresses = "private"\)/);
});
