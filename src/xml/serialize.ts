// Placeholder contract; the real serializer replaces it.
import type { Element } from './element.ts';

export function serialize(element: Element): string {
  return element.name;
}
