// Pings between servers. They do not count as use of a stream.

import { isPing } from '../xep/ping.ts';
import type { Stanza } from '../xml/element.ts';

/**
 * Whether a stanza is a ping from one domain to another (XEP-0199 §4.3), or may be the answer to one: an empty result, or
 * any error.
 */
export function isServerPing(stanza: Stanza): boolean {
  const { type, from, to } = stanza.attrs;
  if (stanza.name !== 'iq' || !isDomain(from) || !isDomain(to)) return false;
  if (type === 'result') return stanza.children.length === 0;
  return type === 'error' || isPing(stanza);
}

function isDomain(address = ''): boolean {
  return !address.includes('@') && !address.includes('/');
}
