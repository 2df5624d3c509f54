// Binds a SASL exchange to its TLS connection (RFC 5056), against attackers between the two ends.

import { createHash } from 'node:crypto';
import { signatureHash } from '../net/signature-hash.ts';
import type { TlsInfo } from '../net/tls.ts';
import type { ChannelBindings } from '../sasl/mechanism.ts';
import { type Element, xml } from '../xml/element.ts';

const NONE: ChannelBindings = new Map();
const XMLNS = 'urn:xmpp:sasl-cb:0';

/** The channel-binding types of a connection, with their data; empty without TLS. */
export function channelBindings(tls: TlsInfo | undefined): ChannelBindings {
  if (tls === undefined) return NONE;
  const bindings = new Map<string, Buffer>();
  // RFC 9266: tls-exporter replaces tls-unique, which is the default up to TLS 1.2 (RFC 5802 §6.1).
  if (tls.tlsUnique) bindings.set('tls-unique', tls.tlsUnique);
  if (tls.protocol === 'TLSv1.3') {
    bindings.set('tls-exporter', tls.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding'));
  }
  const endPoint = tls.localCertificateDer && serverEndPoint(tls.localCertificateDer);
  if (endPoint) bindings.set('tls-server-end-point', endPoint);
  return bindings;
}

/** XEP-0440 §2. */
export function channelBindingFeature(bindings: ChannelBindings): Element | undefined {
  if (bindings.size === 0) return undefined;
  const types = [...bindings.keys()].map((type) => xml('channel-binding', { type }));
  return xml('sasl-channel-binding', XMLNS, ...types);
}

/** RFC 5929 §4.1: the certificate's hash, by the hash function of its signature; by SHA-256 instead of MD5 and SHA-1. */
function serverEndPoint(certificate: Buffer): Buffer | undefined {
  const hash = signatureHash(certificate);
  if (hash === undefined) return undefined; // For other signatures the RFC defines no hash function.
  return createHash(hash === 'md5' || hash === 'sha1' ? 'sha256' : hash)
    .update(certificate)
    .digest();
}
