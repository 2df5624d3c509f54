// Estimates the memory of elements, for bounds on elements that are kept. The length of their text is no measure:
// `<a/>` has four characters and takes more than 150 bytes.

import type { Element, Node } from './element.ts';

/** Measured and rounded up: an element without children and attributes, each attribute, each text. */
const ELEMENT_BYTES = 170;
const ATTRIBUTE_BYTES = 60;
const TEXT_BYTES = 50;
/** For each UTF-16 code unit. */
const CHARACTER_BYTES = 2;

/** The memory of an element and its descendants, in bytes. */
export function treeBytes({ attrs, children }: Element): number {
  let bytes = ELEMENT_BYTES;
  for (const name in attrs) bytes += ATTRIBUTE_BYTES + CHARACTER_BYTES * (attrs[name]?.length ?? 0);
  return bytes + nodesBytes(children);
}

/** The memory of a list of children, in bytes. */
export function nodesBytes(nodes: readonly Node[]): number {
  let bytes = 0;
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    bytes += typeof node === 'string' ? TEXT_BYTES + CHARACTER_BYTES * node.length : treeBytes(node);
  }
  return bytes;
}
