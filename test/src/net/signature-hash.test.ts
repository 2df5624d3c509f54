import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { contextTag, encode, oid, sequence, unsigned } from '../../../src/net/der.ts';
import { signatureHash } from '../../../src/net/signature-hash.ts';
import { makeCertificate } from './certificate-fixture.ts';

const NULL = Buffer.from([5, 0]);
const [SHA1, SHA256, SHA384, MGF1] = [
  oid('1.3.14.3.2.26'),
  oid('2.16.840.1.101.3.4.2.1'),
  oid('2.16.840.1.101.3.4.2.2'),
  oid('1.2.840.113549.1.1.8'),
];

/** As much of a certificate as is looked at. */
function signedWith(id: string, ...parameters: Buffer[]): Buffer {
  return sequence(sequence(), sequence(oid(id), ...parameters), Buffer.from([3, 1, 0]));
}

/** RSASSA-PSS-params (RFC 8017 appendix A.2.3). */
function pss(hash?: Buffer, mask?: Buffer): Buffer {
  const fields = [
    ...(hash ? [encode(contextTag(0, true), sequence(hash, NULL))] : []),
    ...(mask ? [encode(contextTag(1, true), sequence(MGF1, sequence(mask, NULL)))] : []),
    encode(contextTag(2, true), unsigned(Buffer.from([32]))),
  ];
  return signedWith('1.2.840.113549.1.1.10', sequence(...fields));
}

const CASES: [what: string, certificate: Buffer, hash: string | undefined][] = [
  ['RSA with MD5', signedWith('1.2.840.113549.1.1.4', NULL), 'md5'],
  ['RSA with SHA-1', signedWith('1.2.840.113549.1.1.5', NULL), 'sha1'],
  ['RSA with SHA-224', signedWith('1.2.840.113549.1.1.14', NULL), 'sha224'],
  ['RSA with SHA-256', signedWith('1.2.840.113549.1.1.11', NULL), 'sha256'],
  ['RSA with SHA-384', signedWith('1.2.840.113549.1.1.12', NULL), 'sha384'],
  ['RSA with SHA-512', signedWith('1.2.840.113549.1.1.13', NULL), 'sha512'],
  ['ECDSA with SHA-1', signedWith('1.2.840.10045.4.1'), 'sha1'],
  ['ECDSA with SHA-256', signedWith('1.2.840.10045.4.3.2'), 'sha256'],
  ['ECDSA with SHA-384', signedWith('1.2.840.10045.4.3.3'), 'sha384'],
  ['ECDSA with SHA-512', signedWith('1.2.840.10045.4.3.4'), 'sha512'],
  ['PSS with SHA-256 throughout', pss(SHA256, SHA256), 'sha256'],
  ['PSS with SHA-384 throughout', pss(SHA384, SHA384), 'sha384'],
  ['PSS that says nothing, which is SHA-1', pss(), 'sha1'],
  ['PSS with SHA-1 said once', pss(SHA1), 'sha1'],
  ['PSS with two hash functions', pss(SHA256, SHA384), undefined],
  ['PSS with a mask of the default', pss(SHA256), undefined],
  ['Ed25519', signedWith('1.3.101.112'), undefined],
  ['what nobody knows', signedWith('1.2.3.4'), undefined],
  ['no algorithm', sequence(sequence()), undefined],
  ['no DER at all', Buffer.from('a certificate'), undefined],
  ['nothing', Buffer.alloc(0), undefined],
];

for (const [what, certificate, hash] of CASES) {
  test(`RFC 5929 §4.1: the hash of a certificate signed by ${what} is ${hash ?? 'not defined'}`, () => {
    assert.equal(signatureHash(certificate), hash);
  });
}

test('a complete certificate gives the same hash', () => {
  const { cert } = makeCertificate({ dns: ['montague.lit'] });
  assert.equal(signatureHash(new X509Certificate(cert).raw), 'sha256');
});
