// The properties of a TLS connection after its handshake.

import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { leadsToRoot } from './certificate-path.ts';
import type { DaneProof } from './dane.ts';
import { reasonOf } from './errors.ts';

/** The result of a TLS handshake. */
export interface TlsInfo {
  /** 'TLSv1.3' or 'TLSv1.2'. */
  protocol: string;
  /** Name of the cipher suite. */
  cipher: string;
  /** Server side: the name the client asked for (SNI). Client side: the name we asked for. */
  servername: string | undefined;
  alpn: string | undefined;
  /** Undefined if the peer sent no certificate. */
  peerCertificate: X509Certificate | undefined;
  /** Whether the chain is valid. `certificateMatches` checks the names. */
  authorized: boolean;
  authorizationError: string | undefined;
  /** Proof by the DNS, which authenticates a domain independent of `authorized`. */
  dane?: DaneProof;
  /** RFC 9266: label 'EXPORTER-Channel-Binding', 32 bytes; the context is the empty string. */
  exportKeyingMaterial(length: number, label: string): Buffer;
  /** RFC 5929 §3; server side with TLS 1.2 and the extended master secret only. */
  tlsUnique?: Buffer | undefined;
  /** Our own certificate, for tls-server-end-point (RFC 5929 §4). */
  localCertificateDer: Buffer | undefined;
}

/**
 * Reads the properties of a socket. A certificate that was not requested has not been verified, and is left out.
 * `roots`: the authorities for certificates of servers that connect to us.
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
    // With an empty context, which in TLS 1.2 differs from no context (RFC 5705 §4).
    exportKeyingMaterial: (length, label) => socket.exportKeyingMaterial(length, label, Buffer.alloc(0)),
    localCertificateDer: socket.getX509Certificate()?.raw,
  };
}

/**
 * Whether the peer is a server that connects to us with a valid certificate. Public authorities issue certificates for
 * servers only. OpenSSL checks the certificate as that of a client and reports only this error, so the chain is checked
 * again here.
 */
function isServerThatCalls(
  socket: TLSSocket,
  certificate: X509Certificate,
  roots: (() => readonly X509Certificate[]) | undefined,
): boolean {
  const isPurpose = whyNot(socket, certificate) === 'INVALID_PURPOSE';
  return isPurpose && roots !== undefined && leadsToRoot(shownChain(certificate), roots(), Date.now());
}

/** The certificates that the peer sent, its own first, the others in the order received. Their links are not proof. */
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
  if (certificate === undefined) return 'the peer sent no certificate';
  // Declared as an Error, but usually the code of an error.
  const error: unknown = socket.authorizationError;
  return typeof error === 'string' ? error : reasonOf(error ?? 'not verified');
}
