// A user at some client program, in the words that all such programs share.

import { ENJAMB } from '../support/addresses.ts';

/** One of the server's two ways in for clients. */
export interface Door {
  readonly name: string;
  readonly tls: 'starttls' | 'direct';
  readonly port: number;
}

export const STARTTLS: Door = { name: 'STARTTLS', tls: 'starttls', port: ENJAMB.c2s };
/** XEP-0368 */
export const DIRECT_TLS: Door = { name: 'direct TLS', tls: 'direct', port: ENJAMB.c2sDirectTls };

/** All that waits has a limit and fails with what it waited for. */
export interface User {
  /** Of the client program. */
  readonly program: string;
  readonly jid: string;
  readonly fullJid: string;
  /** Logs in, asks for the roster and sends presence, as the program does it by itself. */
  login(door: Door): Promise<void>;
  /** Asks to see another's presence (RFC 6121 §3.1.1). */
  request(contact: User): Promise<void>;
  /** Waits for the other's request and approves it (RFC 6121 §3.1.4). */
  approve(contact: User): Promise<void>;
  /** Resolves when the program's roster has the other with subscription "both". */
  befriended(contact: User): Promise<void>;
  seesOnline(contact: User): Promise<void>;
  /** Only asked of somebody who was seen online. */
  seesGone(contact: User): Promise<void>;
  send(contact: User, text: string): Promise<void>;
  receives(contact: User, text: string): Promise<void>;
  logout(): Promise<void>;
}
