// Where to connect for a domain: SRV records in the order of RFC 2782, else the domain itself (RFC 6120 §3.2).

import { isIP } from 'node:net';
import type { Answer, Resolver, SrvRecord } from './dns.ts';
import { NetError } from './errors.ts';

export type SrvService = 'xmpp-client' | 'xmpp-server' | 'xmpps-client' | 'xmpps-server';

export interface Target {
  host: string;
  port: number;
  /** TLS from the first byte (XEP-0368) instead of STARTTLS. */
  directTls: boolean;
  /** DNSSEC vouches for the way from the domain to this target. */
  authenticated: boolean;
}

const FALLBACK_PORT: Partial<Record<SrvService, number>> = { 'xmpp-client': 5222, 'xmpp-server': 5269 };
/** A domain with more targets is no better reachable; it only makes us dial more. */
const MAX_TARGETS = 16;

/**
 * Targets for a service of a domain, best first. For the direct TLS services none at all is an empty list: they
 * have no fallback. `random`: from 0 up to 1, decides among weights.
 *
 * @throws NetError 'no-service' and 'no-such-domain' (permanent), 'dns-failed'.
 */
export async function targetsFor(
  resolver: Resolver,
  domain: string,
  service: SrvService,
  random: () => number = Math.random,
): Promise<Target[]> {
  const directTls = service.startsWith('xmpps');
  const port = FALLBACK_PORT[service];
  if (isAddress(domain))
    return port === undefined ? [] : [{ host: domain, port, directTls, authenticated: true }];
  const { answer, error } = await srvRecords(resolver, domain, service);
  if (answer !== undefined && answer.records.length > 0) {
    const usable = answer.records.filter(({ target }) => target !== '.');
    if (usable.length === 0) throw noService(domain, service);
    return order(usable, random)
      .slice(0, MAX_TARGETS)
      .map((record) => ({
        host: record.target,
        port: record.port,
        directTls,
        authenticated: answer.authenticated,
      }));
  }
  if (port === undefined) {
    if (error !== undefined) throw error;
    return [];
  }
  return [
    { host: domain, port, directTls, authenticated: await hasAddress(resolver, domain, service, error) },
  ];
}

function isAddress(domain: string): boolean {
  return isIP(domain.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

/** A question about SRV that stays unanswered is followed by the fallback as well (RFC 6120 §3.2.1). */
async function srvRecords(
  resolver: Resolver,
  domain: string,
  service: SrvService,
): Promise<{ answer?: Answer<SrvRecord>; error?: unknown }> {
  try {
    return { answer: await resolver.resolveSrv(`_${service}._tcp.${domain}`) };
  } catch (error) {
    return { error };
  }
}

/** Makes sure that the fallback leads somewhere; answers whether DNSSEC vouches for it. */
async function hasAddress(
  resolver: Resolver,
  domain: string,
  service: SrvService,
  srvError: unknown,
): Promise<boolean> {
  const { records, exists, authenticated } = await resolver.resolveAddresses(domain);
  if (records.length > 0) return authenticated && srvError === undefined;
  // Without an answer about SRV nothing is decided.
  if (srvError !== undefined) throw srvError;
  if (!exists)
    throw new NetError('no-such-domain', `${domain} does not exist in the DNS`, { permanent: true });
  const reason = `${domain} has neither SRV records for ${service} nor an address`;
  throw new NetError('no-service', reason, { permanent: true });
}

function noService(domain: string, service: SrvService): NetError {
  const reason = `${domain} declares that it has no ${service} service (SRV target ".")`;
  return new NetError('no-service', reason, { permanent: true });
}

/** RFC 2782: lower priority first; within one, at random in proportion to the weights. */
export function order(records: readonly SrvRecord[], random: () => number): SrvRecord[] {
  const ordered: SrvRecord[] = [];
  const priorities = [...new Set(records.map((record) => record.priority))].sort((a, b) => a - b);
  for (const priority of priorities) {
    // Those of weight 0 first, so that they have a small chance (RFC 2782, "Weight").
    const left = records.filter((record) => record.priority === priority).sort((a, b) => a.weight - b.weight);
    while (left.length > 0) ordered.push(...left.splice(pick(left, random), 1));
  }
  return ordered;
}

function pick(records: readonly SrvRecord[], random: () => number): number {
  const total = records.reduce((sum, record) => sum + record.weight, 0);
  const threshold = Math.floor(random() * (total + 1));
  let sum = 0;
  return records.findIndex((record) => {
    sum += record.weight;
    return sum >= threshold;
  });
}
