// The framing of RFC 7395: one element in each frame, and no restart of the parser. It uses the doors for modules alone, as a
// module for WebSockets does.

import { type Element, NS, StreamError, serialize, xml } from 'enjamb/api';
import {
  documentParser,
  type Framing,
  type ParserHandler,
  type ParserLimits,
  type StreamParser,
} from 'enjamb/api/stream';

export const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';

export const FRAMED: Framing = {
  restartsParser: false,
  header: ({ from, to, id, version = '1.0', lang = 'en' }) =>
    serialize(xml('open', { xmlns: FRAMING, from, to, id, version, 'xml:lang': lang })),
  element(element) {
    const text = typeof element === 'string' ? element : serialize(element);
    if (text.startsWith('<stream:')) return declared(text, `xmlns:stream='${NS.STREAM}'`);
    return / xmlns='/.test(firstTag(text)) ? text : declared(text, `xmlns='${NS.CLIENT}'`);
  },
  footer: () => `<close xmlns='${FRAMING}'/>`,
  parser: (handler, limits) => new FrameParser(handler, limits),
};

/** Parses each frame as a child of a root that nobody has sent. */
class FrameParser implements StreamParser {
  readonly #inner: StreamParser;
  readonly #handler: ParserHandler;
  /** Elements of the present frame. */
  #elements = 0;

  constructor(handler: ParserHandler, limits: ParserLimits) {
    this.#handler = handler;
    const onElement = (element: Element) => this.#take(element);
    this.#inner = documentParser({ onOpen() {}, onElement, onClose() {} }, limits);
    this.#inner.write(Buffer.from(`<stream:stream xmlns='${NS.CLIENT}' xmlns:stream='${NS.STREAM}'>`));
  }

  get limits(): ParserLimits {
    return this.#inner.limits;
  }

  set limits(limits: ParserLimits) {
    this.#inner.limits = limits;
  }

  get nodes(): number {
    return this.#inner.nodes;
  }

  get addedBytes(): number {
    return this.#inner.addedBytes;
  }

  get midStanza(): boolean {
    return this.#inner.midStanza;
  }

  write(chunk: Buffer): void {
    this.#inner.write(chunk);
  }

  stop(): void {
    this.#inner.stop();
  }

  resume(): void {
    this.#inner.resume();
  }

  rest(): Buffer {
    return this.#inner.rest();
  }

  endFrame(): void {
    if (this.#inner.midStanza || this.#elements !== 1)
      throw new StreamError('bad-format', 'A frame must be one whole element');
    this.#elements = 0;
  }

  #take(element: Element): void {
    this.#elements++;
    const { from, to, id, version, 'xml:lang': lang } = element.attrs;
    const header = () => xml('stream', { xmlns: NS.STREAM, from, to, id, version, 'xml:lang': lang });
    if (element.is('open', FRAMING)) this.#handler.onOpen(header(), NS.CLIENT);
    else if (element.is('close', FRAMING)) this.#handler.onClose();
    else this.#handler.onElement(element.with({ 'xmlns:stream': undefined }));
  }
}

function firstTag(text: string): string {
  return text.slice(0, text.indexOf('>'));
}

function declared(text: string, declaration: string): string {
  return text.replace(/^<[^\s/>]+/, `$& ${declaration}`);
}
