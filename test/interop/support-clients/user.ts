// A user with any client program: the common interface.

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

/** Every wait has a time limit, and its error names what was expected. */
export interface User {
  /** Of the client program. */
  readonly program: string;
  readonly jid: string;
  readonly fullJid: string;
  /** Logs in, asks for the roster and sends presence, as the program does it by itself. */
  login(door: Door): Promise<void>;
  /** Requests a subscription (RFC 6121 §3.1.1). */
  request(contact: User): Promise<void>;
  /** Waits for the other's request and approves it (RFC 6121 §3.1.4). */
  approve(contact: User): Promise<void>;
  /** Resolves when the program's roster has the other with subscription "both". */
  befriended(contact: User): Promise<void>;
  seesOnline(contact: User): Promise<void>;
  /** Call this only for a contact that was online. */
  seesGone(contact: User): Promise<void>;
  /** `contact`: a user, or one of its clients by its full JID. */
  send(contact: Pick<User, 'jid'>, text: string): Promise<void>;
  receives(contact: User, text: string): Promise<void>;
  logout(): Promise<void>;
}
