// A byte stream to one peer: TCP, TLS over it, or a pair in memory. Output of one turn of the event loop is
// one write, a peer that does not read is cut off, and TLS can be started underneath.

import type { Duplex } from 'node:stream';
import type { TlsInfo, TlsUpgrade } from './tls.ts';

export interface ConnectionHandler {
  onData(chunk: Buffer): void;
  /** Called exactly once; `error` is undefined when both sides ended in order. */
  onClose(error: Error | undefined): void;
  /** Queued bytes fell below the low-water mark after having been above it. */
  onDrain?(): void;
}

export interface ConnectionOptions {
  /** Shown in logs and counted by limits; taken from the socket when not given. */
  remoteAddress?: string;
  /** What a handshake that is already done established. */
  tls?: TlsInfo;
  /** More than this waiting to be read by the peer destroys the connection. Default 8 MiB. */
  maxQueuedBytes?: number;
}

/** A TCP, TLS or in-memory byte stream with write batching. */
export class Connection {
  constructor(_stream: Duplex, _options: ConnectionOptions = {}) {}
  get remoteAddress(): string {
    return '';
  }
  get tls(): TlsInfo | undefined {
    return undefined;
  }
  get secure(): boolean {
    return false;
  }
  get closed(): boolean {
    return false;
  }
  /** Set by the owner before the first tick ends; nothing is read from the stream before. */
  set handler(_handler: ConnectionHandler) {}
  /** Joined with everything else of this turn of the event loop into one socket write. */
  write(_data: string | Buffer): void {}
  flush(): void {}
  get queuedBytes(): number {
    return 0;
  }
  pause(): void {}
  resume(): void {}
  /**
   * Makes this same connection a TLS one. `leftover` is what the caller received after the STARTTLS exchange
   * and did not use: any of it refuses the upgrade.
   *
   * @throws NetError 'starttls-refused', 'tls-failed', 'closed'; the connection is then destroyed.
   */
  startTls(_upgrade: TlsUpgrade, _leftover?: Buffer): Promise<TlsInfo> {
    throw new Error('not yet');
  }
  end(): void {}
  destroy(_error?: Error): void {}
}
