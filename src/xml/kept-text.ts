// Elements that are stored as text: tried when they are stored, so that reading them later does not fail.

import { parseElement } from './copy.ts';
import type { Element } from './element.ts';
import { StanzaError } from './errors.ts';

/**
 * The text of an element that `parseElement` is certain to read again.
 * @throws StanzaError 'not-acceptable' when it would not.
 */
export function keptText(element: Element): string {
  const text = element.toString();
  try {
    parseElement(text);
  } catch (cause) {
    throw new StanzaError('not-acceptable', { text: 'This is nested too deeply to be stored', cause });
  }
  return text;
}
