// What is known of a TLS connection once its handshake is done.

import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { leadsToRoot } from './certificate-path.ts';
import type { DaneProof } from './dane.ts';
import { reasonOf } from './errors.ts';

/** What a TLS handshake established. */
export interface TlsInfo {
  /** 'TLSv1.3' or 'TLSv1.2'. */
  protocol: string;
  /** Name of the cipher suite. */
  cipher: string;
  /** Server side: the name the client asked for (SNI). Client side: the name we asked for. */
  servername: string | undefined;
  alpn: string | undefined;
  /** Undefined when the peer showed none. */
  peerCertificate: X509Certificate | undefined;
  /** Validity of the chain only; whose certificate it is, `certificateMatches` tells. */
  authorized: boolean;
  authorizationError: string | undefined;
  /** The DNS vouches for the certificate: it proves a domain, whatever `authorized` says. */
  dane?: DaneProof;
  /** RFC 9266: label 'EXPORTER-Channel-Binding', 32 bytes; the context is the empty string. */
  exportKeyingMaterial(length: number, label: string): Buffer;
  /** RFC 5929 §3; server side with TLS 1.2 and the extended master secret only. */
  tlsUnique?: Buffer | undefined;
  /** What we showed, for tls-server-end-point (RFC 5929 §4). */
  localCertificateDer: Buffer | undefined;
}

/**
 * Reads it off a socket. A certificate that was not asked for cannot have been verified, and is not shown. `roots`: of
 * whom a client may show the certificate of a server.
 */
export function describeTls(
  socket: TLSSocket,
  askedForCertificate: boolean,
  roots?: () => readonly X509Certificate[],
): TlsInfo {
  const peerCertificate = askedForCertificate ? socket.getPeerX509Certificate() : undefined;
  const authorized =
    peerCertificate !== undefined && (socket.authorized || isServerThatCalls(socket, peerCertificate, roots));
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().standardName,
    servername: sniOf(socket),
    alpn: socket.alpnProtocol || undefined,
    peerCertificate,
    authorized,
    authorizationError: authorized ? undefined : whyNot(socket, peerCertificate),
    // With an empty context, not without one: TLS 1.2 tells the two apart (RFC 5705 §4).
    exportKeyingMaterial: (length, label) => socket.exportKeyingMaterial(length, label, Buffer.alloc(0)),
    localCertificateDer: socket.getX509Certificate()?.raw,
  };
}

/**
 * Public authorities make certificates for servers alone. A server that calls another one is a client in the eyes of
 * the library, which so refuses them, and forgets over it whatever else was wrong: all has to be judged anew.
 */
function isServerThatCalls(
  socket: TLSSocket,
  certificate: X509Certificate,
  roots: (() => readonly X509Certificate[]) | undefined,
): boolean {
  const isPurpose = whyNot(socket, certificate) === 'INVALID_PURPOSE';
  return isPurpose && roots !== undefined && leadsToRoot(shownChain(certificate), roots(), Date.now());
}

/** What the peer showed, its own certificate first, then the others as they came; their links prove nothing. */
export function shownChain(peerCertificate: X509Certificate | undefined): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next = peerCertificate; next !== undefined; next = next.issuerCertificate) chain.push(next);
  return chain;
}

function sniOf(socket: TLSSocket): string | undefined {
  const name: unknown = Reflect.get(socket, 'servername');
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function whyNot(socket: TLSSocket, certificate: X509Certificate | undefined): string {
  if (certificate === undefined) return 'no certificate was shown';
  // Declared as an Error, in truth mostly its code.
  const error: unknown = socket.authorizationError;
  return typeof error === 'string' ? error : reasonOf(error ?? 'not verified');
}
