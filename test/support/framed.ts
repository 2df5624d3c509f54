// A transport with one element in each frame, and no restart of the parser: what RFC 7395 is like, for tests of the seam.
// The peer of a test still sends and reads text as over TCP; it is translated on the way.

import assert from 'node:assert/strict';
import { type Duplex, duplexPair } from 'node:stream';
import { Connection, type ConnectionOptions } from '../../src/net/connection.ts';
import type { Transport, TransportHandler } from '../../src/net/transport.ts';
import { NS } from '../../src/xml/namespaces.ts';
import { RawPeer } from './duplex.ts';
import { FRAMED, FRAMING } from './frames.ts';

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

/** What a client says in a frame, as it says it over TCP. */
export function asOverTcp(frame: string): string {
  assert.match(frame, /^<.*>$/s, 'one element a frame');
  if (frame.startsWith('<close ')) return '</stream:stream>';
  const attributes = /^<open (.*)\/>$/s.exec(frame)?.[1]?.replace(/ ?xmlns=(['"]).*?\1/, ' ');
  if (attributes !== undefined)
    return `<?xml version='1.0'?><stream:stream xmlns='${NS.CLIENT}' xmlns:stream='${NS.STREAM}' ${attributes}>`;
  return frame.replace(` xmlns='${NS.CLIENT}'`, '').replace(` xmlns:stream='${NS.STREAM}'`, '');
}

/** A header, an end or an element of a server's stream, as it is in a frame. */
export function asFrame(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '</stream:stream>') return FRAMED.footer();
  const header = /<stream:stream([^>]*)>/.exec(trimmed)?.[1]?.replaceAll(/ xmlns(:\w+)?='[^']*'/g, '');
  return header === undefined ? FRAMED.element(trimmed) : `<open xmlns='${FRAMING}'${header}/>`;
}

/** Where the first header, closing tag or whole element of the text ends. */
export function endOfFirst(text: string): number | undefined {
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
