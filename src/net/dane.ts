// Certificates vouched for by the DNS instead of, or besides, the public authorities (DANE: RFC 6698, RFC 7671), for
// services found by SRV records (RFC 7673).

import type { X509Certificate } from 'node:crypto';
import { hostAndPort } from './address.ts';
import { authoritiesAbove, isGoodForServer, SignatureChecks } from './certificate-path.ts';
import type { Resolver } from './dns.ts';
import { asciiDomain, certificateIdentities, certificateMatches, dnsNameCovers } from './identity.ts';
import type { Target } from './srv.ts';
import {
  type DaneUsage,
  fullCertificate,
  fullKey,
  recordMatches,
  type TlsaRecord,
  usableRecords,
  usageOf,
} from './tlsa.ts';
import { trustedCertificates } from './trust.ts';

/** What the certificate of one port must be, by the word of the DNS. */
export interface DaneEndpoint {
  /** Whose service it is: as it was asked for. */
  domain: string;
  /** The host that SRV records lead to, where its aliases end, or the domain itself. */
  host: string;
  port: number;
  /** Usable ones. None: the way to the host is all that the DNS vouches for. */
  records: readonly TlsaRecord[];
}

/** The DNS vouches for the certificate that was shown, or for the name in it. */
export interface DaneProof {
  /** For whom it is proof, and for nobody else. */
  domain: string;
  /** 'PKIX': there is no TLSA record. An authority has signed the name of the host (RFC 7673 §4.1). */
  usage: DaneUsage | 'PKIX';
}

/** What the peer showed in the handshake. */
export interface ShownCertificates {
  /** Its own first, the others as they came. */
  chain: readonly X509Certificate[];
  /** Whether it leads to an authority that is trusted anyway. */
  authorized: boolean;
  /** Ms since 1970. */
  now: number;
}

/**
 * What is known of a target to which DNSSEC vouches for the way; undefined where the usual rules apply.
 *
 * @throws NetError when TLSA records cannot be had: this target must not be used then (RFC 7673 §3.4).
 */
export async function daneEndpoint(
  resolver: Resolver,
  domain: string,
  { host, port, authenticated }: Target,
): Promise<DaneEndpoint | undefined> {
  if (!authenticated || asciiDomain(host) === undefined) return undefined;
  const addresses = await resolver.resolveAddresses(host);
  // RFC 7671 §7: records at the end of the aliases are preferred.
  const names = addresses.canonicalName === undefined ? [host] : [addresses.canonicalName, host];
  // RFC 7673 §3.2: with insecure addresses the question is not even asked.
  for (const name of addresses.authenticated ? names : []) {
    const answer = await resolver.resolveTlsa(`_${port}._tcp.${name}`);
    const records = answer.authenticated ? usableRecords(answer.records) : [];
    if (records.length > 0) return { domain, host: name, port, records };
  }
  return host === domain ? undefined : { domain, host, port, records: [] };
}

/** The proof, by whichever record gives it. Where there are records and none does, nothing must pass (RFC 6698 §4.1). */
export function verifyDane(endpoint: DaneEndpoint, shown: ShownCertificates): DaneProof | undefined {
  const { domain, records } = endpoint;
  const facts = new Facts(endpoint, shown);
  if (records.length === 0) {
    return shown.authorized && facts.isNamed ? { domain, usage: 'PKIX' } : undefined;
  }
  for (const record of records) {
    const usage = usageOf(record);
    if (usage !== undefined && CHECKS[usage](record, facts)) return { domain, usage };
  }
  return undefined;
}

/** For the administrator. */
export function daneProblem({ domain, host, port, records }: DaneEndpoint): string {
  const usages = [...new Set(records.map(usageOf))].join(', ');
  return `the certificate that ${domain} showed at ${hostAndPort(host, port)} is not the one that its TLSA records name (DANE, _${port}._tcp.${host}: ${usages})`;
}

/** What is asked for each record, found out once. */
class Facts implements ShownCertificates {
  readonly chain: readonly X509Certificate[];
  readonly authorized: boolean;
  readonly now: number;
  /** The certificate is made for the domain or its host. */
  readonly isNamed: boolean;
  readonly checks = new SignatureChecks();
  #authorities: readonly X509Certificate[] | undefined;

  constructor(endpoint: DaneEndpoint, shown: ShownCertificates) {
    this.chain = shown.chain;
    this.authorized = shown.authorized;
    this.now = shown.now;
    this.isNamed = isNamed(endpoint, shown);
  }

  /** Above the certificate, among those that were shown, or with one more. */
  authorities(more?: X509Certificate): readonly X509Certificate[] {
    const [leaf, ...above] = this.chain;
    if (leaf === undefined) return [];
    if (more !== undefined) return authoritiesAbove(leaf, [more, ...above], this.now, this.checks);
    this.#authorities ??= authoritiesAbove(leaf, above, this.now, this.checks);
    return this.#authorities;
  }
}

type Check = (record: TlsaRecord, facts: Facts) => boolean;

const CHECKS: Record<DaneUsage, Check> = {
  // Roots are mostly not shown, but may be what the record names.
  'PKIX-TA': (record, facts) =>
    facts.authorized && facts.isNamed && hasAnchor(record, facts, trustedCertificates()),
  'PKIX-EE': (record, facts) => facts.authorized && facts.isNamed && isLeaf(record, facts),
  'DANE-TA': (record, facts) => facts.isNamed && hasAnchor(record, facts, []),
  // Names and dates do not count (RFC 7671 §5.1): the record is for this very port, and is taken away when it is over.
  'DANE-EE': (record, facts) => isLeaf(record, facts),
};

/** Both names are good, since the DNS vouches for the way from one to the other (RFC 7673 §4.1, §6). */
function isNamed({ domain, host }: DaneEndpoint, { chain }: ShownCertificates): boolean {
  const [leaf] = chain;
  if (leaf === undefined) return false;
  const target = asciiDomain(host);
  return (
    certificateMatches(leaf, domain, 'xmpp-server') ||
    (target !== undefined && certificateIdentities(leaf).dns.some((name) => dnsNameCovers(name, target)))
  );
}

function isLeaf(record: TlsaRecord, { chain: [leaf] }: ShownCertificates): boolean {
  return leaf !== undefined && recordMatches(record, leaf);
}

/** Whether the chain leads to the anchor that the record names. It need not be shown when the record holds it whole. */
function hasAnchor(record: TlsaRecord, facts: Facts, others: readonly X509Certificate[]): boolean {
  const [leaf] = facts.chain;
  if (leaf === undefined) return false;
  const shown = facts.authorities(fullCertificate(record));
  if (shown.some((authority) => recordMatches(record, authority))) return true;
  const key = record.usage === 2 ? fullKey(record) : undefined;
  // RFC 7671 §5.2.3: a bare key, of which no certificate is shown.
  if (key !== undefined && isGoodForServer(leaf, facts.now)) {
    return [leaf, ...shown].some((certificate) => facts.checks.isSignedBy(key, certificate));
  }
  return others.some((root) => recordMatches(record, root) && facts.authorities(root).includes(root));
}
