// TLSA records: selects the usable ones, and matches them with a certificate (RFC 6698 §2, RFC 7671).

import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { publicKeyInfo } from './x509-fields.ts';

export interface TlsaRecord {
  /** 0 PKIX-TA, 1 PKIX-EE, 2 DANE-TA, 3 DANE-EE (RFC 7218 §2.1). */
  usage: number;
  /** 0 the whole certificate, 1 its public key. */
  selector: number;
  /** 0 the data itself, 1 its SHA-256, 2 its SHA-512. */
  matching: number;
  data: Buffer;
}

export type DaneUsage = 'PKIX-TA' | 'PKIX-EE' | 'DANE-TA' | 'DANE-EE';

const USAGES: readonly DaneUsage[] = ['PKIX-TA', 'PKIX-EE', 'DANE-TA', 'DANE-EE'];
const DIGESTS = [undefined, 'sha256', 'sha512'] as const;
const DIGEST_BYTES = [undefined, 32, 64] as const;

export function usageOf(record: TlsaRecord): DaneUsage | undefined {
  return USAGES[record.usage];
}

/**
 * The records without malformed and unknown ones (RFC 6698 §4.1), and without digests for which a stronger one exists
 * (RFC 7671 §9).
 */
export function usableRecords(records: readonly TlsaRecord[]): TlsaRecord[] {
  const usable = records.filter(isUsable);
  return usable.filter(
    (record) =>
      record.matching !== 1 ||
      !usable.some(
        (other) => other.matching === 2 && other.usage === record.usage && other.selector === record.selector,
      ),
  );
}

function isUsable(record: TlsaRecord): boolean {
  if (usageOf(record) === undefined || record.selector > 1 || record.matching > 2) return false;
  if (record.matching !== 0) return record.data.length === DIGEST_BYTES[record.matching];
  return (record.selector === 0 ? fullCertificate(record) : fullKey(record)) !== undefined;
}

/** Whether the record matches the certificate. */
export function recordMatches(record: TlsaRecord, certificate: X509Certificate): boolean {
  const selected = record.selector === 0 ? certificate.raw : publicKeyInfo(certificate.raw);
  if (selected === undefined) return false;
  const digest = DIGESTS[record.matching];
  const association = digest === undefined ? selected : createHash(digest).update(selected).digest();
  return association.equals(record.data);
}

/** The certificate, if the record holds it in full. */
export function fullCertificate({ selector, matching, data }: TlsaRecord): X509Certificate | undefined {
  if (selector !== 0 || matching !== 0) return undefined;
  try {
    return new X509Certificate(data);
  } catch {
    return undefined;
  }
}

/** The public key, if the record holds it in full. */
export function fullKey({ selector, matching, data }: TlsaRecord): KeyObject | undefined {
  if (selector !== 1 || matching !== 0) return undefined;
  try {
    return createPublicKey({ key: data, format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}
