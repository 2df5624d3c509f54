// A peer made of plain bytes, at the other end of a real Connection: for tests below the level of elements.

import assert from 'node:assert/strict';
import { type Duplex, duplexPair } from 'node:stream';
import { Connection, type ConnectionOptions } from '../../src/net/connection.ts';

/** How long a test waits for something that never comes. Only failing tests take it. */
const PATIENCE_MS = 5_000;

export class RawPeer {
  /** Whether the other side has ended, in order or not. */
  ended = false;
  /** What has come and has not been read by the test. */
  unread = '';
  #socket: Duplex;
  readonly #waiting = new Set<() => void>();

  readonly #cut: () => void;

  /** `cut` breaks the connection for the other side too. */
  constructor(socket: Duplex, cut: () => void = () => {}) {
    this.#socket = socket;
    this.#cut = cut;
    this.#listen();
  }

  get socket(): Duplex {
    return this.#socket;
  }

  /** Goes on over another stream, e.g. TLS on top of the present one. */
  switchTo(socket: Duplex): void {
    this.#socket = socket;
    this.#listen();
  }

  /** Hands the socket over, to be wrapped. */
  release(): Duplex {
    this.#socket.removeAllListeners('data');
    this.#socket.removeAllListeners('end');
    this.#socket.removeAllListeners('close');
    this.#socket.pause();
    return this.#socket;
  }

  /**
   * Hands the socket over once a TLS handshake has begun on it. Node misses one that is over before `tls.connect` returns,
   * as it can be over a stream in memory.
   */
  async releaseToTls(): Promise<Duplex> {
    const socket = this.release();
    const until = performance.now() + PATIENCE_MS;
    while (socket.readableLength === 0 && performance.now() < until) await settled(1);
    return socket;
  }

  send(data: string | Buffer): void {
    this.#socket.write(data);
  }

  /** Hangs up without a word. */
  drop(): void {
    this.#socket.destroy();
    this.#cut();
  }

  /** Stops taking what is sent to it. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Waits until this text has come, and gives all up to its end. */
  async reads(expected: string | RegExp): Promise<string> {
    for (;;) {
      const end = endOf(this.unread, expected);
      if (end !== undefined) {
        const text = this.unread.slice(0, end);
        this.unread = this.unread.slice(end);
        return text;
      }
      if (this.ended) assert.fail(`the connection ended before ${expected} came; unread: ${this.unread}`);
      await this.#change(() => `waiting for ${expected}; unread: ${this.unread}`);
    }
  }

  /** Waits for the end of the connection and gives what came before it. */
  async readsToEnd(): Promise<string> {
    while (!this.ended) await this.#change(() => `waiting for the end; unread: ${this.unread}`);
    return this.unread;
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.unread += chunk.toString('utf8');
      this.#wake();
    });
    const end = () => {
      this.ended = true;
      this.#wake();
    };
    this.#socket.on('end', end);
    this.#socket.on('close', end);
    this.#socket.on('error', () => {});
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #change(state: () => string): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(() => reject(new assert.AssertionError({ message: state() })), PATIENCE_MS);
      this.#waiting.add(wake);
    });
  }
}

/** Our side of a connection, and whoever is at the other end of it. */
export function connectedPair(options: ConnectionOptions = {}): { connection: Connection; peer: RawPeer } {
  const [ours, theirs] = duplexPair();
  const connection = new Connection(ours, { remoteAddress: '192.0.2.1', ...options });
  const cut = () => ours.destroy(new Error('connection reset')); // A pair does not notice that its half is gone.
  return { connection, peer: new RawPeer(theirs, cut) };
}

/** Lets everything happen that needs no more than turns of the event loop. */
export async function settled(turns = 10): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

function endOf(text: string, expected: string | RegExp): number | undefined {
  if (typeof expected === 'string') {
    const at = text.indexOf(expected);
    return at < 0 ? undefined : at + expected.length;
  }
  const match = expected.exec(text);
  return match === null ? undefined : match.index + match[0].length;
}
