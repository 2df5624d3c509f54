// The TLS versions and cipher suites that both sides of a connection may negotiate (RFC 7590 §3, RFC 9325).

import { constants } from 'node:crypto';

/**
 * For every secure context, because the context selected by SNI has its own list of ciphers. TLS 1.2 only with forward
 * secrecy and authenticated encryption (RFC 9325 §4.1, §4.2); Node has no compression (§3.3).
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
   * No renegotiation (RFC 9325 §3.5). No tickets, hence no resumption: ticket keys would live as long as the process
   * (§3.4), and a resumed session has an old verification result of the peer's certificate and lacks our certificate,
   * which tls-server-end-point needs (RFC 5929 §4.1). With TLS 1.3 resumption would not save a round trip.
   */
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
} as const;
