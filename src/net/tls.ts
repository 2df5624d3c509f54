// TLS on streams that already exist, for both sides.

import type { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { CertificateStore } from './certificates.ts';

/** What a TLS handshake established. */
export interface TlsInfo {
  /** 'TLSv1.3' or 'TLSv1.2'. */
  protocol: string;
  cipher: string;
  /** Server side: the name the client asked for (SNI). Client side: the name we asked for. */
  servername: string | undefined;
  alpn: string | undefined;
  /** Undefined when the peer showed none. */
  peerCertificate: X509Certificate | undefined;
  /** Validity of the chain only; whose certificate it is, `certificateMatches` tells. */
  authorized: boolean;
  authorizationError: string | undefined;
  /** RFC 9266: label 'EXPORTER-Channel-Binding', 32 bytes, empty context. */
  exportKeyingMaterial(length: number, label: string): Buffer;
  /** What we showed, for tls-server-end-point (RFC 5929 §4). */
  localCertificateDer: Buffer | undefined;
}

export interface SecureStream {
  socket: TLSSocket;
  info: TlsInfo;
}

export interface ClientTlsOptions {
  /** The domain that the peer must prove to be; sent as SNI. */
  servername: string;
  /** What we show when asked (SASL EXTERNAL between servers). PEM. */
  certificate?: { key: string; cert: string };
  alpn?: string[];
  /** PEM certificates trusted besides the well-known ones. */
  ca?: readonly string[];
  /** Default 30 s. */
  handshakeTimeoutMs?: number;
}

/** Which side of the handshake a connection takes when it is upgraded. */
export type TlsUpgrade =
  | { side: 'server'; tls: ServerTls /** shown to a client that sends no SNI */; domain?: string }
  | ({ side: 'client' } & ClientTlsOptions);

export interface ServerTlsOptions {
  /** Protocols we speak, preferred first; a client that offers only others is refused. */
  alpn: string[];
  requestCert: boolean;
  /** Default 30 s. */
  handshakeTimeoutMs?: number;
}

/** The server side of TLS for streams that were accepted elsewhere. */
export class ServerTls {
  constructor(_certificates: CertificateStore, _options: ServerTlsOptions) {}
  /**
   * Shakes hands; the certificate goes by SNI, without it by `domain`.
   *
   * @throws NetError 'tls-failed', 'no-certificate'; the socket is then destroyed.
   */
  accept(_socket: Duplex, _domain?: string): Promise<SecureStream> {
    throw new Error('not yet');
  }
}

/** Shakes hands as a client. @throws NetError 'tls-failed'; the socket is then destroyed. */
export function connectTls(_socket: Duplex, _options: ClientTlsOptions): Promise<SecureStream> {
  throw new Error('not yet');
}
