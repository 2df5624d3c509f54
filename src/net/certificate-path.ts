// Builds the path from a certificate to its authorities, from the certificates of one handshake. OpenSSL cannot use
// trust anchors from the DNS, because it needs them before the handshake. And it checks the certificates of servers
// that connect to us as certificates of clients.

import type { KeyObject, X509Certificate } from 'node:crypto';
import { oid } from './der.ts';
import { signatureHash } from './signature-hash.ts';
import { extensionsOf, pathLength } from './x509-fields.ts';

/** No chain in use is longer. */
const MAX_CERTIFICATES = 10;
/** Limits the work that an unauthenticated peer can cause, possibly with slow keys. */
const MAX_SIGNATURES = 64;
const MAX_RSA_BITS = 8192;
/** The minimum that TLS demands (112 bits of security, NIST SP 800-57). */
const MIN_RSA_BITS = 2048;
const SERVER_AUTH = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0'];
const WEAK_HASHES = ['md5', 'sha1'];

const NAME_CONSTRAINTS = bytes('2.5.29.30');
/**
 * Critical extensions that are checked here or by OpenSSL: subjectAltName, keyUsage, basicConstraints, extKeyUsage;
 * policies do not matter.
 */
const UNDERSTOOD = ['2.5.29.17', '2.5.29.15', '2.5.29.19', '2.5.29.37', '2.5.29.32'].map(bytes);

/** Checks signatures, each once, and at most MAX_SIGNATURES for one handshake; beyond that, all checks fail. */
export class SignatureChecks {
  #left = MAX_SIGNATURES;
  readonly #known = new Map<X509Certificate, Map<X509Certificate, boolean>>();

  hasSigned(authority: X509Certificate, certificate: X509Certificate): boolean {
    const known = this.#known.get(authority) ?? new Map<X509Certificate, boolean>();
    this.#known.set(authority, known);
    const isSigned = known.get(certificate) ?? this.#check(authority, certificate);
    known.set(certificate, isSigned);
    return isSigned;
  }

  isSignedBy(key: KeyObject, certificate: X509Certificate): boolean {
    return isStrong(key) && this.#left-- > 0 && certificate.verify(key);
  }

  #check(authority: X509Certificate, certificate: X509Certificate): boolean {
    if (!certificate.checkIssued(authority) || WEAK_HASHES.includes(signatureHash(certificate.raw) ?? ''))
      return false;
    return this.isSignedBy(authority.publicKey, certificate);
  }
}

/**
 * Whether a server's certificate chain, its own certificate first, leads to a root and is valid now (ms since 1970).
 * Names are not checked.
 */
export function leadsToRoot(
  [leaf, ...above]: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  now: number,
): boolean {
  if (leaf === undefined) return false;
  const checks = new SignatureChecks();
  const issuers = new Set([leaf, ...above].map(({ issuer }) => issuer));
  return roots.some(
    (root) =>
      issuers.has(root.subject) && authoritiesAbove(leaf, [root, ...above], now, checks).includes(root),
  );
}

/**
 * The authorities above a certificate, nearest first: each has signed one below it, may sign, and is valid now (ms
 * since 1970). Empty if the certificate itself is not valid for a server now. Authorities with name constraints or
 * unknown critical extensions are left out (RFC 5280 §4.2).
 */
export function authoritiesAbove(
  leaf: X509Certificate,
  pool: readonly X509Certificate[],
  now: number,
  checks: SignatureChecks,
): X509Certificate[] {
  if (!isGoodForServer(leaf, now)) return [];
  const found: { certificate: X509Certificate; depth: number }[] = [];
  const left = new Set(pool.slice(0, MAX_CERTIFICATES));
  const climb = (from: X509Certificate, depth: number): void => {
    for (const candidate of left) {
      if (!maySign(candidate, depth, now) || !checks.hasSigned(candidate, from)) continue;
      left.delete(candidate);
      found.push({ certificate: candidate, depth });
    }
  };
  climb(leaf, 0);
  for (let index = 0; index < found.length; index++) {
    const entry = found[index];
    if (entry !== undefined) climb(entry.certificate, entry.depth + 1);
  }
  return found.map(({ certificate }) => certificate);
}

/** Whether the certificate itself is valid for a server now (ms since 1970). */
export function isGoodForServer(leaf: X509Certificate, now: number): boolean {
  return isValid(leaf, now) && isForServers(leaf) && isUnderstood(leaf);
}

/** `depth`: the number of authorities below this one. */
function maySign(authority: X509Certificate, depth: number, now: number): boolean {
  return (
    authority.ca &&
    isValid(authority, now) &&
    isForServers(authority) &&
    isUnderstood(authority) &&
    pathLength(authority.raw) >= depth
  );
}

function isValid(certificate: X509Certificate, now: number): boolean {
  return certificate.validFromDate.getTime() <= now && now <= certificate.validToDate.getTime();
}

function isForServers({ keyUsage }: X509Certificate): boolean {
  // Node calls the extended key usage `keyUsage`; undefined means any usage.
  const usages: readonly string[] | undefined = keyUsage;
  return usages === undefined || usages.some((usage) => SERVER_AUTH.includes(usage));
}

function isUnderstood(certificate: X509Certificate): boolean {
  return extensionsOf(certificate.raw).every(
    ({ id, isCritical }) =>
      !id.equals(NAME_CONSTRAINTS) && (!isCritical || UNDERSTOOD.some((known) => known.equals(id))),
  );
}

function isStrong({ asymmetricKeyDetails }: KeyObject): boolean {
  const bits = asymmetricKeyDetails?.modulusLength;
  return bits === undefined || (bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS);
}

function bytes(dotted: string): Buffer {
  return oid(dotted).subarray(2);
}
