// Where to connect for a domain: SRV records of both kinds in the order of RFC 2782 (XEP-0368), else the domain itself
// (RFC 6120 §3.2).

import { isIP } from 'node:net';
import type { Answer, Resolver, SrvRecord } from './dns.ts';
import { NetError } from './errors.ts';

export type XmppService = 'xmpp-client' | 'xmpp-server';

export interface Target {
  host: string;
  port: number;
  /** TLS from the first byte (XEP-0368) instead of STARTTLS. */
  directTls: boolean;
  /** DNSSEC vouches for the way from the domain to this target. */
  authenticated: boolean;
}

/** A record of either kind. */
interface MixedRecord extends SrvRecord {
  directTls: boolean;
  authenticated: boolean;
}

/** What became of one question. */
type Outcome = { answer: Answer<SrvRecord>; error?: undefined } | { answer?: undefined; error: unknown };

const FALLBACK_PORT: Record<XmppService, number> = { 'xmpp-client': 5222, 'xmpp-server': 5269 };
/** A domain with more targets is no better reachable; it only makes us dial more. */
const MAX_TARGETS = 16;

/**
 * Targets for a service of a domain, best first: those for STARTTLS and for direct TLS are one list (XEP-0368 §2).
 * `random`: from 0 up to 1, decides among weights.
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

/** The target "." (RFC 2782), by one kind at least. No fallback follows, whichever it was (XEP-0368 §4). */
function declined(domain: string, service: XmppService, plain: Outcome, direct: Outcome): unknown {
  const unanswered = plain.error ?? direct.error;
  if (unanswered !== undefined) return unanswered; // The other kind may well be offered.
  const reason = `${domain} declares that it has no ${service} service (SRV target ".")`;
  return new NetError('no-service', reason, { permanent: true });
}

/**
 * Makes sure that the domain itself leads somewhere; answers whether DNSSEC vouches for it. A question that stays
 * unanswered is followed by the fallback as well (RFC 6120 §3.2.1), but not where it may have been suppressed: in a
 * domain secured by DNSSEC no answer is as bad as a false one (RFC 7673 §3.1).
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
  // Without an answer about SRV nothing is decided.
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
