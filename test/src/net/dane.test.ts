import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { after, before, type TestContext, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import {
  type DaneEndpoint,
  type DaneProof,
  daneEndpoint,
  type ShownCertificates,
  verifyDane,
} from '../../../src/net/dane.ts';
import { Resolver } from '../../../src/net/dns.ts';
import { type TlsaRecord, usableRecords } from '../../../src/net/tlsa.ts';
import { extension } from '../../../src/net/x509.ts';
import { type DnsFixture, dnsFixture, type ZoneEntry } from '../../support/dns-fixture.ts';
import { type Issued, issue, keyUsage, onlyBelow, purpose, spki } from './authority-fixture.ts';
import { DAY_MS } from './certificate-fixture.ts';

const DOMAIN = 'capulet.lit';
const HOST = 'xmpp.capulet.lit';

const DIGESTS = [undefined, 'sha256', 'sha512'];

/** usage, selector, matching */
type Kind = [usage: number, selector: number, matching: number];

function tlsa([usage, selector, matching]: Kind, of: X509Certificate): TlsaRecord {
  const selected = selector === 0 ? of.raw : spki(of);
  const digest = DIGESTS[matching];
  const data = digest === undefined ? selected : createHash(digest).update(selected).digest();
  return { usage, selector, matching, data };
}

function endpoint(...records: TlsaRecord[]): DaneEndpoint {
  return { domain: DOMAIN, host: HOST, port: 5269, records };
}

function shown(chain: Issued[], authorized = false): ShownCertificates {
  return { chain: chain.map(({ certificate }) => certificate), authorized, now: Date.now() };
}

function proof(record: TlsaRecord, chain: Issued[], authorized = false): DaneProof | undefined {
  return verifyDane(endpoint(record), shown(chain, authorized));
}

const EVERY_FORM = [0, 1].flatMap((selector) => [0, 1, 2].map((matching) => [selector, matching] as const));

const root = issue({ name: 'root', isAuthority: true });
const between = issue({ name: 'between', isAuthority: true, by: root });
const leaf = issue({ name: 'leaf', by: between, dns: [DOMAIN] });
const stranger = issue({ name: 'stranger', dns: [DOMAIN] });

const trusted = getCACertificates('default');
before(() => setDefaultCACertificates([root.pem]));
after(() => setDefaultCACertificates(trusted));

test('RFC 6698 §2.1: DANE-EE in every form matches its certificate, and no other', () => {
  for (const [selector, matching] of EVERY_FORM) {
    const record = tlsa([3, selector, matching], leaf.certificate);
    assert.deepEqual(proof(record, [leaf]), { domain: DOMAIN, usage: 'DANE-EE' });
    assert.equal(proof(record, [stranger]), undefined);
    assert.equal(proof(record, [stranger, leaf]), undefined);
    assert.equal(proof(record, []), undefined);
  }
});

test('RFC 7671 §5.1: for DANE-EE neither names nor dates count', () => {
  const old = issue({
    name: 'old',
    dns: ['other.lit'],
    from: Date.now() - 9 * DAY_MS,
    until: Date.now() - DAY_MS,
  });
  assert.ok(proof(tlsa([3, 1, 1], old.certificate), [old]));
});

test('RFC 7671 §5.2: DANE-TA in every form matches certificates of its authority, also through intermediates', () => {
  for (const [selector, matching] of EVERY_FORM) {
    for (const anchor of [root, between]) {
      const record = tlsa([2, selector, matching], anchor.certificate);
      assert.deepEqual(proof(record, [leaf, between, root]), { domain: DOMAIN, usage: 'DANE-TA' });
      assert.equal(proof(record, [stranger, between, root]), undefined);
    }
  }
  assert.ok(proof(tlsa([2, 0, 1], root.certificate), [leaf, root, between]), 'in any order');
});

test('RFC 7671 §5.2: an authority that the server does not send is used if the record contains it', () => {
  for (const selector of [0, 1]) {
    assert.ok(proof(tlsa([2, selector, 0], root.certificate), [leaf, between]));
    assert.ok(proof(tlsa([2, selector, 0], between.certificate), [leaf]));
    assert.equal(proof(tlsa([2, selector, 0], root.certificate), [leaf]), undefined, 'a link is missing');
    assert.equal(proof(tlsa([2, selector, 1], root.certificate), [leaf, between]), undefined);
  }
});

test('RFC 7671 §5.2: DANE-TA does not match the certificate of the server itself', () => {
  assert.equal(proof(tlsa([2, 0, 1], leaf.certificate), [leaf, between, root]), undefined);
});

test('RFC 7673 §6: with DANE-TA, the certificate names the domain or the target', () => {
  const record = tlsa([2, 0, 1], root.certificate);
  const named = (...dns: string[]) => [issue({ name: 'named', by: root, dns }), root];
  for (const name of [DOMAIN, HOST, '*.capulet.lit']) assert.ok(proof(record, named(name)), name);
  for (const name of ['montague.lit', 'a.xmpp.capulet.lit']) {
    assert.equal(proof(record, named(name)), undefined, name);
  }
  assert.equal(proof(record, named()), undefined);
});

test('RFC 5280 §6.1: with DANE-TA, the usual rules for chains apply', () => {
  const record = tlsa([2, 0, 1], root.certificate);
  const past = { from: Date.now() - 9 * DAY_MS, until: Date.now() - DAY_MS };
  const future = { from: Date.now() + DAY_MS };
  const over = (...chain: Issued[]) => [
    issue({ name: 'end', by: chain[0] ?? root, dns: [DOMAIN] }),
    ...chain,
    root,
  ];
  const authority = { name: 'a', isAuthority: true, by: root };
  const impostor = issue({ name: 'root', isAuthority: true });
  const narrow = issue({ ...authority, pathLength: 0 });
  const wrong: Record<string, Issued[]> = {
    'over before it began': [issue({ name: 'end', by: root, dns: [DOMAIN], ...past }), root],
    'not yet valid': [issue({ name: 'end', by: root, dns: [DOMAIN], ...future }), root],
    'expired authority': over(issue({ ...authority, ...past })),
    'no authority': over(issue({ name: 'a', by: root })),
    'may not sign': over(issue({ ...authority, extensions: [keyUsage(0b10000000)] })),
    'too long': over(issue({ name: 'b', isAuthority: true, by: narrow }), narrow),
    'names are restricted': over(issue({ ...authority, extensions: [onlyBelow('montague.lit')] })),
    'critical and unknown': over(
      issue({ ...authority, extensions: [extension('1.3.6.1.4.1.1', true, Buffer.from([5, 0]))] }),
    ),
    'for clients': [
      issue({ name: 'end', by: root, dns: [DOMAIN], extensions: [purpose('1.3.6.1.5.5.7.3.2')] }),
      root,
    ],
    'of an issuer of another name': [
      issue({ name: 'end', by: { ...root, name: stranger.name }, dns: [DOMAIN] }),
      root,
    ],
    'signed by another of the same name': [issue({ name: 'end', by: impostor, dns: [DOMAIN] }), root],
  };
  for (const [what, chain] of Object.entries(wrong)) assert.equal(proof(record, chain), undefined, what);
  assert.ok(proof(record, over(narrow)));
  assert.ok(
    proof(record, [
      issue({ name: 'end', by: root, dns: [DOMAIN], extensions: [purpose('1.3.6.1.5.5.7.3.1')] }),
      root,
    ]),
  );
});

test('RFC 7671 §5.2.3: a bare key authenticates no expired certificate', () => {
  const old = issue({
    name: 'end',
    by: root,
    dns: [DOMAIN],
    from: Date.now() - 9 * DAY_MS,
    until: Date.now() - DAY_MS,
  });
  assert.equal(proof(tlsa([2, 1, 0], root.certificate), [old]), undefined);
});

test('RFC 7671 §5.3, §5.4: PKIX-EE and PKIX-TA require a valid chain too', () => {
  for (const [record, usage] of [
    [tlsa([1, 1, 1], leaf.certificate), 'PKIX-EE'],
    [tlsa([0, 0, 1], root.certificate), 'PKIX-TA'],
  ] as const) {
    const chain = [leaf, between, root];
    assert.equal(proof(record, chain), undefined, 'not trusted');
    assert.deepEqual(proof(record, chain, true), { domain: DOMAIN, usage });
    assert.equal(proof(record, [stranger, between, root], true), undefined);
    const elsewhere = { ...endpoint(record), domain: 'montague.lit', host: 'xmpp.montague.lit' };
    assert.equal(verifyDane(elsewhere, shown(chain, true)), undefined, 'another name');
  }
});

test('RFC 6698 §2.1.1: PKIX-TA may name a trusted root that the server does not send', () => {
  const record = tlsa([0, 1, 1], root.certificate);
  assert.equal(proof(record, [leaf, between], true)?.usage, 'PKIX-TA');
  assert.equal(proof(record, [leaf], true), undefined, 'a link is missing');
  assert.equal(proof(record, [stranger], true), undefined);
});

test('RFC 6698 §4.1: one matching record is enough', () => {
  const records = [tlsa([3, 1, 1], stranger.certificate), tlsa([2, 0, 1], root.certificate)];
  assert.equal(verifyDane(endpoint(...records), shown([leaf, between, root]))?.usage, 'DANE-TA');
  assert.equal(verifyDane(endpoint(...records), shown([leaf, between])), undefined);
});

test('expensive records and certificates are not evaluated completely', (t) => {
  // Whoever of them has signed whom is found out by trying: they have one name.
  let tangle = [issue({ name: 'tangle', isAuthority: true })];
  for (let count = 1; count < 10; count++)
    tangle = [issue({ name: 'tangle', isAuthority: true, by: tangle[0]! }), ...tangle];
  const end = issue({ name: 'tangle', by: tangle[0]!, dns: [DOMAIN] });
  const records = Array.from({ length: 64 }, (_, index) => ({
    ...tlsa([2, 0, 1], root.certificate),
    data: Buffer.alloc(32, index),
  }));
  const verify = t.mock.method(X509Certificate.prototype, 'verify');
  assert.equal(verifyDane(endpoint(...records), shown([end, ...tangle])), undefined);
  assert.ok(verify.mock.callCount() <= 64, `${verify.mock.callCount()} signatures`);
  const bare = [...tangle, stranger].map(({ certificate }) => tlsa([2, 1, 0], certificate));
  verify.mock.resetCalls();
  verifyDane(endpoint(...Array.from({ length: 6 }, () => bare).flat()), shown([end, ...tangle]));
  assert.ok(verify.mock.callCount() <= 64, `${verify.mock.callCount()} signatures`);
});

test('RFC 6698 §4.1: records of unknown kinds and malformed ones are unusable', () => {
  const good = tlsa([3, 1, 1], leaf.certificate);
  const garbage = Buffer.from('garbage');
  const bad: TlsaRecord[] = [
    { ...good, usage: 4 },
    { ...good, usage: 255 },
    { ...good, selector: 2 },
    { ...good, matching: 3 },
    { ...good, data: good.data.subarray(1) },
    { ...good, matching: 2 },
    { usage: 3, selector: 0, matching: 0, data: garbage },
    { usage: 2, selector: 1, matching: 0, data: garbage },
    { usage: 2, selector: 1, matching: 0, data: Buffer.alloc(0) },
  ];
  assert.deepEqual(usableRecords([...bad, good]), [good]);
});

test('RFC 7671 §9: the weaker of two digests is ignored', () => {
  const weak = tlsa([3, 1, 1], leaf.certificate);
  const strong = tlsa([3, 1, 2], stranger.certificate);
  const whole = tlsa([3, 1, 0], leaf.certificate);
  const other = tlsa([3, 0, 1], leaf.certificate);
  assert.deepEqual(usableRecords([weak, strong, whole, other]), [strong, whole, other]);
});

test('RFC 7673 §4.1: without TLSA records, the certificate may name the host or the domain', () => {
  const named = (...dns: string[]) => shown([issue({ name: 'named', by: root, dns }), root], true);
  for (const name of [DOMAIN, HOST]) {
    assert.deepEqual(verifyDane(endpoint(), named(name)), { domain: DOMAIN, usage: 'PKIX' });
    assert.equal(verifyDane(endpoint(), { ...named(name), authorized: false }), undefined);
  }
  assert.equal(verifyDane(endpoint(), named('montague.lit')), undefined);
});

/** `server` stands for what the records of `zone` lead to. */
async function zoneWith(t: TestContext, changes: Record<string, ZoneEntry>): Promise<DnsFixture> {
  const record = tlsa([3, 1, 1], leaf.certificate);
  return dnsFixture(t, {
    [HOST]: { A: ['192.0.2.1'], dnssec: 'secure' },
    [`_5269._tcp.${HOST}`]: { TLSA: [`3 1 1 ${record.data.toString('hex')}`], dnssec: 'secure' },
    ...changes,
  });
}

function endpointFrom(dns: DnsFixture, authenticated = true): Promise<DaneEndpoint | undefined> {
  const resolver = new Resolver({ servers: [dns.address], hostsFile: '/nonexistent', timeoutMs: 300 });
  return daneEndpoint(resolver, DOMAIN, { host: HOST, port: 5269, directTls: false, authenticated });
}

test('RFC 7673 §3: TLSA records of the target are used if all records before them are secure', async (t) => {
  const dns = await zoneWith(t, {});
  assert.deepEqual(await endpointFrom(dns), endpoint(tlsa([3, 1, 1], leaf.certificate)));
});

test('RFC 7673 §3.2: TLSA records are not requested if SRV records or addresses are insecure', async (t) => {
  const dns = await zoneWith(t, { [HOST]: { A: ['192.0.2.1'], dnssec: 'insecure' } });
  assert.deepEqual(await endpointFrom(dns), endpoint());
  dns.zone[HOST] = { A: ['192.0.2.1'], dnssec: 'secure' };
  assert.equal(await endpointFrom(dns, false), undefined);
  assert.ok(dns.questions.every(({ type }) => type !== 'TLSA'));
});

test('RFC 7673 §3.4: insecure, missing and unusable TLSA records are ignored', async (t) => {
  const TLSA = [`3 1 1 ${'00'.repeat(32)}`];
  for (const entry of [
    { TLSA, dnssec: 'insecure' as const },
    { dnssec: 'secure' as const },
    { TLSA: ['3 1 1 00', '9 9 9 00'], dnssec: 'secure' as const },
  ]) {
    const dns = await zoneWith(t, { [`_5269._tcp.${HOST}`]: entry });
    assert.deepEqual(await endpointFrom(dns), endpoint());
  }
});

test('RFC 7673 §3.4: a target with bogus or withheld TLSA records is not used', async (t) => {
  const dns = await zoneWith(t, { [`_5269._tcp.${HOST}`]: { TLSA: ['3 1 1 00'], dnssec: 'bogus' } });
  await assert.rejects(endpointFrom(dns), { code: 'dns-bogus' });
  dns.misbehave = (response, { type }, send) => {
    if (type !== 'TLSA') send(response);
  };
  await assert.rejects(endpointFrom(dns), { code: 'dns-failed' });
});

test('RFC 7673 §3.2: withholding the addresses of one family does not remove TLSA records', async (t) => {
  const dns = await zoneWith(t, {});
  dns.misbehave = (response, { type }, send) => {
    if (type !== 'AAAA') send(response);
  };
  assert.deepEqual(await endpointFrom(dns), endpoint(tlsa([3, 1, 1], leaf.certificate)));
});

test('RFC 7671 §7: TLSA records at the end of secure aliases take precedence over those at the beginning', async (t) => {
  const END = 'host.verona.lit';
  const first = tlsa([3, 1, 1], leaf.certificate);
  const last = tlsa([3, 1, 1], stranger.certificate);
  const zone = {
    [HOST]: { CNAME: END, dnssec: 'secure' as const },
    [END]: { A: ['192.0.2.1'], dnssec: 'secure' as const },
    [`_5269._tcp.${END}`]: { TLSA: [`3 1 1 ${last.data.toString('hex')}`], dnssec: 'secure' as const },
  };
  const dns = await zoneWith(t, zone);
  assert.deepEqual(await endpointFrom(dns), { ...endpoint(last), host: END });
  delete dns.zone[`_5269._tcp.${END}`];
  assert.deepEqual(await endpointFrom(dns), endpoint(first));
  dns.zone[HOST] = { CNAME: END, dnssec: 'insecure' };
  assert.deepEqual(await endpointFrom(dns), endpoint());
});
