// The names in certificates, compared as in RFC 9525 and RFC 6120 §13.7.

import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { contextTag, type DerValue, decode, decodeAll, oid, TAG } from './der.ts';

/** The subjectAltName entries that matter in XMPP. */
export interface CertificateIdentities {
  /** dNSName: lower-case A-labels, possibly with a wildcard. */
  dns: string[];
  /** id-on-xmppAddr (RFC 6120 §13.7.1.4): a domain, or the JID of an account. */
  xmppAddr: string[];
  /** id-on-dnsSRV (RFC 4985): "_xmpp-server.example.org", lower case. */
  srv: string[];
}

export const OID = {
  SUBJECT_ALT_NAME: '2.5.29.17',
  XMPP_ADDR: '1.3.6.1.5.5.7.8.5',
  DNS_SRV: '1.3.6.1.5.5.7.8.7',
} as const;

/** Further names of a certificate are ignored. */
const MAX_NAMES = 1000;
const MAX_FIELDS = 64;

const SUBJECT_ALT_NAME = oid(OID.SUBJECT_ALT_NAME);
const XMPP_ADDR = oid(OID.XMPP_ADDR);
const DNS_SRV = oid(OID.DNS_SRV);

/** Reads the names, without malformed ones. */
export function certificateIdentities(certificate: Pick<X509Certificate, 'raw'>): CertificateIdentities {
  const found: CertificateIdentities = { dns: [], xmppAddr: [], srv: [] };
  const names = subjectAltName(certificate.raw);
  for (const { tag, body } of names === undefined ? [] : decodeAll(names, MAX_NAMES)) {
    if (tag === contextTag(2)) addDnsName(found.dns, body.toString('latin1'));
    else if (tag === contextTag(0, true)) addOtherName(found, body);
  }
  return found;
}

/** Certificate → TBSCertificate → [3] extensions → the contents of subjectAltName (RFC 5280 §4.1). */
function subjectAltName(der: Buffer): Buffer | undefined {
  const certificate = inside(decode(der));
  const fields = inside(certificate[0]);
  const extensions = inside(inside(fields.find((field) => field.tag === contextTag(3, true)))[0]);
  for (const extension of extensions) {
    const parts = inside(extension);
    const id = parts[0];
    const value = parts.at(-1);
    if (id?.tag !== TAG.OID || value?.tag !== TAG.OCTET_STRING || !isOid(id, SUBJECT_ALT_NAME)) continue;
    const names = decode(value.body);
    return names?.tag === TAG.SEQUENCE ? names.body : undefined;
  }
  return undefined;
}

function inside(value: DerValue | undefined): DerValue[] {
  return value === undefined ? [] : decodeAll(value.body, MAX_FIELDS);
}

function isOid(value: DerValue, encoded: Buffer): boolean {
  return value.body.equals(encoded.subarray(2));
}

/** OtherName ::= SEQUENCE { type-id OID, value [0] EXPLICIT ANY } (RFC 5280 §4.2.1.6). */
function addOtherName(found: CertificateIdentities, body: Buffer): void {
  const [id, wrapper] = decodeAll(body, 2);
  if (id?.tag !== TAG.OID || wrapper?.tag !== contextTag(0, true)) return;
  const value = decode(wrapper.body);
  if (value === undefined) return;
  if (isOid(id, XMPP_ADDR) && value.tag === TAG.UTF8_STRING) found.xmppAddr.push(value.body.toString());
  else if (isOid(id, DNS_SRV) && value.tag === TAG.IA5_STRING)
    addSrvName(found.srv, value.body.toString('latin1'));
}

const LABELS = /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/;

/** A wildcard stands for one whole left-most label, and not for a whole top-level domain (RFC 9525 §6.3). */
function addDnsName(names: string[], value: string): void {
  const name = value.toLowerCase();
  const isWildcard = name.startsWith('*.');
  const rest = isWildcard ? name.slice(2) : name;
  if (LABELS.test(rest) && (!isWildcard || rest.includes('.'))) names.push(name);
}

function addSrvName(names: string[], value: string): void {
  const name = value.toLowerCase();
  if (name.startsWith('_') && LABELS.test(name)) names.push(name);
}

/**
 * Whether the certificate is valid for a domain. The common name is ignored (RFC 9525 §6.1), and an IP address never
 * matches.
 */
export function certificateMatches(
  certificate: Pick<X509Certificate, 'raw'>,
  domain: string,
  service: 'xmpp-server' | 'xmpp-client',
): boolean {
  const reference = asciiDomain(domain);
  if (reference === undefined) return false;
  const { dns, xmppAddr, srv } = certificateIdentities(certificate);
  return (
    dns.some((name) => dnsNameCovers(name, reference)) ||
    srv.includes(`_${service}.${reference}`) ||
    xmppAddr.some((address) => asciiDomain(address) === reference)
  );
}

/** Whether a name from a certificate, wildcard or not, covers a domain of lower-case A-labels. */
export function dnsNameCovers(name: string, domain: string): boolean {
  if (!name.startsWith('*.')) return name === domain;
  const dot = domain.indexOf('.');
  return dot > 0 && name.slice(1) === domain.slice(dot);
}

/** The domain in lower-case A-labels without the final dot; undefined if the text is not a domain. */
export function asciiDomain(domain: string): string | undefined {
  const name = domain.endsWith('.') ? domain.slice(0, -1) : domain;
  // domainToASCII parses hosts of URLs: it would decode these characters or read the text as an address.
  if (/[%/?#@:[\]\\\s]/.test(name)) return undefined;
  const ascii = domainToASCII(name).toLowerCase();
  return LABELS.test(ascii) && isIP(ascii) === 0 ? ascii : undefined;
}
