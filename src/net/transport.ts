// What carries a stream to one peer: bytes over TCP and TLS, or frames.

import type { TlsInfo, TlsUpgrade } from './tls.ts';

/** If a method throws, the transport is destroyed and the exception reported. */
export interface TransportHandler {
  /** Received bytes; one whole frame where the transport has frames. */
  onData(chunk: Buffer): void;
  /** Called exactly once; `error` is undefined when both sides ended in order. */
  onClose(error: Error | undefined): void;
  /** Output has left the queue: all that the socket held, or a part of what was written in this turn. */
  onDrain?(): void;
}

export interface Transport {
  /** The peer's address for logs and limits. */
  readonly remoteAddress: string;
  /** Whether others can read the data on the way. */
  readonly secure: boolean;
  /** What TLS established; absent in the clear, and where TLS ends before this server. */
  readonly tls?: TlsInfo | undefined;
  /** True when nothing can be written any more. */
  readonly closed: boolean;
  /** Output that the peer has not taken yet, about in bytes. */
  readonly queuedBytes: number;
  /** Set by the owner before the first tick ends; nothing is read before. */
  set handler(handler: TransportHandler);
  /** Sends data, or one frame; dropped when the transport is closed. The transport owns `data` from then on. */
  write(data: string | Buffer): void;
  /** Stops reading, so that the peer has to wait. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then ends our side. */
  end(): void;
  /** Sends what the system takes immediately, then ends both sides: the peer seems to be gone. */
  abandon(): void;
  /** Ends both sides; queued data is lost. */
  destroy(error?: Error): void;
  /**
   * Starts TLS below the stream; absent where that is impossible. `rest`: bytes that were received after the STARTTLS
   * exchange.
   * @throws NetError when the handshake fails; the transport is then destroyed
   */
  startTls?(upgrade: TlsUpgrade, rest?: Buffer): Promise<TlsInfo>;
}
