// UTF-8, the only encoding of XMPP (RFC 6120 §11.6), and the XML declaration (§11.5).

import { isUtf8 } from 'node:buffer';
import { StreamError } from './errors.ts';

/**
 * Decodes bytes of whole characters.
 *
 * @throws StreamError 'unsupported-encoding' if the bytes are not UTF-8 (RFC 6120 §4.9.3.22), 'not-well-formed' for
 * U+FFFE and U+FFFF.
 */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  // U+FFFD marks a decoding error, but is also a valid character, so only then the bytes are checked.
  if (!/[\uFFFD-\uFFFF]/.test(text)) return text;
  if (!isUtf8(bytes.subarray(start, end))) throw new StreamError('unsupported-encoding', 'Not UTF-8');
  if (/[\uFFFE\uFFFF]/.test(text))
    throw new StreamError('not-well-formed', 'The text has a character that XML does not allow');
  return text;
}

const DECLARATION =
  /^xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:'1\.[0-9]+'|"1\.[0-9]+")(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:'([A-Za-z][-.\w]*)'|"([A-Za-z][-.\w]*)"))?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:'(?:yes|no)'|"(?:yes|no)"))?[ \t\r\n]*\?$/;

/**
 * Checks the text between `<?` and `>` at the beginning of a stream.
 *
 * @throws StreamError 'unsupported-encoding' for another encoding than UTF-8, 'not-well-formed' or 'restricted-xml' if
 * the text is not an XML declaration.
 */
export function checkDeclaration(text: string): void {
  const match = DECLARATION.exec(text);
  if (match === null) {
    const condition = /^xml[ \t\r\n?]/.test(text) ? 'not-well-formed' : 'restricted-xml';
    throw new StreamError(condition, 'This is not an XML declaration');
  }
  const encoding = match[1] ?? match[2] ?? 'UTF-8';
  if (encoding.toUpperCase() !== 'UTF-8') {
    throw new StreamError('unsupported-encoding', 'The encoding must be UTF-8');
  }
}
