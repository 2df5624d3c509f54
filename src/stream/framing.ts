// How a stream is written on its transport: one XML document (RFC 6120 §4), or one element in each frame (RFC 7395).

import type { Element } from '../xml/element.ts';
import type { ParserLimits } from '../xml/limits.ts';
import { type ParserHandler, XmlParser } from '../xml/parser.ts';

/** What our header says. */
export interface OpenOptions {
  from?: string | undefined;
  to?: string | undefined;
  id?: string | undefined;
  /** Default '1.0'; components know none (XEP-0114 §3). */
  version?: string;
  /** Default 'en'. */
  lang?: string;
  /** Declares the prefix `db` (XEP-0220 §2.1). */
  dialback?: boolean;
}

export interface Framing {
  /** Whether a new header begins a new document (RFC 6120 §4.3.3), and so needs a new parser. */
  readonly restartsParser: boolean;
  header(options: OpenOptions): string;
  /** One element, or its text without a namespace declaration, as it is sent. */
  element(element: Element | string): string;
  /** The end of our side of the stream. */
  footer(): string;
  /** The handler hears `onOpen` for each header of the peer, as for `<stream:stream/>`. */
  parser(handler: ParserHandler, limits: ParserLimits): StreamParser;
}

/** Parses one XML document of any number of elements. A framing of single elements wraps each of them in a root of its own. */
export function documentParser(handler: ParserHandler, limits: ParserLimits): StreamParser {
  return new XmlParser(handler, limits);
}

export interface StreamParser {
  limits: ParserLimits;
  /** Elements, attributes and pieces of text of the present element. */
  readonly nodes: number;
  /** Bytes that the output of the present element is longer than its input. */
  readonly addedBytes: number;
  /** Whether an element, or the header, has begun and is not complete. */
  readonly midStanza: boolean;
  /** Parses bytes. @throws StreamError for what must end the stream; whatever a handler throws */
  write(chunk: Buffer): void;
  /** Called from inside a handler: parsing stops after the present element. */
  stop(): void;
  /** Continues after `stop`; the next bytes are those that `rest` returned. */
  resume(): void;
  /** The bytes that were received and not parsed because of `stop`. */
  rest(): Buffer;
  /** The frame is complete. @throws StreamError when it is not one whole element */
  endFrame?(): void;
}
