// Which DNS servers the system uses, also when that changes while we run.

import assert from 'node:assert/strict';
import { Resolver as SystemResolver } from 'node:dns';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Resolver } from '../../../src/net/dns.ts';
import { systemServers } from '../../../src/net/name-servers.ts';
import { temporaryDirectory } from './certificate-fixture.ts';

const CASES: Record<string, [file: string, addresses: string[]]> = {
  'IPv4 and IPv6': ['nameserver 192.0.2.1\nnameserver 2001:db8::53\n', ['192.0.2.1', '2001:db8::53']],
  'a link-local address keeps its zone': ['nameserver fe80::1%eth0\n', ['fe80::1%eth0']],
  'comments, other words and spaces': [
    '# nameserver 192.0.2.9\nsearch lit\n  nameserver\t192.0.2.1 \n',
    ['192.0.2.1'],
  ],
  'three at most': [
    [1, 2, 3, 4].map((n) => `nameserver 192.0.2.${n}`).join('\n'),
    ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
  ],
  'what is no address is passed over': ['nameserver dns.lit\nnameserver 192.0.2.1\n', ['192.0.2.1']],
  'no server is listed: the one on this machine': ['options edns0\n', ['127.0.0.1']],
};

for (const [title, [content, addresses]] of Object.entries(CASES)) {
  test(`resolv.conf: ${title}`, async (t) => {
    const file = join(await temporaryDirectory(t), 'resolv.conf');
    await writeFile(file, content);
    assert.deepEqual(
      systemServers(file),
      addresses.map((address) => ({ address, port: 53 })),
    );
  });
}

test('resolv.conf: without the file, the system gives the servers', () => {
  const known = new SystemResolver().getServers().slice(0, 3);
  assert.deepEqual(
    systemServers('/nonexistent/resolv.conf').map(({ address }) => address),
    known,
  );
});

test('resolv.conf: a change applies to the next question', async (t) => {
  const resolvConf = join(await temporaryDirectory(t), 'resolv.conf');
  const resolver = new Resolver({ servers: [], hostsFile: '/nonexistent/hosts', resolvConf, timeoutMs: 50 });
  await writeFile(resolvConf, 'nameserver fe80::1%nowhere\n');
  await assert.rejects(
    resolver.resolveAddresses('montague.lit'),
    /DNS server \[fe80::1%nowhere\]:53 cannot be reached/,
  );
  await writeFile(resolvConf, 'nameserver 255.255.255.255\n');
  await assert.rejects(
    resolver.resolveAddresses('montague.lit'),
    /DNS server 255\.255\.255\.255:53 cannot be reached/,
  );
  await rm(resolvConf);
});
