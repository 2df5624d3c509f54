// Authenticates certificates by TLSA records in the DNS, instead of or besides public authorities (DANE: RFC 6698, RFC
// 7671), for services found by SRV records (RFC 7673).

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

/** The DNS's requirements on the certificate at one port. */
export interface DaneEndpoint {
  /** The domain of the service, as it was looked up. */
  domain: string;
  /** The host of the SRV record after following its aliases, or the domain itself. */
  host: string;
  port: number;
  /** The usable records. If empty, the DNS authenticates only the name of the host. */
  records: readonly TlsaRecord[];
}

/** Proof that the DNS authenticates a peer's certificate, or the name in it. */
export interface DaneProof {
  /** The only domain that the proof is valid for. */
  domain: string;
  /** 'PKIX': without a TLSA record, by a certificate of an authority for the name of the host (RFC 7673 §4.1). */
  usage: DaneUsage | 'PKIX';
}

/** The certificates that the peer sent in the handshake. */
export interface ShownCertificates {
  /** The peer's own certificate first, the others in the order received. */
  chain: readonly X509Certificate[];
  /** Whether the chain leads to a trusted authority. */
  authorized: boolean;
  /** Ms since 1970. */
  now: number;
}

/**
 * The DANE requirements of a target that is authenticated by DNSSEC; undefined for other targets.
 *
 * @throws NetError if TLSA records cannot be looked up: then the target must not be used (RFC 7673 §3.4).
 */
export async function daneEndpoint(
  resolver: Resolver,
  domain: string,
  { host, port, authenticated }: Target,
): Promise<DaneEndpoint | undefined> {
  if (!authenticated || asciiDomain(host) === undefined) return undefined;
  const addresses = await resolver.resolveAddresses(host);
  // RFC 7671 §7: records at the canonical name are preferred.
  const names = addresses.canonicalName === undefined ? [host] : [addresses.canonicalName, host];
  // RFC 7673 §3.2: no TLSA lookup if the addresses are insecure.
  for (const name of addresses.authenticated ? names : []) {
    const answer = await resolver.resolveTlsa(`_${port}._tcp.${name}`);
    const records = answer.authenticated ? usableRecords(answer.records) : [];
    if (records.length > 0) return { domain, host: name, port, records };
  }
  return host === domain ? undefined : { domain, host, port, records: [] };
}

/** The proof by any of the records; undefined if none matches, and then no data may be sent (RFC 6698 §4.1). */
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

/** The error text for administrators. */
export function daneProblem({ domain, host, port, records }: DaneEndpoint): string {
  const usages = [...new Set(records.map(usageOf))].join(', ');
  return `the certificate that ${domain} showed at ${hostAndPort(host, port)} does not match its TLSA records (DANE, _${port}._tcp.${host}: ${usages})`;
}

/** Properties of the certificates that the records are checked against, computed once. */
class Facts implements ShownCertificates {
  readonly chain: readonly X509Certificate[];
  readonly authorized: boolean;
  readonly now: number;
  /** The certificate names the domain or its host. */
  readonly isNamed: boolean;
  readonly checks = new SignatureChecks();
  #authorities: readonly X509Certificate[] | undefined;

  constructor(endpoint: DaneEndpoint, shown: ShownCertificates) {
    this.chain = shown.chain;
    this.authorized = shown.authorized;
    this.now = shown.now;
    this.isNamed = isNamed(endpoint, shown);
  }

  /** The authorities above the certificate, from those that the peer sent and `more`. */
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
  // Peers rarely send the root certificate, but the record may name it.
  'PKIX-TA': (record, facts) =>
    facts.authorized && facts.isNamed && hasAnchor(record, facts, trustedCertificates()),
  'PKIX-EE': (record, facts) => facts.authorized && facts.isNamed && isLeaf(record, facts),
  'DANE-TA': (record, facts) => facts.isNamed && hasAnchor(record, facts, []),
  // Names and dates are ignored (RFC 7671 §5.1): the record is for this port, and its owner removes it in time.
  'DANE-EE': (record, facts) => isLeaf(record, facts),
};

/** Both names are valid, since DNSSEC authenticates the records from one to the other (RFC 7673 §4.1, §6). */
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

/** Whether the chain leads to the anchor in the record. The peer need not send it if the record holds it in full. */
function hasAnchor(record: TlsaRecord, facts: Facts, others: readonly X509Certificate[]): boolean {
  const [leaf] = facts.chain;
  if (leaf === undefined) return false;
  const shown = facts.authorities(fullCertificate(record));
  if (shown.some((authority) => recordMatches(record, authority))) return true;
  const key = record.usage === 2 ? fullKey(record) : undefined;
  // RFC 7671 §5.2.3: the record holds a public key, and the peer sends no certificate with it.
  if (key !== undefined && isGoodForServer(leaf, facts.now)) {
    return [leaf, ...shown].some((certificate) => facts.checks.isSignedBy(key, certificate));
  }
  return others.some((root) => recordMatches(record, root) && facts.authorities(root).includes(root));
}
