// Whom we trust to sign certificates.

import { getCACertificates } from 'node:tls';

/** The well-known roots and `extra` ones as an option of a secure context; nothing when the default says it all. */
export function trustedRoots(extra: readonly string[] | undefined): { ca?: string[] } {
  if (extra === undefined || extra.length === 0) return {};
  return { ca: [...getCACertificates('default'), ...extra] };
}
