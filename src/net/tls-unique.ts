// The channel binding `tls-unique` of TLS 1.2 (RFC 5929 §3). An attacker between two connections can make them share it
// unless the handshake used the extended master secret (RFC 7627 §1). Node does not report that, but OpenSSL records it
// in the session.

import type { TLSSocket } from 'node:tls';
import { contextTag, decode, decodeAll, TAG } from './der.ts';

/** More fields than the SSL_SESSION of `i2d_SSL_SESSION` in OpenSSL ≥ 1.1.0 has. */
const MAX_FIELDS = 64;
const FLAGS = contextTag(13, true);
const EXTENDED_MASTER_SECRET = 1; // SSL_SESS_FLAG_EXTMS

/**
 * The first Finished message of the handshake, on the server side. Undefined with TLS 1.3 (RFC 9266), and if the
 * extended master secret is not proved.
 */
export function tlsUnique(socket: TLSSocket): Buffer | undefined {
  if (socket.getProtocol() !== 'TLSv1.2') return undefined;
  const session = socket.getSession();
  if (session === undefined || !hasExtendedMasterSecret(session)) return undefined;
  session.fill(0); // It holds the master secret.
  // The client sends the first Finished in a full handshake, the server in a resumed one.
  return socket.isSessionReused() ? socket.getFinished() : socket.getPeerFinished();
}

/** Whether an encoded session has the flag; false if the encoding is unknown. */
export function hasExtendedMasterSecret(session: Buffer): boolean {
  const outer = decode(session);
  if (outer?.tag !== TAG.SEQUENCE) return false;
  const flags = decodeAll(outer.body, MAX_FIELDS).find(({ tag }) => tag === FLAGS);
  const value = flags && decode(flags.body);
  if (value?.tag !== TAG.INTEGER) return false;
  return ((value.body.at(-1) ?? 0) & EXTENDED_MASTER_SECRET) !== 0;
}
