// Certificates vouched for by the DNS instead of, or besides, the public authorities (DANE: RFC 6698, RFC 7671), for
// services found by SRV records (RFC 7673).

import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { hostAndPort } from './address.ts';
import { authoritiesAbove, isGoodForServer } from './certificate-path.ts';
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

/** What the certificate of one port must be, by the word of the DNS. */
export interface DaneEndpoint {
  /** Whose service it is: as it was asked for. */
  domain: string;
  /** The host that SRV records lead to, or the domain itself. */
  host: string;
  port: number;
  /** Usable ones, at least one. */
  records: readonly TlsaRecord[];
}

/** The DNS vouches for the certificate that was shown. */
export interface DaneProof {
  /** For whom it is proof, and for nobody else. */
  domain: string;
  usage: DaneUsage;
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
 * The TLSA records for a target, where all that leads to it is secured by DNSSEC; undefined where the usual rules apply.
 *
 * @throws NetError when they cannot be had: this target must not be used then (RFC 7673 §3.3).
 */
export async function daneEndpoint(
  resolver: Resolver,
  domain: string,
  { host, port, authenticated }: Target,
): Promise<DaneEndpoint | undefined> {
  if (!authenticated || asciiDomain(host) === undefined) return undefined;
  // RFC 7673 §3.2: with insecure addresses the question is not even asked.
  const addresses = await resolver.resolveAddresses(host);
  if (!addresses.authenticated) return undefined;
  const answer = await resolver.resolveTlsa(`_${port}._tcp.${host}`);
  const records = answer.authenticated ? usableRecords(answer.records) : [];
  return records.length === 0 ? undefined : { domain, host, port, records };
}

/** The proof, by whichever record gives it; undefined when none does: then nothing must pass (RFC 6698 §4.1). */
export function verifyDane(endpoint: DaneEndpoint, shown: ShownCertificates): DaneProof | undefined {
  for (const record of endpoint.records) {
    const usage = usageOf(record);
    if (usage !== undefined && CHECKS[usage](record, endpoint, shown)) {
      return { domain: endpoint.domain, usage };
    }
  }
  return undefined;
}

/** For the administrator. */
export function daneProblem({ domain, host, port, records }: DaneEndpoint): string {
  const usages = [...new Set(records.map(usageOf))].join(', ');
  return `the certificate that ${domain} showed at ${hostAndPort(host, port)} is not the one that its TLSA records name (DANE, _${port}._tcp.${host}: ${usages})`;
}

type Check = (record: TlsaRecord, endpoint: DaneEndpoint, shown: ShownCertificates) => boolean;

const CHECKS: Record<DaneUsage, Check> = {
  'PKIX-TA': (record, endpoint, shown) =>
    shown.authorized && isNamed(endpoint, shown) && hasAnchor(record, shown, roots.get()),
  'PKIX-EE': (record, endpoint, shown) =>
    shown.authorized && isNamed(endpoint, shown) && isLeaf(record, shown),
  'DANE-TA': (record, endpoint, shown) => isNamed(endpoint, shown) && hasAnchor(record, shown, []),
  // Names and dates do not count (RFC 7671 §5.1): the record is for this very port, and is taken away when it is over.
  'DANE-EE': (record, _endpoint, shown) => isLeaf(record, shown),
};

/** Both names are good, since the DNS vouches for the way from one to the other (RFC 7673 §4.2). */
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
function hasAnchor(
  record: TlsaRecord,
  { chain, now }: ShownCertificates,
  others: readonly X509Certificate[],
): boolean {
  const [leaf, ...above] = chain;
  if (leaf === undefined) return false;
  const whole = fullCertificate(record);
  const shown = authoritiesAbove(leaf, whole === undefined ? above : [whole, ...above], now);
  if (shown.some((authority) => recordMatches(record, authority))) return true;
  const key = record.usage === 2 ? fullKey(record) : undefined;
  // RFC 7671 §5.2.3: a bare key, of which no certificate is shown.
  if (key !== undefined && isGoodForServer(leaf, now)) {
    return [leaf, ...shown].some((certificate) => certificate.verify(key));
  }
  return others.some(
    (root) =>
      recordMatches(record, root) &&
      authoritiesAbove(leaf, [root, ...above], now).some((authority) => authority === root),
  );
}

/** Roots are mostly not shown, but may be what a PKIX-TA record names. Read when the first such record comes. */
const roots = {
  known: undefined as readonly X509Certificate[] | undefined,

  get(): readonly X509Certificate[] {
    this.known ??= getCACertificates('default').map((pem) => new X509Certificate(pem));
    return this.known;
  },
};
