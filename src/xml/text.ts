// Decodes text between tags and attribute values.

import { isXmlChar } from './chars.ts';
import { StreamError } from './errors.ts';

/**
 * Decodes text between tags (XML 1.0 §2.4, §2.11).
 *
 * @throws StreamError as {@link expandReferences} does, and 'not-well-formed' for a `]]>`.
 */
export function characterData(raw: string): string {
  if (raw.includes(']]>')) throw new StreamError('not-well-formed', ']]> in text');
  return expandReferences(normaliseLineEnds(raw));
}

/** Decodes an attribute value (XML 1.0 §3.3.3). @throws StreamError as {@link expandReferences} does. */
export function attributeValue(raw: string): string {
  return expandReferences(raw.replace(/\r\n|[\t\n\r]/g, ' '));
}

/** XML 1.0 §2.11. */
export function normaliseLineEnds(text: string): string {
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
}

const PREDEFINED = new Map(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }));
const LONGEST_PREDEFINED = 4;
const CHARACTER_REFERENCE = /&#(?:0*([0-9]{1,7})|x0*([0-9A-Fa-f]{1,6}));/y;
const ENTITY = /&[:A-Z_a-z\u0080-\uffff][-.:0-9A-Z_a-z\u0080-\uffff]*;/y;

/**
 * Replaces the references in a text (XML 1.0 §4.1, §4.6; RFC 6120 §11.1).
 *
 * @throws StreamError 'restricted-xml' for an entity other than the five predefined ones, 'not-well-formed' for a bare
 * `&` and for a reference to a character that XML does not allow.
 */
function expandReferences(text: string): string {
  let result = '';
  let done = 0;
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', done)) {
    const end = text.indexOf(';', at);
    if (end < 0) throw refusal(text, at);
    const predefined =
      end - at - 1 > LONGEST_PREDEFINED ? undefined : PREDEFINED.get(text.slice(at + 1, end));
    result += text.slice(done, at) + (predefined ?? referencedCharacter(text, at));
    done = end + 1;
  }
  return result + text.slice(done);
}

function referencedCharacter(text: string, at: number): string {
  CHARACTER_REFERENCE.lastIndex = at;
  const match = CHARACTER_REFERENCE.exec(text);
  if (match === null) throw refusal(text, at);
  const [, decimal, hexadecimal] = match;
  const code = decimal !== undefined ? Number.parseInt(decimal, 10) : Number.parseInt(hexadecimal!, 16);
  if (!isXmlChar(code))
    throw new StreamError('not-well-formed', 'A reference to a character that XML does not allow');
  return String.fromCodePoint(code);
}

function refusal(text: string, at: number): StreamError {
  ENTITY.lastIndex = at;
  if (ENTITY.test(text)) return new StreamError('restricted-xml', 'Entity references are not allowed');
  return new StreamError('not-well-formed', 'An ampersand must be written as &amp;');
}
