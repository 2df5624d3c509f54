// A transport with one element in each frame, and no restart of the parser: what RFC 7395 is like, for tests of the seam.
// The peer of a test still sends and reads text as over TCP; it is translated on the way.

import assert from 'node:assert/strict';
import { type Duplex, duplexPair } from 'node:stream';
import { Connection, type ConnectionOptions } from '../../src/net/connection.ts';
import type { Transport, TransportHandler } from '../../src/net/transport.ts';
import type { Framing, StreamParser } from '../../src/stream/framing.ts';
import { type Element, xml } from '../../src/xml/element.ts';
import { StreamError } from '../../src/xml/errors.ts';
import type { ParserLimits } from '../../src/xml/limits.ts';
import { NS } from '../../src/xml/namespaces.ts';
import { type ParserHandler, XmlParser } from '../../src/xml/parser.ts';
import { serialize } from '../../src/xml/serialize.ts';
import { RawPeer } from './duplex.ts';

const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';

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
  readonly #inner: XmlParser;
  readonly #handler: ParserHandler;
  /** Elements of the present frame. */
  #elements = 0;

  constructor(handler: ParserHandler, limits: ParserLimits) {
    this.#handler = handler;
    const onElement = (element: Element) => this.#take(element);
    this.#inner = new XmlParser({ onOpen() {}, onElement, onClose() {} }, limits);
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

/** Frames over a connection, each after its length. There is no way to start TLS. */
export class FramedTransport implements Transport {
  readonly secure: boolean;
  readonly #connection: Connection;
  #received = Buffer.alloc(0);

  constructor(connection: Connection, secure = false) {
    this.#connection = connection;
    this.secure = secure;
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }

  get closed(): boolean {
    return this.#connection.closed;
  }

  get queuedBytes(): number {
    return this.#connection.queuedBytes;
  }

  set handler(handler: TransportHandler) {
    this.#connection.handler = {
      onData: (chunk) => {
        this.#received = Buffer.concat([this.#received, chunk]);
        for (const frame of this.#frames()) handler.onData(frame);
      },
      onClose: (error) => handler.onClose(error),
      onDrain: () => handler.onDrain?.(),
    };
  }

  write(data: string | Buffer): void {
    this.#connection.write(framed(`${data}`));
  }

  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  end(): void {
    this.#connection.end();
  }

  abandon(): void {
    this.#connection.abandon();
  }

  destroy(error?: Error): void {
    this.#connection.destroy(error);
  }

  #frames(): Buffer[] {
    const { frames, rest } = unframed(this.#received);
    this.#received = Buffer.from(rest);
    return frames;
  }
}

/** A framed transport, and a peer at its other end. `frame` sends text as one frame, whatever it is. */
export function framedPair(options: ConnectionOptions & { secure?: boolean } = {}): {
  transport: FramedTransport;
  peer: RawPeer;
  frame(text: string): void;
} {
  const [ours, remote] = duplexPair();
  const [inner, theirs] = duplexPair();
  const transport = new FramedTransport(
    new Connection(ours, { remoteAddress: '192.0.2.1', ...options }),
    options.secure,
  );
  translate(remote, inner);
  const cut = () => ours.destroy(new Error('connection reset')); // A pair does not notice that its half is gone.
  return { transport, peer: new RawPeer(theirs, cut), frame: (text) => void remote.write(framed(text)) };
}

function translate(remote: Duplex, inner: Duplex): void {
  let received = Buffer.alloc(0);
  remote.on('data', (chunk: Buffer) => {
    const { frames, rest } = unframed(Buffer.concat([received, chunk]));
    received = Buffer.from(rest);
    for (const frame of frames) inner.write(asOverTcp(`${frame}`));
  });
  let typed = '';
  inner.on('data', (chunk: Buffer) => {
    typed += chunk;
    for (;;) {
      const end = endOfFirst(typed);
      if (end === undefined) return;
      remote.write(framed(asFrame(typed.slice(0, end))));
      typed = typed.slice(end);
    }
  });
  remote.on('end', () => inner.end());
  inner.on('end', () => remote.end());
  for (const socket of [remote, inner]) socket.on('error', () => {});
}

function asOverTcp(frame: string): string {
  assert.match(frame, /^<.*>$/s, 'one element a frame');
  if (frame.startsWith('<close ')) return '</stream:stream>';
  const attributes = /^<open xmlns='[^']*'(.*)\/>$/.exec(frame)?.[1];
  if (attributes !== undefined)
    return `<?xml version='1.0'?><stream:stream xmlns='${NS.CLIENT}' xmlns:stream='${NS.STREAM}'${attributes}>`;
  return frame.replace(` xmlns='${NS.CLIENT}'`, '').replace(` xmlns:stream='${NS.STREAM}'`, '');
}

function asFrame(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '</stream:stream>') return FRAMED.footer();
  const header = /<stream:stream([^>]*)>/.exec(trimmed)?.[1]?.replaceAll(/ xmlns(:\w+)?='[^']*'/g, '');
  return header === undefined ? FRAMED.element(trimmed) : `<open xmlns='${FRAMING}'${header}/>`;
}

/** Where the first header, closing tag or whole element of the text ends. */
function endOfFirst(text: string): number | undefined {
  let depth = 0;
  for (const { 0: tag, index } of text.matchAll(/<(?:[^<>'"]|'[^']*'|"[^"]*")*>/g)) {
    const end = index + tag.length;
    if (tag.startsWith('<?')) continue;
    if (tag.startsWith('<stream:stream') || tag === '</stream:stream>') return end;
    if (tag.startsWith('</')) depth--;
    else if (!tag.endsWith('/>')) depth++;
    if (depth === 0) return end;
  }
  return undefined;
}

function framed(text: string): string {
  return `${Buffer.byteLength(text)}\n${text}`;
}

function unframed(bytes: Buffer): { frames: Buffer[]; rest: Buffer } {
  const frames: Buffer[] = [];
  let rest = bytes;
  for (;;) {
    const start = rest.indexOf('\n') + 1;
    const end = start + Number(rest.subarray(0, start));
    if (start === 0 || rest.length < end) return { frames, rest };
    frames.push(rest.subarray(start, end));
    rest = rest.subarray(end);
  }
}

function firstTag(text: string): string {
  return text.slice(0, text.indexOf('>'));
}

function declared(text: string, declaration: string): string {
  return text.replace(/^<[^\s/>]+/, `$& ${declaration}`);
}
