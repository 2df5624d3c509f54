// A connection of an attacker: writes raw XML with back-pressure, and mostly ignores the answers.

import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { Tally } from './tally.ts';

const ANSWER_MS = 20_000;
/** Enough for a stream error, or a header with features, across two chunks. */
const TAIL = 4_000;

export interface WireOptions {
  readonly address: string;
  readonly port: number;
  /** ALPN protocol for direct TLS; undefined: TCP without TLS. */
  readonly tls?: 'xmpp-client' | 'xmpp-server';
  readonly servername?: string;
  /** Source address. Default: the system's choice. */
  readonly from?: string;
  readonly tally: Tally;
}

export type Piece = string | Buffer;

export class Wire {
  readonly #socket: Socket;
  readonly #tally: Tally;
  #isOpen = true;
  /** The last input. */
  #heard = '';
  #wake: (() => void) | undefined;

  private constructor(socket: Socket, tally: Tally) {
    this.#socket = socket;
    this.#tally = tally;
    tally.opened();
    socket.on('data', (chunk: Buffer) => this.#hear(chunk));
    socket.once('close', () => this.#closed());
  }

  /** @throws Error if the connection is refused */
  static async open({ address, port, tls, servername, from, tally }: WireOptions): Promise<Wire> {
    const to = { host: address, port, ...(from === undefined ? {} : { localAddress: from }) };
    const socket =
      tls === undefined
        ? connect(to)
        : connectTls({ ...to, servername, ALPNProtocols: [tls], rejectUnauthorized: false });
    await new Promise((resolve, reject) => {
      socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed')));
    });
    socket.on('error', () => {});
    socket.setNoDelay(true);
    return new Wire(socket, tally);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Writes, and waits until more can be written, at least one turn of the event loop.
   * @throws Error if the connection is closed
   */
  async send(...pieces: Piece[]): Promise<void> {
    if (!this.#isOpen) throw new Error('closed');
    this.#socket.cork();
    let mayGoOn = true;
    for (const piece of pieces) {
      mayGoOn = this.#socket.write(piece);
      this.#tally.sent(piece.length);
    }
    this.#socket.uncork();
    if (mayGoOn) await turn();
    else await this.#drained();
    if (!this.#isOpen) throw new Error('closed');
  }

  /** Waits for `mark`, and drops the input. @throws Error if the connection closes, or `mark` does not arrive in time */
  async until(mark: RegExp, limitMs = ANSWER_MS): Promise<string> {
    const limit = AbortSignal.timeout(limitMs);
    while (this.#heard.search(mark) < 0) {
      if (!this.#isOpen) throw new Error(`closed after ${this.#heard.slice(-200)}`);
      if (limit.aborted) throw new Error(`no answer ${mark}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        limit.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    const text = this.#heard;
    this.#heard = '';
    return text;
  }

  /** Stops reading. */
  stopReading(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#tally.closing(this);
    this.#socket.destroy();
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.once('drain', done);
      this.#socket.once('close', done);
    });
  }

  #hear(chunk: Buffer): void {
    const hasError = chunk.indexOf('<error') >= 0;
    const isShort = chunk.length < TAIL;
    const text =
      hasError || isShort ? chunk.toString('latin1') : chunk.toString('latin1', chunk.length - TAIL);
    this.#heard = (this.#heard + text).slice(-TAIL);
    if (hasError) this.#tally.heardErrors(text);
    this.#wake?.();
  }

  #closed(): void {
    this.#isOpen = false;
    this.#tally.closed(this, this.#heard);
    this.#wake?.();
  }
}
