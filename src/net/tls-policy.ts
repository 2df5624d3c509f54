// What a TLS handshake may agree on, whichever side we are on (RFC 7590 §3, which points to RFC 9325).

import { constants } from 'node:crypto';

/**
 * For every secure context: the one that a name picks (SNI) brings its own list of ciphers. TLS 1.2 with forward
 * secrecy and authenticated encryption only (RFC 9325 §4.1, §4.2); compression is not built in (§3.3).
 */
export const TLS_POLICY = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  /**
   * No renegotiation (RFC 9325 §3.5). No tickets, and so no resumption: their keys would live as long as the process
   * (§3.4), a resumed session carries an old verdict on the peer's certificate, and does not know which of ours it was
   * made with, which tls-server-end-point depends on (RFC 5929 §4.1). With TLS 1.3 it would save no round trip.
   */
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
} as const;
