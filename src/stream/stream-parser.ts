// The parser of a stream between programs that are less strict than XML about where a document begins.

import { isSpace } from '../xml/chars.ts';
import { XmlParser } from '../xml/parser.ts';

/** More than any client sends: go-xmpp ends each SASL element with one line feed. */
const MAX_LEADING_BYTES = 64;

/**
 * Skips white space before the header, up to 64 bytes. A peer that ends its last SASL element with a line feed (RFC 6120
 * §6.3.5 forbids it) or wraps it into TLS of its own would otherwise have its XML declaration refused.
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
