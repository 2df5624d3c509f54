// Pings between servers. They do not count as use of a stream.

import type { Stanza } from '../xml/element.ts';
import { NS } from '../xml/namespaces.ts';

/**
 * Whether a stanza is a ping from one domain to another (XEP-0199 §4.3), or may be the answer to one: an empty result, or
 * any error.
 */
export function isServerPing({ name, attrs: { type, from, to }, children }: Stanza): boolean {
  if (name !== 'iq' || !isDomain(from) || !isDomain(to)) return false;
  const [child] = children;
  if (type === 'result') return child === undefined;
  return type === 'error' || (type === 'get' && typeof child === 'object' && child.is('ping', NS.PING));
}

function isDomain(address = ''): boolean {
  return !address.includes('@') && !address.includes('/');
}
