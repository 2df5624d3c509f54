// Contexts for outgoing TLS connections.

import tls from 'node:tls';
import { TLS_POLICY } from './tls-policy.ts';
import { trustedRoots } from './trust.ts';

export interface ClientContextOptions {
  /** Our own certificate, for SASL EXTERNAL between servers. PEM. */
  readonly certificate?: { readonly key: string; readonly cert: string };
  /** Additional trusted PEM certificates. */
  readonly ca?: readonly string[];
}

/** A context for outgoing connections; takes about 4 ms with additional roots. */
export function clientContext(options: ClientContextOptions): tls.SecureContext {
  return tls.createSecureContext({
    ...TLS_POLICY,
    ...(options.certificate === undefined
      ? {}
      : { key: options.certificate.key, cert: options.certificate.cert }),
    ...trustedRoots(options.ca),
  });
}
