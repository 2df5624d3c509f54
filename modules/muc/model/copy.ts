// Copies of received elements that are kept for a long time.

import { detach, Element, type Node } from 'enjamb/api';

/** A deep copy that shares no memory with its stanza. */
export function detachedCopy(element: Element): Element {
  const copy = new Element(element.name);
  for (const key in element.attrs) {
    const value = element.attrs[key];
    if (value !== undefined) copy.attrs[key] = detach(value);
  }
  return copy.append(...detachedCopies(element.children));
}

export function detachedCopies(nodes: readonly Node[]): Node[] {
  return nodes.map((node) => (typeof node === 'string' ? detach(node) : detachedCopy(node)));
}
