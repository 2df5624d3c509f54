// Message processing hints (XEP-0334).

import type { Element, Stanza } from '../xml/element.ts';
import { NS } from '../xml/namespaces.ts';

/** §4. */
export type Hint = 'no-copy' | 'no-permanent-store' | 'no-store' | 'store';

/** Whether a message carries a hint. Those in an error are ignored: they are the sender's of the original message. */
export function hasHint(message: Stanza, hint: Hint): boolean {
  return message.attrs.type !== 'error' && message.getChild(hint, NS.HINTS) !== undefined;
}

/** Whether an element is a hint of any kind: no content of the message. */
export function isHint(element: Element): boolean {
  return element.getNS() === NS.HINTS;
}
