// The interface between a client's session and its stream. `XmlStream` implements it for transports of bytes; a module with
// another transport, such as BOSH (XEP-0206), has its own implementation.

import type { TlsInfo, TlsUpgrade } from '../net/tls.ts';
import type { Element } from '../xml/element.ts';
import type { ParserLimits } from '../xml/limits.ts';
import type { OpenOptions } from './framing.ts';
import type { StreamHeader } from './header.ts';
import type { ReadBudget } from './read-limit.ts';

/** How a stream ended. */
export type StreamCloseCause =
  /** The peer closed it in order, and we followed. */
  | 'clean'
  /** Either side ended it by a stream error. */
  | 'stream-error'
  /** The connection broke without a closing tag. */
  | 'reset'
  /** The peer was silent for too long. */
  | 'timeout'
  /** We closed it for lack of traffic. */
  | 'idle'
  /** We closed it without an error. */
  | 'local';

/**
 * Receives the events of a stream. An exception in it ends the stream: a StreamError is sent to the peer unchanged, any other
 * error is logged and sent as `internal-server-error`.
 */
export interface StreamHandler {
  /** Called with the peer's header, once for each start or restart. The handler checks `to`. */
  onHeader(header: StreamHeader): void;
  /** Called with each complete first-level element, including `stream:features` but not `stream:error`. */
  onElement(element: Element): void;
  /** The stream has ended: nothing is sent or received any more. Called exactly once. */
  onClose(error: Error | undefined, cause: StreamCloseCause): void;
  /** Output has left the queue for the peer. */
  onDrain?(): void;
  /** Our side is about to close: elements sent now precede the closing tag or the stream error. */
  onFarewell?(): void;
}

export interface ClientStream {
  /** The client's header of this start or restart. */
  readonly header: StreamHeader | undefined;
  /** Whether the connection is encrypted, by this server or by a proxy in front of it. */
  readonly secure: boolean;
  /** The TLS connection; absent without TLS, and where a proxy ends TLS. Then no channel binding is possible. */
  readonly tls?: TlsInfo | undefined;
  readonly remoteAddress: string;
  /** True until either side has closed the stream. */
  readonly isOpen: boolean;
  /** Whether our side has paused reading. */
  readonly isPaused: boolean;
  /** The approximate number of bytes of output that the client has not received yet. */
  readonly queuedBytes: number;
  /** The limits on each element that the client sends. */
  readonly limits: Readonly<ParserLimits>;
  /** Hands the stream to another owner, such as a session that is being resumed (XEP-0198 §5). */
  set handler(handler: StreamHandler);
  /** Sends our header. */
  open(options?: OpenOptions): void;
  /** Sends one element, or text that is already serialized. Returns false if the stream has closed. */
  send(element: Element | string): boolean;
  /** Announces what may be negotiated now (RFC 6120 §4.3.2). */
  sendFeatures(features: Element): boolean;
  /** Expects a new header (RFC 6120 §4.3.3). */
  restart(): void;
  /** Starts TLS, then restarts; absent where TLS cannot be started. @throws NetError; the stream is then closed */
  startTls?(upgrade: TlsUpgrade): Promise<TlsInfo>;
  /** Whether `startTls` is possible now. */
  readonly canStartTls: boolean;
  /** Handles no further element until `resume` or `restart`: while the owner waits for an answer of its own. */
  suspend(): void;
  resume(): void;
  /** Handles no further element until each pause was ended by `unpause` with the same reason. */
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
   * Ends the connection without closing the stream, after all output is sent: the client may resume its session (XEP-0198
   * §5). `onClose` gets the cause 'reset'. Idempotent.
   */
  drop(error: Error): void;
}
