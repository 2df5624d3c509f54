// The trusted certificate authorities.

import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';

/** The well-known roots and `extra` as an option of a secure context; empty if the default suffices. */
export function trustedRoots(extra: readonly string[] | undefined): { ca?: string[] } {
  if (extra === undefined || extra.length === 0) return {};
  return { ca: [...getCACertificates('default'), ...extra] };
}

/** The same roots, parsed. */
export function trustedCertificates(extra: readonly string[] = []): readonly X509Certificate[] {
  const known = getCACertificates('default');
  return extra.length === 0 ? parsed(known) : [...parsed(known), ...parsed(extra)];
}

/** Parsed roots by their list, whose identity changes only with its content. */
const lists = new WeakMap<readonly string[], readonly X509Certificate[]>();

function parsed(list: readonly string[]): readonly X509Certificate[] {
  const certificates = lists.get(list) ?? list.map((pem) => new X509Certificate(pem));
  lists.set(list, certificates);
  return certificates;
}
