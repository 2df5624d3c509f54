// The hash function of a certificate's signature algorithm.

import { contextTag, type DerValue, decode, decodeAll, oid, TAG } from './der.ts';

/** The names of node:crypto. */
export type SignatureHash = 'md5' | 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

const RSA = '1.2.840.113549.1.1';
const ECDSA = '1.2.840.10045.4';

/** Algorithms that combine a hash function and a signature function (RFC 8017 appendix C, RFC 5758 §3.2). */
const SIGNATURES = byOid([
  [`${RSA}.4`, 'md5'],
  [`${RSA}.5`, 'sha1'],
  [`${RSA}.14`, 'sha224'],
  [`${RSA}.11`, 'sha256'],
  [`${RSA}.12`, 'sha384'],
  [`${RSA}.13`, 'sha512'],
  [`${ECDSA}.1`, 'sha1'],
  [`${ECDSA}.3.1`, 'sha224'],
  [`${ECDSA}.3.2`, 'sha256'],
  [`${ECDSA}.3.3`, 'sha384'],
  [`${ECDSA}.3.4`, 'sha512'],
]);

const HASHES = byOid([
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.4', 'sha224'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);

const RSA_PSS = keyOf(oid(`${RSA}.10`));

/** Undefined for signatures without a separate hash function (Ed25519), with two of them, or unknown ones. */
export function signatureHash(certificate: Buffer): SignatureHash | undefined {
  // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature } (RFC 5280 §4.1)
  const [, algorithm] = inside(decode(certificate));
  const [id, parameters] = inside(algorithm);
  if (id?.tag !== TAG.OID) return undefined;
  const name = id.body.toString('hex');
  return name === RSA_PSS ? pssHash(parameters) : SIGNATURES.get(name);
}

/** RSASSA-PSS hashes the message, and again for a mask (RFC 8017 appendix A.2.3). The default for both is SHA-1. */
function pssHash(parameters: DerValue | undefined): SignatureHash | undefined {
  const fields = inside(parameters);
  const [hash] = inside(fields.find(({ tag }) => tag === contextTag(0, true)));
  const [mask] = inside(fields.find(({ tag }) => tag === contextTag(1, true)));
  const [, maskHash] = inside(mask);
  const [first, second] = [hash, maskHash].map((algorithm) =>
    algorithm === undefined ? 'sha1' : HASHES.get(inside(algorithm)[0]?.body.toString('hex') ?? ''),
  );
  return first === second ? first : undefined;
}

function inside(value: DerValue | undefined): DerValue[] {
  return value === undefined ? [] : decodeAll(value.body, 8);
}

function byOid(
  entries: readonly (readonly [dotted: string, hash: SignatureHash])[],
): Map<string, SignatureHash> {
  return new Map(entries.map(([dotted, hash]) => [keyOf(oid(dotted)), hash]));
}

/** The bytes of an identifier, without its tag and length. */
function keyOf(encoded: Buffer): string {
  return encoded.subarray(2).toString('hex');
}
