// An XML stream on a transport (RFC 6120 §4): headers, elements, restarts, the end.
//
//   open ──close()──▶ closing ──peer's closing tag, or time──▶ closed
//    └── close(error), stream error, closing tag, reset, time ──────┘
//
// The stream does not know its peer: features, SASL, binding and stanzas belong to its owner.

import { NetError } from '../net/errors.ts';
import type { TlsInfo, TlsUpgrade } from '../net/tls.ts';
import type { Transport } from '../net/transport.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Faults } from '../util/faults.ts';
import { newId } from '../util/ids.ts';
import type { Element } from '../xml/element.ts';
import { StreamError } from '../xml/errors.ts';
import { type ParserLimits, PREAUTH_LIMITS } from '../xml/limits.ts';
import { NS } from '../xml/namespaces.ts';
import type { ClientStream, StreamCloseCause, StreamHandler } from './client-stream.ts';
import { Deadlines, type StreamTimeouts } from './deadlines.ts';
import type { Framing, OpenOptions } from './framing.ts';
import { readHeader, type StreamHeader } from './header.ts';
import { ReadBudget, type ReadRate } from './read-limit.ts';
import { type ReadStep, StreamReader } from './reader.ts';
import { readStreamError } from './received-error.ts';
import { type ContentNamespace, tcpFraming } from './tcp-framing.ts';

export type { StreamCloseCause, StreamHandler } from './client-stream.ts';
export type { OpenOptions } from './framing.ts';

export interface StreamOptions {
  /** `initiator`: our side has opened the connection (RFC 6120 §4.2). */
  role: 'receiver' | 'initiator';
  namespace: ContentNamespace;
  /** Default: that of TCP. */
  framing?: Framing;
  /** Default: none; the owner sets `handler` in the same tick. */
  handler?: StreamHandler;
  clock: Clock;
  faults: Faults;
  /** The `from` of our header if the stream fails before the owner has opened it. */
  from?: string;
  timeouts?: Partial<StreamTimeouts>;
  /** Default: those for peers that have not authenticated. */
  limits?: ParserLimits;
  /** The rate at which input is read. Default: no limit. */
  rate?: ReadRate | undefined;
}

const NO_OWNER: StreamHandler = { onHeader() {}, onElement() {}, onClose() {} };

type Phase = 'open' | 'closing' | 'closed';

/** Members without a comment are documented in `ClientStream`; between servers and components, "client" means the peer. */
export class XmlStream implements ClientStream {
  readonly #transport: Transport;
  readonly #framing: Framing;
  /** The peer's header of this start or restart. */
  header: StreamHeader | undefined;
  /** When bytes last arrived from the peer, in ms of `clock.elapsed`. */
  lastReceivedAt: number;
  /** The peer has closed its stream in order (RFC 6120 §4.4). */
  peerClosed = false;
  #handler: StreamHandler;
  readonly #options: StreamOptions;
  readonly #deadlines: Deadlines;
  readonly #reader: StreamReader;
  #budget: ReadBudget | undefined;
  #phase: Phase = 'open';
  /** Why we have closed our side. */
  #localCause: StreamCloseCause | undefined;
  /** Our header of this start or restart has been sent. */
  #isOpened = false;
  #closeTimer: Timer | undefined;

  constructor(transport: Transport, options: StreamOptions) {
    this.#transport = transport;
    this.#framing = options.framing ?? tcpFraming(options.namespace);
    this.#options = options;
    this.#handler = options.handler ?? NO_OWNER;
    this.lastReceivedAt = options.clock.elapsed();
    this.#reader = this.#newReader();
    this.#deadlines = new Deadlines(options.clock, options.timeouts ?? {}, {
      expired: (what) => this.#end(new StreamError('connection-timeout', what), 'timeout'),
      isPaused: () => this.isPaused,
    });
    if (options.rate !== undefined) this.shareBudget(new ReadBudget(options.rate, options.clock));
    this.#deadlines.startNegotiation();
    this.#deadlines.startHeader();
    transport.handler = {
      onData: (chunk) => this.#onData(chunk),
      onClose: (error) => this.#onConnectionClose(error),
      onDrain: () => this.#handler.onDrain?.(),
    };
  }

  get secure(): boolean {
    return this.#transport.secure;
  }

  get tls(): TlsInfo | undefined {
    return this.#transport.tls;
  }

  get queuedBytes(): number {
    return this.#transport.queuedBytes;
  }

  get canStartTls(): boolean {
    return this.#transport.startTls !== undefined && !this.secure;
  }

  get remoteAddress(): string {
    return this.#transport.remoteAddress;
  }

  get isOpen(): boolean {
    return this.#phase === 'open' && !this.#transport.closed;
  }

  set handler(handler: StreamHandler) {
    this.#handler = handler;
  }

  open(options: OpenOptions = {}): void {
    if (!this.isOpen) return;
    this.#isOpened = true;
    this.#transport.write(this.#framing.header(options));
  }

  send(element: Element | string): boolean {
    if (!this.isOpen) return false;
    this.#transport.write(this.#framing.element(element));
    return !this.#transport.closed;
  }

  sendFeatures(features: Element): boolean {
    return this.send(features);
  }

  /**
   * Restarts on the same connection (RFC 6120 §4.3.3): the peer must send a header next. Bytes after the element that is
   * being handled belong to the new stream.
   */
  restart(): void {
    if (this.#phase !== 'open') return;
    this.#isOpened = false;
    this.header = undefined;
    this.#deadlines.startHeader();
    this.#reader.restart();
    this.unpause('suspended');
  }

  /**
   * Secures the connection, then restarts. Call it in the handler of the element that starts TLS, after the answer was sent.
   * Bytes after that element, other than white space, make the handshake fail.
   * @throws NetError when the handshake fails, or the transport cannot start TLS; the stream is then closed.
   */
  async startTls(upgrade: TlsUpgrade): Promise<TlsInfo> {
    const leftover = await this.#reader.leftover();
    if (!this.#transport.startTls) throw new NetError('starttls-refused', 'the transport has no STARTTLS');
    const info = await this.#transport.startTls(upgrade, leftover);
    this.restart();
    return info;
  }

  suspend(): void {
    this.pause('suspended');
  }

  resume(): void {
    this.unpause('suspended');
  }

  pause(reason: string): void {
    this.#reader.pause(reason);
  }

  unpause(reason: string): void {
    this.#reader.unpause(reason);
  }

  get isPaused(): boolean {
    return this.#reader.isPaused;
  }

  get limits(): Readonly<ParserLimits> {
    return this.#reader.limits;
  }

  raiseLimits(limits: ParserLimits): void {
    this.#reader.limits = limits;
  }

  shareBudget(budget: ReadBudget): void {
    this.#budget?.leave(this);
    this.#budget = budget;
    budget.join(this);
  }

  negotiated(): void {
    this.#deadlines.stopNegotiation();
  }

  close(error?: Error, cause: StreamCloseCause = error === undefined ? 'local' : 'stream-error'): void {
    if (error !== undefined) {
      this.#end(error, cause, cause === 'timeout');
      return;
    }
    if (this.#phase !== 'open') return;
    this.#writeClose();
    this.#phase = 'closing';
    this.#localCause = cause;
    this.#deadlines.stop();
    this.unpause('output'); // The peer's closing tag may be among the bytes that we have not read.
    this.#closeTimer = this.#options.clock.after(this.#deadlines.closeMs, () =>
      this.#closed(undefined, cause),
    );
  }

  drop(error: Error): void {
    this.#closed(error, 'reset');
  }

  #onData(chunk: Buffer): void {
    if (this.#phase === 'closed') return;
    this.lastReceivedAt = this.#options.clock.elapsed();
    this.#reader.take(chunk);
  }

  #newReader(): StreamReader {
    const owner = {
      onOpen: (root: Element, contentNamespace: string | undefined) => this.#onOpen(root, contentNamespace),
      onElement: (element: Element) => this.#onElement(element),
      onClose: () => this.#onCloseTag(),
      onStep: (step: ReadStep) => this.#onStep(step),
      onFailure: (error: unknown) => this.#failed(error),
    };
    const limits = this.#options.limits ?? PREAUTH_LIMITS;
    return new StreamReader({ transport: this.#transport, framing: this.#framing, owner, limits });
  }

  #onStep({ bytes, elements, isMidElement }: ReadStep): void {
    this.#budget?.take(bytes, this);
    this.#deadlines.progress(isMidElement, elements > 0);
  }

  #onOpen(root: Element, contentNamespace: string | undefined): void {
    if (this.#phase === 'closed') return;
    if (this.header !== undefined) throw new StreamError('bad-format', 'The stream is open already');
    this.#deadlines.stopHeader();
    const header = readHeader(root, contentNamespace, this.#options.namespace);
    this.header = header;
    this.#handler.onHeader(header);
  }

  #onElement(element: Element): void {
    if (this.#phase === 'closed') return;
    if (this.header === undefined) throw new StreamError('invalid-namespace', 'The stream has no header yet');
    this.#budget?.takeStanza(this.#reader, this);
    if (!element.is('error', NS.STREAM)) {
      this.#handler.onElement(element);
      return;
    }
    if (this.#phase === 'open') this.#writeClose();
    this.#closed(readStreamError(element), 'stream-error');
  }

  /** RFC 6120 §4.4: the closing tag is answered in kind; then the connection ends. */
  #onCloseTag(): void {
    if (this.#phase === 'closed') return;
    this.peerClosed = true;
    if (this.#phase === 'open') this.#writeClose();
    this.#closed(undefined, this.#localCause ?? 'clean');
  }

  #onConnectionClose(error: Error | undefined): void {
    if (this.#localCause !== undefined) this.#closed(undefined, this.#localCause);
    else
      this.#closed(error ?? new NetError('closed', 'the peer hung up without closing its stream'), 'reset');
  }

  #failed(error: unknown): void {
    if (error instanceof StreamError) {
      this.#end(error, 'stream-error');
      return;
    }
    this.#options.faults.report('stream', error);
    this.#end(new StreamError('internal-server-error'), 'stream-error');
  }

  /** Ends the stream for the owner immediately, and sends the error to the peer if its side is open. */
  #end(error: Error, cause: StreamCloseCause, isGone = false): void {
    if (this.#phase === 'closed') return;
    if (this.#phase === 'open') this.#writeClose(error);
    if (isGone) this.#transport.abandon();
    this.#closed(error, cause);
  }

  /** RFC 6120 §4.9.1.2: an error is sent inside a stream, so our header comes first. */
  #writeClose(error?: Error): void {
    if (this.#transport.closed) return;
    if (!this.#isOpened) {
      if (this.#options.role === 'initiator') return;
      this.open({ from: this.#options.from, id: newId() });
    } else if (this.#phase === 'open') {
      this.#options.faults.contain('stream', () => this.#handler.onFarewell?.());
    }
    if (error instanceof StreamError) this.#transport.write(this.#framing.element(error.toElement()));
    this.#transport.write(this.#framing.footer());
  }

  #closed(error: Error | undefined, cause: StreamCloseCause): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#closeTimer?.cancel();
    this.#deadlines.stop();
    this.#reader.stop(); // Reads on and discards: with unread bytes, the system would reset the connection and drop our output.
    this.#budget?.leave(this);
    this.#transport.end();
    try {
      this.#handler.onClose(error, cause);
    } catch (failure) {
      this.#options.faults.report('stream', failure);
    }
  }
}
