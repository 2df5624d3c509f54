// Character and entity references (XML 1.0 §4.1, §4.6; RFC 6120 §11.1).

import { isXmlChar } from './chars.ts';
import { StreamError } from './errors.ts';

const PREDEFINED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const REFERENCE = /&(?:(amp|lt|gt|quot|apos)|#0*([0-9]{1,7})|#x0*([0-9A-Fa-f]{1,6}));/y;
const ENTITY = /&[:A-Z_a-z\u0080-\uffff][-.:0-9A-Z_a-z\u0080-\uffff]*;/y;

/**
 * Replaces the references in a text.
 *
 * @throws StreamError 'restricted-xml' for an entity other than the five predefined ones, 'not-well-formed' for a
 * bare `&` and for a reference to what is no character of XML.
 */
export function expandReferences(text: string): string {
  let result = '';
  let done = 0;
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', done)) {
    REFERENCE.lastIndex = at;
    const match = REFERENCE.exec(text);
    if (match === null) throw refusal(text, at);
    result += text.slice(done, at) + characterOf(match);
    done = at + match[0].length;
  }
  return result + text.slice(done);
}

function characterOf(match: RegExpExecArray): string {
  const [, name, decimal, hexadecimal] = match;
  if (name !== undefined) return PREDEFINED[name]!;
  const code = decimal !== undefined ? Number.parseInt(decimal, 10) : Number.parseInt(hexadecimal!, 16);
  if (!isXmlChar(code)) throw new StreamError('not-well-formed', 'Reference to no character of XML');
  return String.fromCodePoint(code);
}

function refusal(text: string, at: number): StreamError {
  ENTITY.lastIndex = at;
  if (ENTITY.test(text)) return new StreamError('restricted-xml', 'Entity references are not allowed');
  return new StreamError('not-well-formed', 'Bare ampersand');
}
