// Fields of an X.509 certificate that node:crypto does not expose (RFC 5280 §4.1).

import { contextTag, type DerValue, decode, decodeAll, encode, oid, TAG } from './der.ts';

const MAX_FIELDS = 64;
const BASIC_CONSTRAINTS = oid('2.5.29.19').subarray(2);

export interface Extension {
  /** The bytes of its object identifier. */
  id: Buffer;
  isCritical: boolean;
  /** DER. */
  value: Buffer;
}

/** The bytes of SubjectPublicKeyInfo in the certificate, which TLSA records refer to (RFC 6698 §2.1.2). */
export function publicKeyInfo(certificate: Buffer): Buffer | undefined {
  const fields = toBeSigned(certificate);
  // [0] version, left out for version 1; then serialNumber, signature, issuer, validity, subject
  const key = fields[fields[0]?.tag === contextTag(0, true) ? 6 : 5];
  return key === undefined ? undefined : encode(key.tag, key.body);
}

export function extensionsOf(certificate: Buffer): Extension[] {
  const wrapper = toBeSigned(certificate).find(({ tag }) => tag === contextTag(3, true));
  return inside(inside(wrapper)[0]).flatMap((extension) => {
    const parts = inside(extension);
    const [id, value] = [parts[0], parts.at(-1)];
    if (id?.tag !== TAG.OID || value?.tag !== TAG.OCTET_STRING) return [];
    const isCritical = parts[1]?.tag === TAG.BOOLEAN && parts[1].body[0] !== 0;
    return [{ id: id.body, isCritical, value: value.body }];
  });
}

/** The number of authorities allowed between this one and the last certificate (RFC 5280 §4.2.1.9). */
export function pathLength(certificate: Buffer): number {
  const extension = extensionsOf(certificate).find(({ id }) => id.equals(BASIC_CONSTRAINTS));
  const fields = extension === undefined ? [] : inside(decode(extension.value));
  const limit = fields.find(({ tag }) => tag === TAG.INTEGER);
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  return limit.body.length === 1 ? limit.body.readUInt8() : Number.POSITIVE_INFINITY;
}

function toBeSigned(certificate: Buffer): DerValue[] {
  return inside(inside(decode(certificate))[0]);
}

function inside(value: DerValue | undefined): DerValue[] {
  return value === undefined ? [] : decodeAll(value.body, MAX_FIELDS);
}
