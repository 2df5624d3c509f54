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
  /** RFC 9325 §3.5: an XMPP server has no use for renegotiation. */
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
} as const;
