// How another server is reached: SRV records or its name, the first address that answers, TLS at once where the record
// says so (RFC 6120 §3.2, XEP-0368), and what the DNS says of its certificate (RFC 7673).

import type { Socket } from 'node:net';
import type { Config } from '../config/config.ts';
import { hostAndPort } from '../net/address.ts';
import type { CertificateStore } from '../net/certificates.ts';
import { connectTcp } from '../net/connect.ts';
import { Connection } from '../net/connection.ts';
import { daneEndpoint } from '../net/dane.ts';
import { Resolver } from '../net/dns.ts';
import { NetError, reasonOf } from '../net/errors.ts';
import { type Target, targetsFor } from '../net/srv.ts';
import { connectTls } from '../net/tls.ts';

/** From the first connection attempt on, handshakes of direct TLS included. */
const CONNECT_TIMEOUT_MS = 20_000;
const HANDSHAKE_TIMEOUT_MS = 8_000;

/**
 * Opens a connection to the server of a domain, in the name of one of ours (`local`). It may use TLS already, and knows
 * what its certificate must be.
 *
 * @throws NetError
 */
export type Dial = (remote: string, signal: AbortSignal, local: string) => Promise<Connection>;

/** Dials by DNS and TCP. */
export function dialer({ core }: Config, certificates: CertificateStore): Dial {
  const resolver = new Resolver({ servers: core.dns_servers, believesAll: core.dane === 'always' });
  const options = { resolver, certificates, usesDane: core.dane !== 'never' };
  return (remote, signal, local) => new Call(options, remote, local, signal).run();
}

interface CallOptions {
  resolver: Resolver;
  certificates: CertificateStore;
  usesDane: boolean;
}

class Call {
  readonly #options: CallOptions;
  readonly #remote: string;
  readonly #local: string;
  readonly #signal: AbortSignal;
  readonly #failures: string[] = [];

  constructor(options: CallOptions, remote: string, local: string, signal: AbortSignal) {
    this.#options = options;
    this.#remote = remote;
    this.#local = local;
    this.#signal = signal;
  }

  /** A target that can be reached and not be used is followed by the others. */
  async run(): Promise<Connection> {
    const { resolver } = this.#options;
    let targets = await targetsFor(resolver, this.#remote, 'xmpp-server');
    const deadline = performance.now() + CONNECT_TIMEOUT_MS;
    for (;;) {
      const { socket, target } = await connectTcp(targets, {
        resolver,
        timeoutMs: Math.max(0, deadline - performance.now()),
        signal: this.#signal,
        earlierFailures: this.#failures,
      });
      try {
        return await this.#use(socket, target);
      } catch (error) {
        socket.destroy();
        this.#failures.push(`${hostAndPort(target.host, target.port)}: ${reasonOf(error)}`);
        targets = targets.filter((other) => other !== target);
        // The only one: its own words, and its own code, say more than "nothing could be reached".
        if (targets.length === 0 && this.#failures.length === 1) throw error;
      }
    }
  }

  async #use(socket: Socket, target: Target): Promise<Connection> {
    const { resolver, certificates, usesDane } = this.#options;
    const dane = usesDane ? await daneEndpoint(resolver, this.#remote, target) : undefined;
    if (!target.directTls) return new Connection(socket, { dane });
    const end = (): void => void socket.destroy();
    this.#signal.addEventListener('abort', end, { once: true });
    try {
      if (this.#signal.aborted) throw new NetError('closed', 'given up');
      const { socket: secured, info } = await connectTls(socket, {
        servername: this.#remote,
        context: certificates.clientContextFor(this.#local),
        alpn: ['xmpp-server'],
        dane,
        handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
      });
      return new Connection(secured, { tls: info, dane });
    } finally {
      this.#signal.removeEventListener('abort', end);
    }
  }
}
