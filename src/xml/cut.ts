// Stanzas that are refused without closing the stream: those with too many nodes, and those that exceed the limit of
// bytes only when they are written, because namespaces and escapes make them longer. Closing the stream would let one
// user of another server break the link for all its users. So the parser removes the content of such a stanza.

import type { Element, Node } from './element.ts';

const cut = new WeakSet<Node[]>();

/** Removes the content. Copies by `element.with(…)` count as cut too. */
export function cutContent(element: Element): void {
  element.children = [];
  cut.add(element.children);
}

/** Whether `cutContent` has removed the content. */
export function isCut(element: Element): boolean {
  return element.children.length === 0 && cut.has(element.children);
}
