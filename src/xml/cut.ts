// Stanzas that are refused alone: those of too many nodes, and those that are within the limit of bytes as received and over
// it as we write them, because namespaces and escapes make them longer. Closing the stream would let one user of another
// server cut the link for all of its users. So the content of such a stanza is removed.

import type { Element, Node } from './element.ts';

const cut = new WeakSet<Node[]>();

/** Removes the content. Copies made by `element.with(…)` count as cut too. */
export function cutContent(element: Element): void {
  element.children = [];
  cut.add(element.children);
}

/** Whether `cutContent` has removed the content. */
export function isCut(element: Element): boolean {
  return element.children.length === 0 && cut.has(element.children);
}
