// A byte stream to one peer: TCP, TLS over it, or a pair in memory. Output of one turn of the event loop is
// one write, a peer that does not read is cut off, and TLS can be started underneath.
//
//   open ──startTls──▶ securing ──▶ open          closing: our side has ended, the peer's not yet
//    └──────end────▶ closing ──▶ closed ◀── destroy, error, or both sides ended

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock, systemClock, type Timer } from '../util/clock.ts';
import type { Faults } from '../util/faults.ts';
import { plainAddress } from './address.ts';
import type { DaneEndpoint } from './dane.ts';
import { NetError } from './errors.ts';
import { eventLoop, joined } from './event-loop.ts';
import { connectTls, isSpace, type TlsInfo, type TlsUpgrade } from './tls.ts';
import type { Transport, TransportHandler } from './transport.ts';

export interface ConnectionOptions {
  /** Shown in logs and counted by limits; taken from the socket when not given. */
  remoteAddress?: string;
  /** The result of a TLS handshake that is already done. */
  tls?: TlsInfo;
  /** The TCP socket below `stream`, if that is a TLS stream already. */
  socket?: Duplex;
  /** The certificates that the peer may show when TLS is started. */
  dane?: DaneEndpoint | undefined;
  /** TLS was started and failed, and not because we have given up. */
  onTlsFailed?: () => void;
  /** More than this waiting to be read by the peer destroys the connection. Default 8 MiB. */
  maxQueuedBytes?: number;
  /** How long the peer may take to end its side after `end()`. Default 5 s. */
  closeTimeoutMs?: number;
  clock?: Clock;
  /** Reports exceptions of the handler. Default: they are rethrown. */
  faults?: Faults | undefined;
}

/** How long the system may take to accept the last write to an abandoned connection. */
const ABANDON_MS = 1_000;

type Phase = 'open' | 'securing' | 'closing' | 'closed';

/** A TCP, TLS or in-memory byte stream with write batching. */
export class Connection implements Transport {
  readonly remoteAddress: string;
  /** The DNS records of the peer's certificate. With records, nothing may be sent in the clear. */
  readonly dane: DaneEndpoint | undefined;
  #stream: Duplex;
  /** The TCP socket at the bottom, with or without TLS above it. */
  readonly #socket: Duplex;
  #tls: TlsInfo | undefined;
  #phase: Phase = 'open';
  #handler: TransportHandler | undefined;
  #paused = false;
  #pending: (string | Buffer)[] = [];
  #pendingLength = 0;
  #dirty = false;
  #error: Error | undefined;
  #closeTimer: Timer | undefined;
  /** We have ended the connection during the handshake. */
  #isGivenUp = false;
  readonly #onTlsFailed: (() => void) | undefined;
  readonly #maxQueuedBytes: number;
  readonly #closeTimeoutMs: number;
  readonly #clock: Clock;
  readonly #faults: Faults | undefined;

  constructor(stream: Duplex, options: ConnectionOptions = {}) {
    this.#stream = stream;
    this.#socket = options.socket ?? stream;
    this.#tls = options.tls;
    this.dane = options.dane;
    this.#onTlsFailed = options.onTlsFailed;
    this.#maxQueuedBytes = options.maxQueuedBytes ?? 8 * 1024 * 1024;
    this.#closeTimeoutMs = options.closeTimeoutMs ?? 5_000;
    this.#clock = options.clock ?? systemClock;
    this.#faults = options.faults;
    const address = stream instanceof Socket ? stream.remoteAddress : undefined;
    this.remoteAddress = options.remoteAddress ?? plainAddress(address ?? 'unknown');
    if (stream instanceof Socket) stream.setNoDelay(true); // Batching is ours: Nagle would only delay it.
    this.#attach(stream);
  }

  get tls(): TlsInfo | undefined {
    return this.#tls;
  }

  get secure(): boolean {
    return this.#tls !== undefined;
  }

  /** Nothing can be written any more. */
  get closed(): boolean {
    return this.#phase === 'closing' || this.#phase === 'closed';
  }

  /** Set by the owner before the first tick ends; nothing is read from the stream before. */
  set handler(handler: TransportHandler) {
    const isFirst = this.#handler === undefined;
    this.#handler = handler;
    if (!isFirst) return;
    if (this.#phase === 'closed') queueMicrotask(() => this.#tellClosed());
    else if (this.#phase !== 'securing') this.#read();
  }

  /**
   * Joins all data of this turn of the event loop into one socket write. Dropped when the
   * connection is closed. The connection owns `data` from here on.
   */
  write(data: string | Buffer): void {
    if (this.closed || data.length === 0) return;
    this.#pending.push(data);
    this.#pendingLength += data.length;
    if (this.queuedBytes > this.#maxQueuedBytes) {
      const waiting = `${Math.ceil(this.queuedBytes / 1024)} KiB waiting for it`;
      this.destroy(new NetError('queue-overflow', `the peer does not read: ${waiting}`));
      return;
    }
    if (this.#dirty) return;
    this.#dirty = true;
    eventLoop.flushAtEnd(this);
  }

  /** Writes immediately what waits for the end of the turn. */
  flush(): void {
    this.#dirty = false;
    if (this.#pendingLength === 0 || this.#phase === 'securing' || this.#phase === 'closed') return;
    const pieces = this.#pending;
    this.#pending = [];
    this.#pendingLength = 0;
    this.#guard(() => {
      const isTaken = this.#stream.write(joined(pieces));
      if (isTaken) this.#handler?.onDrain?.(); // Otherwise the socket's event reports it.
    });
  }

  /** Output that the peer has not taken yet, ours and the socket's. Text counts by its length, so bytes may be more. */
  get queuedBytes(): number {
    return this.#pendingLength + this.#stream.writableLength;
  }

  /** Stops reading; the peer feels it as backpressure. */
  pause(): void {
    this.#paused = true;
    if (this.#phase !== 'securing') this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#phase !== 'securing' && this.#handler !== undefined) this.#stream.resume();
  }

  /**
   * Starts TLS on this connection. `leftover` is what the caller received after the STARTTLS exchange
   * and did not use. White space in it, and before the client's handshake, is dropped: go-xmpp ends its elements with a
   * line feed. Anything else
   * refuses the upgrade, since an attacker on the line could have injected it (CVE-2011-0411; RFC 6120
   * §5.3.3: nothing of before the handshake counts after it). Writes wait for the handshake.
   *
   * @throws NetError 'starttls-refused', 'tls-failed', 'dane-mismatch', 'no-certificate', 'closed'; the connection is then destroyed.
   */
  async startTls(upgrade: TlsUpgrade, leftover?: Buffer): Promise<TlsInfo> {
    const raw = this.#stream;
    if (this.#phase !== 'open') throw new NetError('closed', 'the connection is closed');
    this.flush();
    this.#phase = 'securing';
    this.#detach(raw);
    try {
      if (this.secure) throw new NetError('starttls-refused', 'the connection uses TLS already');
      const unread = raw.readableLength > 0 ? (raw.read() as Buffer | null) : undefined;
      if (!isWhiteSpace(leftover) || !isWhiteSpace(unread)) {
        throw new NetError('starttls-refused', 'data in the clear followed the STARTTLS exchange');
      }
      await written(raw);
      const { socket, info } = await (upgrade.side === 'server'
        ? upgrade.tls.accept(raw, upgrade.domain, true)
        : connectTls(raw, { dane: this.dane, ...upgrade }));
      return this.#secured(socket, info);
    } catch (error) {
      this.#error ??= error as Error;
      raw.destroy();
      this.#closed();
      if (!this.#isGivenUp) this.#onTlsFailed?.();
      throw this.#error;
    }
  }

  /** Sends what is queued, then ends our side; the connection is reset when the peer does not end its own in time. */
  end(): void {
    if (this.closed) return;
    if (this.#phase === 'securing') {
      this.destroy();
      return;
    }
    this.flush();
    this.#phase = 'closing';
    this.#stream.end();
    this.#closeTimer = this.#clock.after(this.#closeTimeoutMs, () => this.#reset());
  }

  /**
   * Ends a connection whose peer seems to be gone: hands what is queued to the system, then resets. After an orderly close
   * the system would retransmit unacknowledged bytes for minutes (RFC 9293 §3.8.1). They would arrive when the line is
   * back, as duplicates of what was sent again over another connection.
   */
  abandon(): void {
    if (this.closed) return;
    if (this.#phase === 'securing') return this.destroy();
    this.flush();
    this.#phase = 'closing';
    this.#stream.end(() => this.#reset());
    this.#closeTimer = this.#clock.after(ABANDON_MS, () => this.#reset());
  }

  /** Ends both sides immediately; queued data is lost. */
  destroy(error?: Error): void {
    if (this.#phase === 'closed') return;
    this.#error ??= error;
    this.#isGivenUp = this.#phase === 'securing';
    if (this.#isGivenUp) this.#error ??= new NetError('closed', 'closed during the TLS handshake');
    this.#pending = [];
    this.#pendingLength = 0;
    if (this.#phase !== 'securing') this.#phase = 'closing';
    this.#stream.destroy();
  }

  /** Closes the socket; the system drops its send buffer, too. */
  #reset(): void {
    if (this.#socket instanceof Socket && !this.#socket.destroyed) this.#socket.resetAndDestroy();
    this.#stream.destroy();
  }

  #secured(socket: Duplex, info: TlsInfo): TlsInfo {
    if (this.#error !== undefined || this.#stream.destroyed) {
      socket.destroy();
      throw this.#error ?? new NetError('closed', 'the connection was closed during the TLS handshake');
    }
    this.#stream = socket;
    this.#tls = info;
    this.#phase = 'open';
    this.#attach(socket);
    if (this.#handler !== undefined) this.#read();
    this.flush();
    return info;
  }

  #read(): void {
    this.#stream.on('data', this.#onData);
    if (this.#paused) this.#stream.pause();
    else this.#stream.resume();
  }

  #attach(stream: Duplex): void {
    stream.on('end', this.#onEnd);
    stream.on('drain', this.#onDrain);
    stream.on('error', this.#onError);
    stream.on('close', this.#closed);
  }

  /** Gives the stream to TLS. We keep listening for errors, since a late one may have no other listener. */
  #detach(stream: Duplex): void {
    stream.off('data', this.#onData);
    stream.off('end', this.#onEnd);
    stream.off('drain', this.#onDrain);
    stream.off('close', this.#closed);
    stream.pause();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#guard(() => this.#handler?.onData(chunk));
  };

  /** The peer has ended its side: RFC 6120 §4.4 leaves nothing to wait for. */
  readonly #onEnd = (): void => this.end();

  readonly #onDrain = (): void => {
    this.#guard(() => this.#handler?.onDrain?.());
  };

  readonly #onError = (error: Error): void => {
    this.#error ??= error;
  };

  readonly #closed = (): void => {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#closeTimer?.cancel();
    this.#pending = [];
    this.#pendingLength = 0;
    this.#tellClosed();
  };

  #tellClosed(): void {
    this.#guard(() => this.#handler?.onClose(this.#error));
  }

  #guard(act: () => unknown): void {
    try {
      act();
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)));
      if (this.#faults === undefined) throw error;
      this.#faults.report('connection', error, { address: this.remoteAddress });
    }
  }
}

function isWhiteSpace(bytes: Buffer | null | undefined): boolean {
  return bytes?.every(isSpace) ?? true;
}

/** Resolves when the stream has passed on what it was given: TLS must not overtake it. */
function written(stream: Duplex): Promise<void> {
  if (stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    stream.write('', (error) => (error ? reject(error) : resolve()));
  });
}
