// What an element takes in memory, for bounds on elements that are kept. Its text says little about that: `<a/>` has
// four characters and takes more than 150 bytes.

import type { Element, Node } from './element.ts';

/** As measured, a little more: an element with its list of children and its attributes, each attribute, each text. */
const ELEMENT_BYTES = 170;
const ATTRIBUTE_BYTES = 60;
const TEXT_BYTES = 50;
/** Of a character, where it needs the most. */
const CHARACTER_BYTES = 2;

/** About how many bytes of memory an element and all below it take. */
export function treeBytes({ attrs, children }: Element): number {
  let bytes = ELEMENT_BYTES;
  for (const name in attrs) bytes += ATTRIBUTE_BYTES + CHARACTER_BYTES * (attrs[name]?.length ?? 0);
  return bytes + nodesBytes(children);
}

/** The same for a list of children. */
export function nodesBytes(nodes: readonly Node[]): number {
  let bytes = 0;
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    bytes += typeof node === 'string' ? TEXT_BYTES + CHARACTER_BYTES * node.length : treeBytes(node);
  }
  return bytes;
}
