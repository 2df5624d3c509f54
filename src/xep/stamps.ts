// Stamps that an entity adds to stanzas in its own name: `delay` (XEP-0203) and `stanza-id` (XEP-0359).

import { type Element, type Stanza, xml } from '../xml/element.ts';
import { Jid } from '../xml/jid.ts';
import { NS } from '../xml/namespaces.ts';
import { formatDateTime } from './date-time.ts';

/**
 * Whether this is a `delay` from `author`, or a `stanza-id` by `author` (XEP-0203 §4, XEP-0359 §3.1). Compares prepared
 * addresses: `ROOMS.example` is `rooms.example`.
 * @param author a prepared address
 */
export function isStampOf(element: Element, author: string): boolean {
  return Jid.tryParse(authorOf(element))?.toString() === author;
}

/**
 * A `delay` (XEP-0203 §2).
 * @param author a prepared address
 * @param at in ms since 1970
 */
export function delayBy(author: string, at: number): Element {
  return xml('delay', { xmlns: NS.DELAY, from: author, stamp: formatDateTime(at) });
}

/**
 * A `stanza-id` (XEP-0359 §3).
 * @param author a prepared address
 */
export function stanzaIdBy(author: string, id: string): Element {
  return xml('stanza-id', { xmlns: NS.STANZA_ID, by: author, id });
}

/** The message with a `delay` of `author`; unchanged if it has one, because the first time counts. */
export function withDelay(message: Stanza, author: string, at: number): Stanza {
  if (message.elements().some((child) => isStampOf(child, author))) return message;
  return message.withChildren([...message.children, delayBy(author, at)]);
}

function authorOf(element: Element): string | undefined {
  if (element.is('delay', NS.DELAY)) return element.attrs.from;
  return element.is('stanza-id', NS.STANZA_ID) ? element.attrs.by : undefined;
}
