// The framing of RFC 6120 §4: each side sends one XML document, and a restart begins a new one.

import { isSpace } from '../xml/chars.ts';
import { type Element, xml } from '../xml/element.ts';
import { NS } from '../xml/namespaces.ts';
import { XmlParser } from '../xml/parser.ts';
import { openTag, serialize } from '../xml/serialize.ts';
import type { Framing, OpenOptions } from './framing.ts';

export type ContentNamespace = typeof NS.CLIENT | typeof NS.SERVER | typeof NS.COMPONENT;

export function tcpFraming(namespace: ContentNamespace): Framing {
  return {
    restartsParser: true,
    header: (options) => `<?xml version='1.0'?>${openTag(header(namespace, options))}`,
    element: (element) => (typeof element === 'string' ? element : serialize(element)),
    footer: () => '</stream:stream>',
    parser: (handler, limits) => new TolerantParser(handler, limits),
  };
}

function header(namespace: ContentNamespace, options: OpenOptions): Element {
  return xml('stream:stream', {
    xmlns: namespace,
    'xmlns:stream': NS.STREAM,
    'xmlns:db': options.dialback === true ? NS.DIALBACK : undefined,
    from: options.from,
    to: options.to,
    id: options.id,
    version: namespace === NS.COMPONENT ? undefined : (options.version ?? '1.0'),
    'xml:lang': options.lang ?? 'en',
  });
}

/** More than any client sends: go-xmpp ends each SASL element with one line feed. */
const MAX_LEADING_BYTES = 64;

/**
 * Skips up to 64 bytes of white space before the header. XML forbids it there, but some peers end their last SASL element
 * with a line feed (against RFC 6120 §6.3.5), or send one in a TLS record of its own.
 */
class TolerantParser extends XmlParser {
  /** How many bytes may still be skipped. */
  #leading = MAX_LEADING_BYTES;

  override write(chunk: Buffer): void {
    let start = 0;
    while (start < this.#leading && start < chunk.length && isSpace(chunk[start]!)) start++;
    this.#leading = start === chunk.length ? this.#leading - start : 0;
    super.write(start === 0 ? chunk : chunk.subarray(start));
  }
}
