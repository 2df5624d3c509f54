// Starts TLS on existing streams, as client and as server.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import type { Faults } from '../util/faults.ts';
import type { Certificate, CertificateStore } from './certificates.ts';
import { type ClientContextOptions, clientContext } from './client-context.ts';
import { type DaneEndpoint, daneProblem, verifyDane } from './dane.ts';
import { NetError } from './errors.ts';
import { asciiDomain } from './identity.ts';
import { describeTls, shownChain, type TlsInfo } from './tls-info.ts';
import { TLS_POLICY } from './tls-policy.ts';
import { tlsUnique } from './tls-unique.ts';
import { trustedCertificates, trustedRoots } from './trust.ts';

export type { TlsInfo } from './tls-info.ts';

export interface SecureStream {
  socket: tls.TLSSocket;
  info: TlsInfo;
}

export interface ClientTlsOptions extends ClientContextOptions {
  /** The domain of the peer, sent as SNI. */
  servername: string;
  /**
   * From `CertificateStore.clientContextFor`, to avoid parsing for each connection; replaces `certificate` and `ca`.
   */
  context?: tls.SecureContext;
  alpn?: string[];
  /** The DANE requirements; if the certificate does not match the records, the handshake fails. */
  dane?: DaneEndpoint | undefined;
  /** Default 30 s. */
  handshakeTimeoutMs?: number;
  /** Reports exceptions while reading the peer's certificate. */
  faults?: Faults;
}

/** The side of the handshake for a connection that is upgraded. */
export type TlsUpgrade =
  | { side: 'server'; tls: ServerTls /** whose certificate a client without SNI gets */; domain?: string }
  | ({ side: 'client' } & ClientTlsOptions);

export interface ServerTlsOptions {
  /** Supported protocols, preferred first; a client that offers only others is refused. */
  alpn: string[];
  requestCert: boolean;
  /** Default 30 s. */
  handshakeTimeoutMs?: number;
  /** Reports exceptions while reading a client's certificate. */
  faults?: Faults;
}

const HANDSHAKE_TIMEOUT_MS = 30_000;

/** The server side of TLS on accepted streams. */
export class ServerTls {
  readonly #certificates: CertificateStore;
  readonly #options: ServerTlsOptions;
  /** By the certificate for clients without SNI. A reload makes new certificates and thus new servers. */
  readonly #servers = new WeakMap<Certificate, tls.Server>();
  /** Running handshakes, by the addresses and ports of the TCP connection. */
  readonly #handshakes = new Map<string, Settle>();

  constructor(certificates: CertificateStore, options: ServerTlsOptions) {
    this.#certificates = certificates;
    this.#options = options;
  }

  /** Whether a certificate is available. */
  get available(): boolean {
    return this.#certificates.certificates.length > 0;
  }

  /**
   * Runs the handshake. SNI selects the certificate, or `domain` if there is no SNI. `isUpgrade`: up to 64 bytes of white
   * space before the handshake are skipped.
   *
   * @throws NetError 'tls-failed', 'no-certificate'; the socket is then destroyed.
   */
  accept(socket: Duplex, domain?: string, isUpgrade = false): Promise<SecureStream> {
    const certificate =
      (domain === undefined ? undefined : this.#certificates.certificateFor(domain)) ??
      this.#certificates.certificates[0];
    if (certificate === undefined) {
      socket.destroy();
      const reason = 'there is no certificate: add one to the certificates directory';
      return Promise.reject(new NetError('no-certificate', reason));
    }
    const timeoutMs = this.#options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
    const begin: Begin = (settle) => this.#begin(socket, certificate, settle);
    return handshake(socket, timeoutMs, isUpgrade ? afterWhiteSpace(socket, begin) : begin);
  }

  /**
   * Uses a tls.Server, because a bare TLSSocket lacks `authorized` and more. Its results identify only the TCP
   * connection, so a stream that is not a TCP socket gets a server of its own.
   */
  #begin(socket: Duplex, certificate: Certificate, settle: Settle): (() => void) | undefined {
    const key = socket instanceof Socket ? endpoints(socket) : undefined;
    if (key === undefined) {
      this.#makeServer(certificate, () => settle).emit('connection', socket);
      return undefined;
    }
    let server = this.#servers.get(certificate);
    if (server === undefined) {
      server = this.#makeServer(certificate, (secured) => this.#handshakes.get(endpoints(secured) ?? ''));
      this.#servers.set(certificate, server);
    }
    const forget = () => this.#handshakes.delete(key);
    const done: Settle = (result) => {
      forget(); // The handshake may end before `emit` returns.
      settle(result);
    };
    this.#handshakes.set(key, done);
    server.emit('connection', socket);
    return forget;
  }

  /** Makes a server that does not listen. */
  #makeServer(certificate: Certificate, find: (socket: tls.TLSSocket) => Settle | undefined): tls.Server {
    const { alpn, requestCert, faults } = this.#options;
    const roots = () => trustedCertificates(this.#certificates.ca);
    const server = tls.createServer({
      key: certificate.key,
      cert: certificate.cert,
      ...trustedRoots(this.#certificates.ca),
      ...TLS_POLICY,
      honorCipherOrder: true,
      requestCert,
      rejectUnauthorized: false,
      SNICallback: (name, done) => this.#chooseContext(name, done),
      ...(alpn.length > 0 ? { ALPNCallback: chooseProtocol(alpn) } : {}),
    });
    server.on('secureConnection', (socket) => {
      socket.on('error', ignore);
      const info = () => ({ ...describeTls(socket, requestCert, roots), tlsUnique: tlsUnique(socket) });
      find(socket)?.(outcome(faults, () => ({ socket, info: info() })));
    });
    server.on('tlsClientError', (error, socket) => find(socket)?.(error));
    return server;
  }

  #chooseContext(name: string, done: (error: Error | null, context?: tls.SecureContext) => void): void {
    try {
      done(null, this.#certificates.contextFor(name));
    } catch (error) {
      this.#options.faults?.report('connection', error);
      done(error as Error);
    }
  }
}

function chooseProtocol(alpn: readonly string[]): (offer: { protocols: string[] }) => string | undefined {
  return ({ protocols }) => alpn.find((ours) => protocols.includes(ours));
}

/**
 * Runs the handshake as a client. The caller checks the names in the certificate.
 *
 * @throws NetError 'tls-failed', 'dane-mismatch'; the socket is then destroyed.
 */
export function connectTls(socket: Duplex, options: ClientTlsOptions): Promise<SecureStream> {
  const sni = asciiDomain(options.servername); // RFC 6066 §3: A-labels, and no address
  return handshake(socket, options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS, (settle) => {
    const secured = tls.connect({
      socket,
      secureContext: options.context ?? clientContext(options),
      ...(sni === undefined ? {} : { servername: sni }),
      ...(options.alpn === undefined ? {} : { ALPNProtocols: options.alpn }),
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    secured.on('error', settle);
    secured.once('secureConnect', () => settle(outcome(options.faults, () => judged(secured, options))));
    return () => secured.off('error', settle).on('error', ignore);
  });
}

function judged(socket: tls.TLSSocket, { servername, dane }: ClientTlsOptions): SecureStream | NetError {
  const info: TlsInfo = { ...describeTls(socket, true), servername };
  if (dane === undefined) return { socket, info };
  const chain = shownChain(info.peerCertificate);
  const proof = verifyDane(dane, { chain, authorized: info.authorized, now: Date.now() });
  if (proof !== undefined) return { socket, info: { ...info, dane: proof } };
  return dane.records.length > 0 ? new NetError('dane-mismatch', daneProblem(dane)) : { socket, info };
}

type Settle = (result: SecureStream | Error) => void;
/** Starts a handshake; returns a function that removes its listeners. */
type Begin = (settle: Settle) => (() => void) | undefined;

/** An exception while reading the peer's certificate fails the handshake, not the process. */
function outcome(faults: Faults | undefined, read: () => SecureStream | NetError): SecureStream | NetError {
  try {
    return read();
  } catch (error) {
    faults?.report('connection', error);
    return new NetError('tls-failed', "the peer's certificate could not be read", { cause: error });
  }
}

/** Runs one handshake until success, error, close or timeout. */
function handshake(socket: Duplex, timeoutMs: number, begin: Begin): Promise<SecureStream> {
  // A peer that ends its side during the handshake has given up; a half-open socket would wait until the timeout.
  const isHalfOpen = socket.allowHalfOpen;
  socket.allowHalfOpen = false;
  return new Promise((resolve, reject) => {
    let cleanUp: (() => void) | undefined;
    const settle: Settle = (result) => {
      clearTimeout(timer);
      socket.off('close', onClose);
      cleanUp?.();
      if (result instanceof Error) {
        socket.destroy();
        reject(failureOf(result));
      } else resolve(joined(socket, result, isHalfOpen));
    };
    const onClose = () => settle(new Error('the peer closed the connection'));
    const timer = setTimeout(
      () => settle(new Error(`no answer within ${timeoutMs / 1000} s`)),
      timeoutMs,
    ).unref();
    socket.on('error', ignore);
    socket.once('close', onClose);
    if (socket.destroyed) return onClose();
    cleanUp = begun(begin, settle);
  });
}

/** More than any client sends: go-xmpp ends `<starttls/>` with one line feed. */
const MAX_SPACE_BYTES = 64;

/**
 * Begins a handshake behind white space, which RFC 6120 §5.3.3 forbids after `<starttls/>` and some clients send in a packet
 * of its own. No handshake begins with white space, and it carries nothing; other bytes in the clear fail the handshake.
 */
function afterWhiteSpace(socket: Duplex, begin: Begin): Begin {
  return (settle) => {
    let skipped = 0;
    let cleanUp: ReturnType<Begin>;
    const look = (): void => {
      for (let chunk = read(socket); chunk !== null; chunk = read(socket)) {
        const start = chunk.findIndex((byte) => !isSpace(byte));
        skipped += start === -1 ? chunk.length : start;
        if (skipped > MAX_SPACE_BYTES) return settle(new Error('white space in place of a handshake'));
        if (start === -1) continue;
        socket.off('readable', look);
        socket.unshift(chunk.subarray(start));
        cleanUp = begun(begin, settle);
        return;
      }
    };
    socket.on('readable', look);
    return () => {
      socket.off('readable', look);
      cleanUp?.();
    };
  };
}

function read(socket: Duplex): Buffer | null {
  return socket.read() as Buffer | null;
}

/** XML 1.0 §2.3. */
export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x9 || byte === 0xa || byte === 0xd;
}

function begun(begin: Begin, settle: Settle): ReturnType<Begin> {
  try {
    return begin(settle);
  } catch (error) {
    settle(error instanceof Error ? error : new Error(String(error)));
    return undefined;
  }
}

function failureOf(error: Error): NetError {
  return error instanceof NetError ? error : new NetError('tls-failed', inWords(error), { cause: error });
}

/** Makes both layers end together, and gives both the half-open mode that the lower one had before. */
function joined(socket: Duplex, secure: SecureStream, isHalfOpen: boolean): SecureStream {
  socket.allowHalfOpen = isHalfOpen;
  secure.socket.allowHalfOpen = isHalfOpen;
  // If the lower layer is not a socket, it is not closed automatically.
  secure.socket.once('close', () => socket.destroy());
  return secure;
}

function endpoints(socket: Socket): string | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

function inWords(error: Error & { reason?: string; code?: string }): string {
  if (error.code === 'ECONNRESET') return 'TLS handshake failed: the peer closed the connection';
  return `TLS handshake failed: ${error.reason ?? error.message}`;
}

function ignore(): void {}
