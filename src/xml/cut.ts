// Stanzas that a peer may send and nobody can be sent: longer than the limit once they are written out.
//
// Namespaces and escapes make a stanza longer than it was received. To end the stream for that would let one user of
// another server cut the link for all of its users, so such a stanza comes without its content, to be refused alone.

import type { Element, Node } from './element.ts';

const cut = new WeakSet<Node[]>();

/** Takes the content away, for good: copies made by `element.with(…)` are cut too. */
export function cutContent(element: Element): void {
  element.children = [];
  cut.add(element.children);
}

/** Whether the content was taken away because the element would be too long when written. */
export function isCut(element: Element): boolean {
  return element.children.length === 0 && cut.has(element.children);
}
