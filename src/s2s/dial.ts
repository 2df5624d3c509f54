// Connects to another server: SRV records or its name, the first address that answers, direct TLS where the record says so
// (RFC 6120 §3.2, XEP-0368), and its TLSA records (RFC 7673).

import type { Socket } from 'node:net';
import type { Config } from '../config/config.ts';
import type { ServerContext } from '../core/context.ts';
import { hostAndPort } from '../net/address.ts';
import type { CertificateStore } from '../net/certificates.ts';
import { connectTcp } from '../net/connect.ts';
import { Connection } from '../net/connection.ts';
import { daneEndpoint } from '../net/dane.ts';
import { Resolver } from '../net/dns.ts';
import { NetError, reasonOf } from '../net/errors.ts';
import { type Target, targetsFor } from '../net/srv.ts';
import { connectTls } from '../net/tls.ts';
import type { Clock } from '../util/clock.ts';
import { BoundedMap } from '../util/flow/index.ts';

/** The limit of one dial: look-ups, connection attempts and handshakes of direct TLS together. */
const CONNECT_TIMEOUT_MS = 20_000;
const HANDSHAKE_TIMEOUT_MS = 8_000;
/** How long a target is tried last after TLS with it has failed. */
const SUSPECT_MS = 10 * 60_000;
const MAX_SUSPECTS = 1_000;

/**
 * Opens a connection to the server of `remote` for our domain `local`. The connection may use TLS already, and has the TLSA
 * records for its certificate.
 *
 * @throws NetError
 */
export type Dial = (remote: string, signal: AbortSignal, local: string) => Promise<Connection>;

export function resolverFor({ core }: Config): Resolver {
  return new Resolver({ servers: core.dns_servers, believesAll: core.dane === 'always' });
}

type DialContext = Pick<ServerContext, 'config' | 'clock' | 'faults'>;

/** Dials by DNS and TCP. */
export function dialer(context: DialContext, certificates: CertificateStore, resolver: Resolver): Dial {
  const suspects = new Suspects(context.clock);
  const usesDane = context.config.core.dane !== 'never';
  const options = { ...context, resolver, certificates, suspects, usesDane };
  return (remote, signal, local) => new DialAttempt(options, remote, local, signal).run();
}

interface DialOptions extends DialContext {
  resolver: Resolver;
  certificates: CertificateStore;
  suspects: Suspects;
  usesDane: boolean;
}

/**
 * Targets with which TLS has failed. STARTTLS fails only after the connection has been returned, so only the next dial can
 * begin with another target.
 */
export class Suspects {
  readonly #clock: Clock;
  readonly #until = new BoundedMap<string, number>(MAX_SUSPECTS);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(remote: string, target: Target): void {
    this.#until.set(keyOf(remote, target), this.#clock.elapsed() + SUSPECT_MS);
  }

  /** The same targets, suspects last. */
  order(remote: string, targets: readonly Target[]): Target[] {
    const now = this.#clock.elapsed();
    const isSuspect = (target: Target): boolean => (this.#until.get(keyOf(remote, target)) ?? 0) > now;
    return [...targets].sort((a, b) => Number(isSuspect(a)) - Number(isSuspect(b)));
  }
}

function keyOf(remote: string, { host, port, directTls }: Target): string {
  return `${remote} ${host} ${port} ${directTls}`;
}

/** One dial: tries the targets of a remote until one has a usable connection. */
class DialAttempt {
  readonly #options: DialOptions;
  readonly #remote: string;
  readonly #local: string;
  readonly #signal: AbortSignal;
  readonly #deadline: number;
  readonly #failures: string[] = [];

  constructor(options: DialOptions, remote: string, local: string, signal: AbortSignal) {
    this.#options = options;
    this.#remote = remote;
    this.#local = local;
    this.#signal = signal;
    this.#deadline = options.clock.elapsed() + CONNECT_TIMEOUT_MS;
  }

  /** `connectTcp` skips targets that refuse connections; this loop skips those that accept one but fail at TLS. */
  async run(): Promise<Connection> {
    const { resolver, suspects, clock, config } = this.#options;
    const found = await this.#inTime(targetsFor(resolver, this.#remote, 'xmpp-server'));
    let targets = suspects.order(this.#remote, found);
    for (;;) {
      const { socket, target } = await connectTcp(targets, {
        resolver,
        clock,
        refused: config.core.s2s_refused_addresses,
        wanted: this.#remote,
        timeoutMs: this.#restMs,
        signal: this.#signal,
        earlierFailures: this.#failures,
      });
      try {
        return await this.#use(socket, target);
      } catch (error) {
        socket.destroy();
        if (this.#signal.aborted) throw error;
        suspects.add(this.#remote, target);
        this.#failures.push(`${hostAndPort(target.host, target.port)}: ${reasonOf(error)}`);
        targets = targets.filter((other) => other !== target);
        // The error of a single target says more than a summary.
        if (targets.length === 0 && this.#failures.length === 1) throw error;
      }
    }
  }

  get #restMs(): number {
    return Math.max(0, this.#deadline - this.#options.clock.elapsed());
  }

  /** Waits for a look-up. @throws NetError at the deadline or when the dial is aborted; errors of the look-up */
  #inTime<T>(lookup: Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const late = () =>
      reject(new NetError('dns-failed', `the DNS did not answer within ${CONNECT_TIMEOUT_MS / 1_000} s`));
    const givenUp = () => reject(new NetError('closed', 'given up'));
    const timer = this.#options.clock.after(this.#restMs, late);
    this.#signal.addEventListener('abort', givenUp, { once: true });
    if (this.#signal.aborted) givenUp();
    lookup.then(resolve, reject);
    return promise.finally(() => {
      timer.cancel();
      this.#signal.removeEventListener('abort', givenUp);
    });
  }

  /** Makes a connection of a TCP socket: looks up its TLSA records, and does the handshake of direct TLS. @throws NetError */
  async #use(socket: Socket, target: Target): Promise<Connection> {
    const { resolver, certificates, suspects, usesDane, clock, faults } = this.#options;
    const dane = usesDane ? await this.#inTime(daneEndpoint(resolver, this.#remote, target)) : undefined;
    if (socket.destroyed)
      throw new NetError('closed', 'the connection broke while its TLSA records were looked up');
    if (!target.directTls) {
      const onTlsFailed = () => suspects.add(this.#remote, target);
      return new Connection(socket, { dane, onTlsFailed, clock, faults });
    }
    const end = (): void => void socket.destroy();
    this.#signal.addEventListener('abort', end, { once: true });
    try {
      if (this.#signal.aborted) throw new NetError('closed', 'given up');
      const { socket: secured, info } = await connectTls(socket, {
        servername: this.#remote,
        context: certificates.clientContextFor(this.#local),
        alpn: ['xmpp-server'],
        dane,
        handshakeTimeoutMs: Math.min(HANDSHAKE_TIMEOUT_MS, this.#restMs),
        faults,
      });
      return new Connection(secured, { tls: info, socket, dane, clock, faults });
    } finally {
      this.#signal.removeEventListener('abort', end);
    }
  }
}
