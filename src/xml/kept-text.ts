// Serializes elements for storage, and checks that the text can be parsed again.

import { parseElement } from './copy.ts';
import type { Element } from './element.ts';
import { StanzaError } from './errors.ts';

/**
 * The text of an element, which `parseElement` can parse.
 * @throws StanzaError 'not-acceptable' if the element is nested too deeply for that.
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
