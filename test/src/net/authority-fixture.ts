// Certificates that sign each other, with whatever is wrong with them.

import { createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { bitString, contextTag, encode, oid, sequence, TAG, text, unsigned } from '../../../src/net/der.ts';
import { OID } from '../../../src/net/identity.ts';
import { commonName, extension, signCertificate } from '../../../src/net/x509.ts';
import { DAY_MS } from './certificate-fixture.ts';

export interface Issued {
  certificate: X509Certificate;
  pem: string;
  key: KeyObject;
  /** DER. */
  name: Buffer;
}

export interface Wanted {
  name: string;
  /** Without: it signs itself. */
  by?: Issued;
  /** False: a certificate that may sign nothing. */
  isAuthority?: boolean;
  pathLength?: number;
  dns?: string[];
  from?: number;
  until?: number;
  extensions?: Buffer[];
}

export function issue(wanted: Wanted): Issued {
  const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = commonName(wanted.name);
  const pem = signCertificate({
    issuerKey: wanted.by?.key ?? key,
    issuer: wanted.by?.name ?? name,
    subject: name,
    publicKey,
    validity: [wanted.from ?? Date.now(), wanted.until ?? Date.now() + 90 * DAY_MS],
    extensions: [basicConstraints(wanted), ...alternativeNames(wanted.dns), ...(wanted.extensions ?? [])],
  });
  return { certificate: new X509Certificate(pem), pem, key, name };
}

/** extKeyUsage with one purpose (RFC 5280 §4.2.1.12). */
export function purpose(id: string): Buffer {
  return extension('2.5.29.37', false, sequence(oid(id)));
}

/** nameConstraints that permit names below one domain (RFC 5280 §4.2.1.10). */
export function onlyBelow(domain: string): Buffer {
  const permitted = encode(contextTag(0, true), sequence(text(contextTag(2), domain)));
  return extension('2.5.29.30', true, sequence(permitted));
}

export function keyUsage(bits: number): Buffer {
  return extension('2.5.29.15', true, bitString(Buffer.from([bits]), 0));
}

/** The key as it stands in the certificate. */
export function spki(certificate: X509Certificate): Buffer {
  return createPublicKey(certificate.publicKey.export({ type: 'spki', format: 'pem' })).export({
    type: 'spki',
    format: 'der',
  });
}

function basicConstraints({ isAuthority = false, pathLength }: Wanted): Buffer {
  if (!isAuthority) return extension('2.5.29.19', true, sequence());
  const limit = pathLength === undefined ? [] : [unsigned(Buffer.from([pathLength]))];
  return extension('2.5.29.19', true, sequence(encode(TAG.BOOLEAN, Buffer.from([0xff])), ...limit));
}

function alternativeNames(dns: readonly string[] | undefined): Buffer[] {
  if (dns === undefined) return [];
  const names = dns.map((value) => text(contextTag(2), value));
  return [extension(OID.SUBJECT_ALT_NAME, false, sequence(...names))];
}
