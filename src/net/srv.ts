// Where to connect for a domain: SRV records in the order of RFC 2782, else the domain itself.

import type { Resolver } from './dns.ts';

export type SrvService = 'xmpp-client' | 'xmpp-server' | 'xmpps-client' | 'xmpps-server';

export interface Target {
  host: string;
  port: number;
  /** TLS from the first byte (XEP-0368) instead of STARTTLS. */
  directTls: boolean;
  /** DNSSEC vouches for the way from the domain to this target. */
  authenticated: boolean;
}

/**
 * Targets for a service of a domain, best first.
 *
 * @throws NetError 'no-service' and 'no-such-domain' (permanent), 'dns-failed'.
 */
export function targetsFor(_resolver: Resolver, _domain: string, _service: SrvService): Promise<Target[]> {
  throw new Error('not yet');
}
