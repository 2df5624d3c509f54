// Whom we trust to sign certificates.

import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';

/** The well-known roots and `extra` ones as an option of a secure context; nothing when the default says it all. */
export function trustedRoots(extra: readonly string[] | undefined): { ca?: string[] } {
  if (extra === undefined || extra.length === 0) return {};
  return { ca: [...getCACertificates('default'), ...extra] };
}

/** The same, to be looked at. */
export function trustedCertificates(extra: readonly string[] = []): readonly X509Certificate[] {
  const known = getCACertificates('default');
  return extra.length === 0 ? parsed(known) : [...parsed(known), ...parsed(extra)];
}

/** By the list that they stand in, which is one and the same as long as it does not change. */
const lists = new WeakMap<readonly string[], readonly X509Certificate[]>();

function parsed(list: readonly string[]): readonly X509Certificate[] {
  const certificates = lists.get(list) ?? list.map((pem) => new X509Certificate(pem));
  lists.set(list, certificates);
  return certificates;
}
