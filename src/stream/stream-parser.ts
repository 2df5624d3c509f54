// The parser of a stream, which tolerates white space before the XML declaration.

import { isSpace } from '../xml/chars.ts';
import { XmlParser } from '../xml/parser.ts';

/** More than any client sends: go-xmpp ends each SASL element with one line feed. */
const MAX_LEADING_BYTES = 64;

/**
 * Skips up to 64 bytes of white space before the header. XML forbids it there, but some peers end their last SASL element
 * with a line feed (against RFC 6120 §6.3.5), or send one in a TLS record of its own.
 */
export class StreamParser extends XmlParser {
  /** How many bytes may still be skipped. */
  #leading = MAX_LEADING_BYTES;

  override write(chunk: Buffer): void {
    let start = 0;
    while (start < this.#leading && start < chunk.length && isSpace(chunk[start]!)) start++;
    this.#leading = start === chunk.length ? this.#leading - start : 0;
    super.write(start === 0 ? chunk : chunk.subarray(start));
  }
}
