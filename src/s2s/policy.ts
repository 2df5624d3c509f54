// The conditions of a host under which stanzas flow between it and another server.

import type { HostConfig } from '../config/config.ts';
import { HOST_OPTIONS } from '../config/core-options.ts';
import type { Infer } from '../config/options.ts';
import type { ServerContext } from '../core/context.ts';
import type { LocalHost } from '../core/host.ts';
import { certificateMatches } from '../net/identity.ts';
import type { TlsInfo } from '../net/tls.ts';
import type { ReadBudgets } from '../stream/read-limit.ts';
import type { SharedBudget } from '../util/shared-budget.ts';
import { StanzaError } from '../xml/errors.ts';

const OPTIONS = {
  s2s_require_encryption: HOST_OPTIONS.s2s_require_encryption,
  s2s_secure_auth: HOST_OPTIONS.s2s_secure_auth,
  s2s_insecure_domains: HOST_OPTIONS.s2s_insecure_domains,
};

export class Policy {
  readonly requiresEncryption: boolean;
  readonly #secureAuth: boolean;
  readonly #insecureDomains: ReadonlySet<string>;

  constructor(host: LocalHost) {
    const options = host.config.get(OPTIONS);
    this.requiresEncryption = options.s2s_require_encryption;
    this.#secureAuth = options.s2s_secure_auth;
    this.#insecureDomains = new Set(options.s2s_insecure_domains);
  }

  /** Whether the remote must have a valid certificate. Otherwise dialback is enough. */
  requiresCertificate(remote: string): boolean {
    return this.#secureAuth && !this.#insecureDomains.has(remote);
  }
}

const LISTS = { s2s_allow: HOST_OPTIONS.s2s_allow, s2s_block: HOST_OPTIONS.s2s_block };

/** By configuration, which is replaced as a whole when it is reloaded. */
const lists = new WeakMap<HostConfig, Infer<typeof LISTS>>();

/** The error if a host does not communicate with a domain at all (`s2s_allow`, `s2s_block`). */
export function refusalOf({ config }: LocalHost, remote: string): StanzaError | undefined {
  const known = lists.get(config) ?? config.get(LISTS);
  lists.set(config, known);
  const { s2s_allow: allowed, s2s_block: blocked } = known;
  const isAllowed = allowed.length === 0 || isListed(remote, allowed);
  if (isAllowed && !isListed(remote, blocked)) return undefined;
  return new StanzaError('not-allowed', { text: `This server does not communicate with ${remote}` });
}

/** A leading "*." stands for everything below a domain. */
function isListed(domain: string, list: readonly string[]): boolean {
  return list.some((entry) => (entry.startsWith('*.') ? domain.endsWith(entry.slice(1)) : domain === entry));
}

/** The context of streams with other servers. */
export interface PeerContext extends ServerContext {
  /** Limits that all streams of a domain share; absent: each stream has limits of its own. */
  readonly peerBudgets?: ReadBudgets | undefined;
  /** Bytes of unacknowledged stanzas, over all streams. */
  readonly unacknowledged: SharedBudget;
}

/** Whether the certificate of a handshake is valid for the domain, by an authority or by TLSA records (DANE). */
export function certificateProves(tls: TlsInfo | undefined, domain: string): boolean {
  if (tls?.dane?.domain === domain) return true;
  if (!tls?.authorized || !tls.peerCertificate) return false;
  return certificateMatches(tls.peerCertificate, domain, 'xmpp-server');
}

/** Explains why a certificate proves nothing. */
export function certificateProblem(tls: TlsInfo | undefined, domain: string): string {
  if (!tls) return `the connection to ${domain} is not encrypted`;
  if (!tls.peerCertificate) return `${domain} showed no certificate`;
  if (!tls.authorized)
    return `the certificate of ${domain} is not valid (${tls.authorizationError ?? 'unknown reason'})`;
  return `the certificate is not made for ${domain}`;
}
