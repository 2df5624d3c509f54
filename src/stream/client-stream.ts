// What a client's session needs of its stream, whatever carries it. `XmlStream` is one; a transport without streams of
// bytes (XEP-0206) makes its own.

import type { TlsInfo, TlsUpgrade } from '../net/tls.ts';
import type { Element } from '../xml/element.ts';
import type { ParserLimits } from '../xml/limits.ts';
import type { OpenOptions } from './framing.ts';
import type { StreamHeader } from './header.ts';
import type { ReadBudget } from './read-limit.ts';

/**
 * How a stream ended: both sides closed it in order; one of them by a stream error; the connection broke; the peer
 * was silent for too long; we closed it for lack of traffic; we closed it without an error.
 */
export type StreamCloseCause = 'clean' | 'stream-error' | 'reset' | 'timeout' | 'idle' | 'local';

/** What the owner of a stream hears. An exception ends the stream: a StreamError as it is, others as our fault. */
export interface StreamHandler {
  /** The peer's header, once for each start or restart. The owner checks `to`. */
  onHeader(header: StreamHeader): void;
  /** A complete first-level element, `stream:features` included and `stream:error` not. */
  onElement(element: Element): void;
  /** The stream is over: nothing is sent or received any more. Called exactly once. */
  onClose(error: Error | undefined, cause: StreamCloseCause): void;
  /** Output has left the queue for the peer. */
  onDrain?(): void;
  /** Our side is about to be closed: elements sent now precede the closing tag, or the stream error. */
  onFarewell?(): void;
}

export interface ClientStream {
  /** The client's header of this start or restart. */
  readonly header: StreamHeader | undefined;
  /** Whether others can read the data on the way. */
  readonly secure: boolean;
  /** What TLS established; absent in the clear, and where TLS ends before this server: no channel binding then. */
  readonly tls?: TlsInfo | undefined;
  readonly remoteAddress: string;
  /** True until either side has closed the stream. */
  readonly isOpen: boolean;
  /** Whether received data waits, for whatever reason of ours. */
  readonly isPaused: boolean;
  /** Output that the client has not taken yet, about in bytes. */
  readonly queuedBytes: number;
  /** What the client may send at most. */
  readonly limits: Readonly<ParserLimits>;
  /** Hands the stream to another owner, such as a session that is being resumed (XEP-0198 §5). */
  set handler(handler: StreamHandler);
  /** Sends our header. */
  open(options?: OpenOptions): void;
  /** Sends one element, or text that is already serialized; false when the stream takes nothing any more. */
  send(element: Element | string): boolean;
  /** Announces what may be negotiated now (RFC 6120 §4.3.2). */
  sendFeatures(features: Element): boolean;
  /** Expects a new header (RFC 6120 §4.3.3). */
  restart(): void;
  /** Starts TLS, then restarts; absent where TLS cannot be started. @throws NetError; the stream is then closed */
  startTls?(upgrade: TlsUpgrade): Promise<TlsInfo>;
  /** Whether `startTls` is possible now. */
  readonly canStartTls: boolean;
  /** Takes no further element until `resume` or `restart`. */
  suspend(): void;
  resume(): void;
  /** Takes no further element until every reason is withdrawn by `unpause`. */
  pause(reason: string): void;
  unpause(reason: string): void;
  raiseLimits(limits: ParserLimits): void;
  /** Limits the stream by a budget that other streams may share, instead of its own. */
  shareBudget(budget: ReadBudget): void;
  /** Ends the time limit of the negotiation. */
  negotiated(): void;
  /**
   * Closes the stream. With an error, the stream ends immediately (RFC 6120 §4.9.1.1); with the cause 'timeout', the
   * connection is reset, since the peer seems to be gone. Without an error, elements of the peer are still handled until it
   * has closed its side too, for a limited time (§4.4). Idempotent.
   */
  close(error?: Error, cause?: StreamCloseCause): void;
  /**
   * Ends the connection without closing the stream, after what is queued: the client may resume its session (XEP-0198
   * §5). The owner hears the cause 'reset'. Idempotent.
   */
  drop(error: Error): void;
}
