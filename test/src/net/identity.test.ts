import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { certificateIdentities, certificateMatches } from '../../../src/net/identity.ts';
import { makeCertificate, type Wanted } from './certificate-fixture.ts';

function x509(wanted: Wanted): X509Certificate {
  return new X509Certificate(makeCertificate(wanted).cert);
}

test('RFC 6120 §13.7.1: all three kinds of names are read from a certificate', () => {
  const certificate = x509({
    dns: ['Example.ORG', '*.example.org'],
    xmppAddr: ['example.org', 'bücher.example'],
    srv: ['_xmpp-server.example.org', '_XMPP-client.example.org'],
  });
  assert.deepEqual(certificateIdentities(certificate), {
    dns: ['example.org', '*.example.org'],
    xmppAddr: ['example.org', 'bücher.example'],
    srv: ['_xmpp-server.example.org', '_xmpp-client.example.org'],
  });
});

type Row = [
  rule: string,
  names: Wanted,
  domain: string,
  service: 'xmpp-server' | 'xmpp-client',
  matches: boolean,
];

const rows: Row[] = [
  ['RFC 9525 §6.3: an equal DNS name', { dns: ['example.org'] }, 'example.org', 'xmpp-server', true],
  ['RFC 9525 §6.3: case does not count', { dns: ['Example.org'] }, 'EXAMPLE.org.', 'xmpp-client', true],
  ['RFC 9525 §6.3: another name', { dns: ['example.org'] }, 'example.com', 'xmpp-server', false],
  ['RFC 9525 §6.3: a name above', { dns: ['example.org'] }, 'rooms.example.org', 'xmpp-server', false],
  [
    'RFC 9525 §6.1: the common name never counts',
    { commonName: 'example.org' },
    'example.org',
    'xmpp-server',
    false,
  ],
  [
    'RFC 9525 §6.3: a wildcard covers one label',
    { dns: ['*.example.org'] },
    'rooms.example.org',
    'xmpp-server',
    true,
  ],
  [
    'RFC 9525 §6.3: a wildcard covers no two labels',
    { dns: ['*.example.org'] },
    'a.b.example.org',
    'xmpp-server',
    false,
  ],
  [
    'RFC 9525 §6.3: a wildcard does not cover its base',
    { dns: ['*.example.org'] },
    'example.org',
    'xmpp-server',
    false,
  ],
  [
    'RFC 9525 §6.3: part of a label is no wildcard',
    { dns: ['r*.example.org'] },
    'rooms.example.org',
    'xmpp-server',
    false,
  ],
  [
    'RFC 9525 §6.3: a wildcard further right is none',
    { dns: ['rooms.*.org'] },
    'rooms.example.org',
    'xmpp-server',
    false,
  ],
  ['a wildcard for a top-level domain', { dns: ['*.org'] }, 'example.org', 'xmpp-server', false],
  ['a bare asterisk', { dns: ['*'] }, 'localhost', 'xmpp-server', false],
  ['a NUL in the name', { dns: ['example.org\0.evil.com'] }, 'example.org', 'xmpp-server', false],
  [
    'RFC 4985: the SRV name of the service',
    { srv: ['_xmpp-server.example.org'] },
    'example.org',
    'xmpp-server',
    true,
  ],
  [
    'RFC 4985: the SRV name of another service',
    { srv: ['_xmpp-client.example.org'] },
    'example.org',
    'xmpp-server',
    false,
  ],
  [
    'RFC 4985: no wildcard in an SRV name',
    { srv: ['_xmpp-server.*.example.org'] },
    'a.example.org',
    'xmpp-server',
    false,
  ],
  ['RFC 6120 §13.7.1.4: xmppAddr', { xmppAddr: ['Example.org'] }, 'example.org', 'xmpp-server', true],
  [
    'RFC 6120 §13.7.1.4: the address of an account is no domain',
    { xmppAddr: ['romeo@example.org'] },
    'example.org',
    'xmpp-server',
    false,
  ],
  [
    'RFC 9525 §6.3: U-labels are compared as A-labels',
    { dns: ['xn--bcher-kva.example'] },
    'bücher.example',
    'xmpp-server',
    true,
  ],
  [
    'RFC 9525 §6.3: U-labels of xmppAddr too',
    { xmppAddr: ['bücher.example'] },
    'xn--bcher-kva.example',
    'xmpp-server',
    true,
  ],
  ['an IP address is never matched', { dns: ['192.0.2.1'] }, '192.0.2.1', 'xmpp-server', false],
  ['an empty domain is never matched', { dns: ['example.org'] }, '', 'xmpp-server', false],
];

for (const [rule, names, domain, service, matches] of rows) {
  test(`${rule}: ${domain} ${matches ? 'matches' : 'does not match'}`, () => {
    assert.equal(certificateMatches(x509(names), domain, service), matches);
  });
}

test('a certificate of any bytes is read in bounded time and without an exception', () => {
  const { raw } = x509({ dns: ['example.org'], srv: ['_xmpp-server.example.org'] });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(raw.length - 1), fc.nat(255)), { maxLength: 8 }), (changes) => {
      const broken = Buffer.from(raw);
      for (const [at, value] of changes) broken[at] = value;
      const { dns, xmppAddr, srv } = certificateIdentities({ raw: broken });
      assert.ok(dns.length + xmppAddr.length + srv.length <= 1000);
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      certificateIdentities({ raw: Buffer.from(bytes) });
    }),
  );
});
