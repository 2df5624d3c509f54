// Finds the targets of a domain: SRV records of both kinds in the order of RFC 2782 (XEP-0368), else the domain itself
// (RFC 6120 §3.2).

import { isIP } from 'node:net';
import type { Answer, Resolver, SrvRecord } from './dns.ts';
import { NetError } from './errors.ts';

export type XmppService = 'xmpp-client' | 'xmpp-server';

export interface Target {
  host: string;
  port: number;
  /** Direct TLS (XEP-0368) instead of STARTTLS. */
  directTls: boolean;
  /** Whether DNSSEC authenticates the records from the domain to this target. */
  authenticated: boolean;
}

/** A record of either kind. */
interface MixedRecord extends SrvRecord {
  directTls: boolean;
  authenticated: boolean;
}

/** The result of one lookup. */
type Outcome = { answer: Answer<SrvRecord>; error?: undefined } | { answer?: undefined; error: unknown };

const FALLBACK_PORT: Record<XmppService, number> = { 'xmpp-client': 5222, 'xmpp-server': 5269 };
/** Limits the connection attempts that one domain can cause. */
const MAX_TARGETS = 16;

/**
 * Targets for a service of a domain, best first. STARTTLS and direct TLS targets form one list (XEP-0368 §2).
 * `random` returns a number from 0 to 1, for the choice by weight.
 *
 * @throws NetError 'no-service' and 'no-such-domain' (permanent), 'dns-failed', 'dns-bogus'.
 */
export async function targetsFor(
  resolver: Resolver,
  domain: string,
  service: XmppService,
  random: () => number = Math.random,
): Promise<Target[]> {
  const port = FALLBACK_PORT[service];
  if (isAddress(domain)) return [{ host: domain, port, directTls: false, authenticated: true }];
  const [plain, direct] = await Promise.all([
    askSrv(resolver, `_${service}._tcp.${domain}`),
    askSrv(resolver, `_${service.replace('xmpp', 'xmpps')}._tcp.${domain}`),
  ]);
  const records = [...mixed(plain, false), ...mixed(direct, true)];
  const usable = records.filter(({ target }) => target !== '.');
  if (usable.length > 0) return order(usable, random).slice(0, MAX_TARGETS).map(asTarget);
  if (records.length > 0) throw declined(domain, service, plain, direct);
  return [
    {
      host: domain,
      port,
      directTls: false,
      authenticated: await fallBack(resolver, domain, service, plain, direct),
    },
  ];
}

function isAddress(domain: string): boolean {
  return isIP(domain.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

async function askSrv(resolver: Resolver, name: string): Promise<Outcome> {
  try {
    return { answer: await resolver.resolveSrv(name) };
  } catch (error) {
    return { error };
  }
}

function mixed({ answer }: Outcome, directTls: boolean): MixedRecord[] {
  if (answer === undefined) return [];
  const { authenticated } = answer;
  return answer.records.map((record) => ({ ...record, directTls, authenticated }));
}

function asTarget({ target, port, directTls, authenticated }: MixedRecord): Target {
  return { host: target, port, directTls, authenticated };
}

/** The error if the domain declines the service by the target "." (RFC 2782). No fallback follows (XEP-0368 §4). */
function declined(domain: string, service: XmppService, plain: Outcome, direct: Outcome): unknown {
  const unanswered = plain.error ?? direct.error;
  if (unanswered !== undefined) return unanswered; // The other kind may be offered.
  const reason = `${domain} declares that it has no ${service} service (SRV target ".")`;
  return new NetError('no-service', reason, { permanent: true });
}

/**
 * Checks that the domain itself has an address; returns whether DNSSEC authenticates it. The fallback also applies if
 * an SRV lookup got no answer (RFC 6120 §3.2.1), except in a domain secured by DNSSEC, where an attacker may have
 * suppressed the answer (RFC 7673 §3.1).
 */
async function fallBack(
  resolver: Resolver,
  domain: string,
  service: XmppService,
  plain: Outcome,
  direct: Outcome,
): Promise<boolean> {
  const unanswered = plain.error ?? direct.error;
  const isBogus = unanswered instanceof NetError && unanswered.code === 'dns-bogus';
  if (isBogus) throw unanswered;
  const { records, exists, authenticated, isLocal } = await resolver.resolveAddresses(domain);
  const isSecured = authenticated && isLocal !== true;
  // Without an SRV answer the fallback is not certain.
  if (unanswered !== undefined && (records.length === 0 || isSecured)) throw unanswered;
  if (records.length > 0) {
    return [plain, direct].every(({ answer }) => answer?.authenticated) && authenticated;
  }
  if (!exists)
    throw new NetError('no-such-domain', `${domain} does not exist in the DNS`, { permanent: true });
  const reason = `${domain} has neither SRV records for ${service} nor an address`;
  throw new NetError('no-service', reason, { permanent: true });
}

/** RFC 2782: lower priority first; within one, at random in proportion to the weights. */
export function order<R extends SrvRecord>(records: readonly R[], random: () => number): R[] {
  const ordered: R[] = [];
  const priorities = [...new Set(records.map((record) => record.priority))].sort((a, b) => a - b);
  for (const priority of priorities) {
    // Records of weight 0 first, so that they have a small chance (RFC 2782, "Weight").
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
