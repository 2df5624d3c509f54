// Whose certificate is it? Names in certificates, compared as RFC 6125/9525 and RFC 6120 §13.7 say.

import type { X509Certificate } from 'node:crypto';

export interface CertificateIdentities {
  dns: string[];
  xmppAddr: string[];
  srv: string[];
}

export function certificateIdentities(_certificate: X509Certificate): CertificateIdentities {
  throw new Error('not yet');
}

export function certificateMatches(
  _certificate: X509Certificate,
  _domain: string,
  _service: 'xmpp-server' | 'xmpp-client',
): boolean {
  throw new Error('not yet');
}
