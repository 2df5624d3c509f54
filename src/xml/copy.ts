// Elements that outlive their stream: copies that keep no input alive, and elements parsed from stored text.

import { type Attrs, Element } from './element.ts';
import { type FlatElement, flatText, serializeFlat } from './flat.ts';
import { UNBOUNDED_LIMITS } from './limits.ts';
import { NS } from './namespaces.ts';
import { XmlParser } from './parser.ts';

/** A deep copy that shares no memory with the input of the original. */
export function flatCopy(element: Element): Element {
  const attrs: Attrs = {};
  for (const key in element.attrs) attrs[key] = flatText(element.attrs[key]);
  const copy = new Element(element.name, attrs);
  for (const child of element.children) {
    copy.append(typeof child === 'string' ? flatText(child) : flatCopy(child));
  }
  return copy;
}

/**
 * The content namespace of parsed text. No element declares it, so a child that declares `jabber:client` keeps it: over a
 * stream of another server it would otherwise be in `jabber:server` (XEP-0297 §3).
 */
const CONTENT = 'urn:enjamb:content';

/**
 * Parses one element from the output of `serialize`. The element may declare `jabber:client`, which is the content
 * namespace then. The limits of streams do not apply; only the depth is limited, to 1,024 elements.
 *
 * @throws StreamError if the text is not well-formed or nested more deeply.
 * @throws Error if the text is not exactly one element.
 */
export function parseElement(text: string): Element {
  const found: Element[] = [];
  const onElement = (element: Element) => found.push(element);
  const parser = new XmlParser({ onOpen() {}, onElement, onClose() {} }, UNBOUNDED_LIMITS);
  parser.write(
    Buffer.from(`<stream:stream xmlns='${CONTENT}' xmlns:stream='${NS.STREAM}'>${text}</stream:stream>`),
  );
  const [element] = found;
  if (element === undefined || found.length > 1) throw new Error('Exactly one element expected');
  const { xmlns, ...attrs } = element.attrs;
  if (xmlns === NS.CLIENT) element.attrs = attrs;
  return element;
}

/** Reads a flattened element back. @throws StreamError when it is nested too deeply, see `parseElement` */
export function unflatten(flat: FlatElement): Element {
  return parseElement(serializeFlat(flat));
}
