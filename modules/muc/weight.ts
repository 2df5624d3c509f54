// What parsed elements take in memory. Their number of characters says nothing of it: `<a/>` is four characters.

import type { Node } from 'enjamb/api';

/** In bytes, as measured, with some of what the runtime adds. */
const ELEMENT = 150;
const ATTRIBUTE = 60;
const CHARACTER = 2;

/** In bytes; an upper estimate. */
export function weightOf(nodes: readonly Node[]): number {
  let weight = 0;
  for (const node of nodes) {
    if (typeof node === 'string') {
      weight += CHARACTER * node.length;
      continue;
    }
    weight += ELEMENT + weightOf(node.children);
    for (const key in node.attrs) weight += ATTRIBUTE + CHARACTER * (node.attrs[key]?.length ?? 0);
  }
  return weight;
}
