// Opens ports and accepts connections.

import { createServer, isIP, type Server, type Socket } from 'node:net';
import type { Clock } from '../util/clock.ts';
import type { Faults } from '../util/faults.ts';
import { hostAndPort, limitKey, plainAddress } from './address.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import type { ConnectionRate } from './connection-rate.ts';
import { NetError, reasonOf } from './errors.ts';
import type { SecureStream, ServerTls } from './tls.ts';

export interface ListenerOptions {
  /** IP addresses; "*" is every address of both families. */
  interfaces: readonly string[];
  /** 0 lets the system choose. */
  ports: readonly number[];
  /** If set, connections use direct TLS, and the handler gets them after the handshake. */
  tls?: ServerTls;
  /** The most open connections of one address (IPv6: one /64 network), including handshakes. Default 100. */
  maxPerAddress?: number;
  /** Addresses without that limit. */
  isExempt?(address: string): boolean;
  /** Limit on new connections, shared by several listeners. Default: no limit. */
  rate?: ConnectionRate | undefined;
  /** Passed on to each connection, as are the next two. */
  maxQueuedBytes?: number;
  clock?: Clock;
  faults?: Faults;
  /** Must set the connection's handler before it returns. */
  onConnection(connection: Connection): void;
  /** Called for a refused peer: too many open or new connections, or a failed handshake. */
  onRefused?(reason: NetError, remoteAddress: string): void;
}

const MAX_PER_ADDRESS = 100;

/** A set of open ports with the same options. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #servers: Server[] = [];
  readonly #connectionsOf = new Map<string, number>();
  /** Accepted sockets that wait for the rate limit or for their TLS handshake. */
  readonly #pending = new Set<Socket>();

  private constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** @throws NetError 'listen-failed'; then all ports are closed again. */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    try {
      for (const port of options.ports) await listener.#openPort(port);
    } catch (error) {
      await listener.close();
      throw error;
    }
    return listener;
  }

  /** The open addresses, for logs. */
  get addresses(): { address: string; port: number }[] {
    return this.#servers.flatMap((server) => {
      const at = server.address();
      return at === null || typeof at === 'string' ? [] : [{ address: at.address, port: at.port }];
    });
  }

  /** Stops accepting connections; accepted ones stay with their owners. */
  async close(): Promise<void> {
    for (const socket of this.#pending) socket.destroy();
    for (const server of this.#servers.splice(0)) server.close();
  }

  async #openPort(port: number): Promise<void> {
    const missing: NetError[] = [];
    let opened = 0;
    for (const name of this.#options.interfaces) {
      try {
        await this.#openOne(name, port);
        opened++;
      } catch (error) {
        // A machine without IPv6 may skip "::1" if it listens on another address.
        if (!(error instanceof NetError) || name !== '::1' || !isFamilyMissing(error.cause)) throw error;
        missing.push(error);
      }
    }
    if (opened === 0 && missing[0] !== undefined) throw missing[0];
  }

  async #openOne(name: string, port: number): Promise<void> {
    try {
      if (name !== '*' && isIP(name) === 0) throw new Error('it is neither an IP address nor "*"');
      this.#servers.push(await this.#listen(name === '*' ? '::' : name, port));
    } catch (error) {
      if (name === '*' && isFamilyMissing(error)) return this.#openOne('0.0.0.0', port);
      throw new NetError('listen-failed', whyClosed(name, port, error), { permanent: true, cause: error });
    }
  }

  #listen(host: string, port: number): Promise<Server> {
    return new Promise((resolve, reject) => {
      // Half-open, so that queued data is still sent after the peer ends its side (see connection.ts).
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
        try {
          this.#accept(socket);
        } catch (error) {
          this.#failed(error, socket);
        }
      });
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject);
        server.on('error', (error) => this.#refuse('listen-failed', reasonOf(error), host));
        resolve(server);
      });
    });
  }

  #accept(socket: Socket): void {
    if (socket.remoteAddress === undefined) {
      socket.destroy(); // closed already
      return;
    }
    const address = plainAddress(socket.remoteAddress);
    socket.on('error', () => {});
    if (!this.#count(socket, address)) {
      socket.destroy();
      this.#refuse('too-many-connections', `${address} has too many connections open`, address);
      return;
    }
    if (this.#options.rate === undefined) this.#begin(socket, address);
    else this.#queue(socket, address, this.#options.rate);
  }

  /** Makes a connection wait for the rate limit. It is not read meanwhile. */
  #queue(socket: Socket, address: string, rate: ConnectionRate): void {
    let state: 'new' | 'waiting' | 'decided' = 'new';
    this.#pending.add(socket);
    rate.enter(address, {
      admit: () => {
        this.#pending.delete(socket);
        if (state === 'waiting') return this.#beginLater(socket, address);
        state = 'decided';
        this.#begin(socket, address);
      },
      refuse: () => {
        state = 'decided';
        this.#pending.delete(socket);
        socket.destroy();
        this.#refuse('too-many-connections', `${address} connects too often`, address);
      },
    });
    if (state !== 'new') return;
    state = 'waiting';
    socket.pause();
  }

  #beginLater(socket: Socket, address: string): void {
    if (socket.destroyed) return;
    try {
      this.#begin(socket, address);
    } catch (error) {
      this.#failed(error, socket);
    }
  }

  #begin(socket: Socket, address: string): void {
    const { tls } = this.#options;
    if (tls === undefined)
      this.#options.onConnection(new Connection(socket, this.#connectionOptions(address)));
    else this.#secure(socket, address, tls).catch((error) => this.#failed(error, socket));
  }

  async #secure(socket: Socket, address: string, tls: ServerTls): Promise<void> {
    const secured = await this.#shakeHands(socket, address, tls);
    if (secured === undefined) return;
    const options = { ...this.#connectionOptions(address), tls: secured.info, socket };
    this.#options.onConnection(new Connection(secured.socket, options));
  }

  /** Reports an exception and closes its connection. */
  #failed(error: unknown, socket: Socket): void {
    socket.destroy();
    if (this.#options.faults === undefined) throw error;
    this.#options.faults.report('connection', error, {
      address: plainAddress(socket.remoteAddress ?? 'unknown'),
    });
  }

  async #shakeHands(socket: Socket, address: string, tls: ServerTls): Promise<SecureStream | undefined> {
    this.#pending.add(socket);
    try {
      return await tls.accept(socket);
    } catch (error) {
      const reason = error instanceof NetError ? error : new NetError('tls-failed', reasonOf(error));
      this.#options.onRefused?.(reason, address);
      return undefined;
    } finally {
      this.#pending.delete(socket);
    }
  }

  #connectionOptions(remoteAddress: string): ConnectionOptions {
    const { maxQueuedBytes, clock, faults } = this.#options;
    return {
      remoteAddress,
      faults,
      ...(maxQueuedBytes === undefined ? {} : { maxQueuedBytes }),
      ...(clock === undefined ? {} : { clock }),
    };
  }

  /** Returns whether the address may open one more connection, and counts the connection until it closes. */
  #count(socket: Socket, address: string): boolean {
    if (this.#options.isExempt?.(address)) return true;
    const key = limitKey(address);
    const open = this.#connectionsOf.get(key) ?? 0;
    if (open >= (this.#options.maxPerAddress ?? MAX_PER_ADDRESS)) return false;
    this.#connectionsOf.set(key, open + 1);
    socket.once('close', () => {
      const left = (this.#connectionsOf.get(key) ?? 1) - 1;
      if (left === 0) this.#connectionsOf.delete(key);
      else this.#connectionsOf.set(key, left);
    });
    return true;
  }

  #refuse(code: 'too-many-connections' | 'listen-failed', message: string, address: string): void {
    this.#options.onRefused?.(new NetError(code, message), address);
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function isFamilyMissing(error: unknown): boolean {
  return ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(codeOf(error) ?? '');
}

function whyClosed(name: string, port: number, error: unknown): string {
  const where = `port ${port} on ${name}`;
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `${where} is in use by another program; stop that one, or configure another port`;
    case 'EACCES':
      return `${where} may not be opened by this user; ports below 1024 need a privilege (CAP_NET_BIND_SERVICE)`;
    case 'EADDRNOTAVAIL':
      return `${where} cannot be opened: this machine has no address ${name}; correct the interfaces`;
    default:
      return `${hostAndPort(name, port)} cannot be opened: ${reasonOf(error)}`;
  }
}
