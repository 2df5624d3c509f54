// Writes X.509 version 3 certificates with P-256 keys (RFC 5280 §4).

import { createHash, type KeyObject, randomBytes, sign, type X509Certificate } from 'node:crypto';
import {
  bitString,
  contextTag,
  decode,
  decodeAll,
  encode,
  oid,
  sequence,
  TAG,
  text,
  time,
  unsigned,
} from './der.ts';

export interface CertificateFields {
  issuerKey: KeyObject;
  /** DER names. */
  issuer: Buffer;
  subject: Buffer;
  publicKey: KeyObject;
  /** Start and end, in ms since 1970. */
  validity: [number, number];
  /** Each made by `extension`. */
  extensions: Buffer[];
}

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature } (RFC 5280 §4.1), as PEM. */
export function signCertificate(fields: CertificateFields): string {
  const [from, until] = fields.validity;
  const algorithm = sequence(oid('1.2.840.10045.4.3.2')); // ecdsa-with-SHA256
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // positive and of constant length
  const toBeSigned = sequence(
    encode(contextTag(0, true), unsigned(Buffer.from([2]))), // v3
    unsigned(serial),
    algorithm,
    fields.issuer,
    // Valid an hour earlier, for peers whose clock is slow.
    sequence(time(from - 60 * 60 * 1000), time(until)),
    fields.subject,
    fields.publicKey.export({ type: 'spki', format: 'der' }),
    encode(contextTag(3, true), sequence(...fields.extensions)),
  );
  const signature = sign('sha256', toBeSigned, { key: fields.issuerKey, dsaEncoding: 'der' });
  return pem(sequence(toBeSigned, algorithm, bitString(signature)));
}

export function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  const critical = isCritical ? [encode(TAG.BOOLEAN, Buffer.from([0xff]))] : [];
  return sequence(oid(id), ...critical, encode(TAG.OCTET_STRING, value));
}

export function commonName(value: string): Buffer {
  return sequence(encode(TAG.SET, sequence(oid('2.5.4.3'), text(TAG.UTF8_STRING, value))));
}

/**
 * SHA-1 of the public key's bits (RFC 5280 §4.2.1.2, method 1). It identifies the key, and security does not depend on
 * it.
 */
export function keyIdOf(publicKey: KeyObject): Buffer {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const point = [Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
  return createHash('sha1').update(Buffer.concat(point)).digest();
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

export function otherName(type: string, value: Buffer): Buffer {
  return encode(contextTag(0, true), oid(type), encode(contextTag(0, true), value));
}

/** The subject of a certificate as a DER name, for use as the issuer of other certificates. */
export function subjectOf(certificate: X509Certificate): Buffer {
  const outer = decode(certificate.raw);
  const [toBeSigned] = outer === undefined ? [] : decodeAll(outer.body, 3);
  // version, serialNumber, signature, issuer, validity, subject
  const subject = toBeSigned === undefined ? undefined : decodeAll(toBeSigned.body, 6)[5];
  return subject === undefined ? sequence() : encode(subject.tag, subject.body);
}
