// The form of a stream on its transport: one XML document (RFC 6120 §4), or one element in each frame (RFC 7395).

import type { Element } from '../xml/element.ts';
import type { ParserLimits } from '../xml/limits.ts';
import { type ParserHandler, XmlParser } from '../xml/parser.ts';

/** The attributes of our stream header. */
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
  /** Makes a parser. It calls `onOpen` for each header of the peer, in every framing. */
  parser(handler: ParserHandler, limits: ParserLimits): StreamParser;
}

/** Parses one XML document of any number of elements. A framing of single elements wraps each of them in a root of its own. */
export function documentParser(handler: ParserHandler, limits: ParserLimits): StreamParser {
  return new XmlParser(handler, limits);
}

export interface StreamParser {
  limits: ParserLimits;
  /** The number of elements, attributes and pieces of text in the present first-level element. */
  readonly nodes: number;
  /** The bytes by which this element is longer when it is written again, for example with full namespaces. */
  readonly addedBytes: number;
  /** Whether an element, or the header, has begun and is not complete. */
  readonly midStanza: boolean;
  /** Parses bytes. @throws StreamError for input that must end the stream; the exceptions of the handler */
  write(chunk: Buffer): void;
  /** Stops parsing after the present element. A handler calls it. */
  stop(): void;
  /** Allows parsing after `stop`. The next `write` must begin with the bytes that `rest` returned. */
  resume(): void;
  /** The bytes that were written but not parsed because of `stop`. */
  rest(): Buffer;
  /** The frame is complete. @throws StreamError when it is not one whole element */
  endFrame?(): void;
}
