// Estimates the memory that elements take, for bounds on elements that are kept. Their text says little about it: `<a/>`
// has four characters and takes more than 150 bytes.

import type { Element, Node } from './element.ts';

/** Measured and rounded up: an element with its empty lists of children and attributes; each attribute; each text. */
const ELEMENT_BYTES = 170;
const ATTRIBUTE_BYTES = 60;
const TEXT_BYTES = 50;
/** For each UTF-16 code unit. */
const CHARACTER_BYTES = 2;

/** The memory that an element and all its descendants take, in bytes. */
export function treeBytes({ attrs, children }: Element): number {
  let bytes = ELEMENT_BYTES;
  for (const name in attrs) bytes += ATTRIBUTE_BYTES + CHARACTER_BYTES * (attrs[name]?.length ?? 0);
  return bytes + nodesBytes(children);
}

/** The memory that a list of children takes, in bytes. */
export function nodesBytes(nodes: readonly Node[]): number {
  let bytes = 0;
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    bytes += typeof node === 'string' ? TEXT_BYTES + CHARACTER_BYTES * node.length : treeBytes(node);
  }
  return bytes;
}
