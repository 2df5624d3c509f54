// Stamps that an entity puts on stanzas in its own name: `delay` (XEP-0203) and `stanza-id` (XEP-0359).

import type { Element } from './element.ts';
import { Jid } from './jid.ts';
import { NS } from './namespaces.ts';

/**
 * Whether this is a `delay` from `author`, or a `stanza-id` by `author` (XEP-0203 §4, XEP-0359 §3.1). Addresses are
 * compared in their prepared form: `ROOMS.example` is `rooms.example`. `author` is prepared already.
 */
export function isStampOf(element: Element, author: string): boolean {
  return Jid.tryParse(authorOf(element))?.toString() === author;
}

function authorOf(element: Element): string | undefined {
  if (element.is('delay', NS.DELAY)) return element.attrs.from;
  return element.is('stanza-id', NS.STANZA_ID) ? element.attrs.by : undefined;
}
