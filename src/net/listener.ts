// Opens ports and hands over the connections that arrive there.

import type { Connection } from './connection.ts';
import type { NetError } from './errors.ts';
import type { ServerTls } from './tls.ts';

export interface ListenerOptions {
  /** "*" is every address of both families. */
  interfaces: readonly string[];
  ports: readonly number[];
  /** Given: TLS from the first byte; the handler gets the connection after the handshake. */
  tls?: ServerTls;
  /** Connections of one address at once, handshakes included. Default 100. */
  maxPerAddress?: number;
  /** Addresses that the cap does not apply to. */
  isExempt?(address: string): boolean;
  maxQueuedBytes?: number;
  onConnection(connection: Connection): void;
  /** A peer was turned away (cap, failed handshake). */
  onRefused?(reason: NetError, remoteAddress: string): void;
}

/** A set of open ports that belong together. */
export class Listener {
  /** @throws NetError 'listen-failed'; ports opened before are closed again. */
  static open(_options: ListenerOptions): Promise<Listener> {
    throw new Error('not yet');
  }
  /** What is really open, for logs; port 0 in the options has its real number here. */
  get addresses(): { address: string; port: number }[] {
    return [];
  }
  /** Takes no more connections; those handed over stay with their owners. */
  close(): Promise<void> {
    throw new Error('not yet');
  }
}
