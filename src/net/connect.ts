// Connects to the first target that answers (RFC 8305, "happy eyeballs").

import { connect, isIP, type Socket } from 'node:net';
import { type Clock, systemClock, type Timer } from '../util/clock.ts';
import { hostAndPort } from './address.ts';
import { AddressFeed } from './address-feed.ts';
import { type Address, isLocalhost, type Resolver } from './dns.ts';
import { NetError, reasonOf } from './errors.ts';
import { isRefused, type RefusedAddresses } from './refused-addresses.ts';
import type { Target } from './srv.ts';

export interface ConnectOptions {
  resolver: Resolver;
  /** The limit for all attempts together. */
  timeoutMs: number;
  /** Aborting ends all attempts. */
  signal?: AbortSignal;
  /** Addresses to skip if they come from the DNS, or if the name itself is an address. */
  refused?: RefusedAddresses;
  /** The domain whose entry in the hosts file is never skipped; other names may have come from the DNS. */
  wanted?: string;
  /** Earlier failures, to be included in the error. */
  earlierFailures?: readonly string[];
  /** Opens a socket; default: with the system. */
  dial?(address: string, port: number): Socket;
  clock?: Clock;
}

export interface Connected {
  socket: Socket;
  target: Target;
}

/** RFC 8305 §5, "Connection Attempt Delay". */
const NEXT_ADDRESS_MS = 250;
/** The delay before another target: it has lower priority than the first, which gets more time (RFC 2782). */
const NEXT_TARGET_MS = 3_000;
const MAX_ATTEMPTS = 24;

/**
 * Dials the targets in order, IPv6 and IPv4 in turn. The next attempt starts when the last one fails or takes long. The
 * first established connection belongs to the caller.
 *
 * @throws NetError 'connect-failed' with the reason for each target.
 */
export function connectTcp(targets: readonly Target[], options: ConnectOptions): Promise<Connected> {
  return new Race(targets, options).run();
}

interface Candidate extends Address {
  target: Target;
}

class Race {
  readonly #options: ConnectOptions;
  readonly #clock: Clock;
  readonly #candidates: AsyncGenerator<Candidate>;
  readonly #dialling = new Set<Socket>();
  readonly #failures: string[];
  readonly #result = Promise.withResolvers<Connected>();
  #isOver = false;
  #isExhausted = false;
  #isFetching = false;
  #nextTimer: Timer | undefined;
  #lastDialled: { target: Target; at: number } | undefined;
  /** The next candidate, held back because it belongs to another target and the present one has time left. */
  #held: Candidate | undefined;

  constructor(targets: readonly Target[], options: ConnectOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#failures = [...(options.earlierFailures ?? [])];
    this.#candidates = this.#find(targets);
  }

  async run(): Promise<Connected> {
    const { timeoutMs, signal } = this.#options;
    const deadline = this.#clock.after(timeoutMs, () =>
      this.#giveUp(`no answer within ${Math.ceil(timeoutMs / 1000)} s`),
    );
    const onAbort = () => this.#giveUp('cancelled');
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    else this.#next();
    try {
      return await this.#result.promise;
    } finally {
      deadline.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Starts one more attempt. Only one candidate is looked up simultaneously. */
  #next(): void {
    this.#nextTimer?.cancel();
    if (this.#isOver || this.#isFetching) return;
    if (this.#held !== undefined) return this.#dial(this.#held);
    this.#isFetching = true;
    this.#candidates
      .next()
      .then(({ value, done }) => {
        this.#isFetching = false;
        if (this.#isOver) return;
        if (!done) return this.#found(value);
        this.#isExhausted = true;
        this.#checkForEnd();
      })
      .catch((error: unknown) => this.#giveUp(reasonOf(error)));
  }

  #found(candidate: Candidate): void {
    const last = this.#lastDialled;
    const isOther = last !== undefined && last.target !== candidate.target;
    const leftMs = isOther ? last.at + NEXT_TARGET_MS - this.#clock.elapsed() : 0;
    if (leftMs <= 0 || this.#dialling.size === 0) return this.#dial(candidate);
    this.#held = candidate;
    this.#nextTimer = this.#clock.after(leftMs, () => this.#next());
  }

  #dial(candidate: Candidate): void {
    const { address, target } = candidate;
    this.#held = undefined;
    this.#lastDialled = { target, at: this.#clock.elapsed() };
    let socket: Socket;
    try {
      socket = (this.#options.dial ?? dial)(address, target.port);
    } catch (error) {
      this.#failures.push(`${hostAndPort(target.host, target.port)} (${address}): ${reasonOf(error)}`);
      return this.#next();
    }
    this.#dialling.add(socket);
    socket.once('connect', () => this.#win(socket, target));
    socket.on('error', (error) => this.#lose(socket, candidate, error));
    this.#nextTimer = this.#clock.after(NEXT_ADDRESS_MS, () => this.#next());
  }

  #win(socket: Socket, target: Target): void {
    if (this.#isOver) return;
    this.#dialling.delete(socket);
    this.#finish();
    this.#result.resolve({ socket, target });
  }

  #lose(socket: Socket, { address, target }: Candidate, error: Error): void {
    socket.destroy();
    if (!this.#dialling.delete(socket) || this.#isOver) return;
    const where = target.host === address ? '' : ` (${address})`;
    this.#failures.push(`${hostAndPort(target.host, target.port)}${where}: ${reasonOf(error)}`);
    if (this.#isExhausted) this.#checkForEnd();
    else this.#next();
  }

  #checkForEnd(): void {
    if (this.#isExhausted && this.#dialling.size === 0) this.#giveUp(undefined);
  }

  #giveUp(reason: string | undefined): void {
    if (this.#isOver) return;
    const reasons = reason === undefined ? this.#failures : [...this.#failures, reason];
    this.#finish();
    const why = reasons.join('; ') || 'there is no target';
    this.#result.reject(new NetError('connect-failed', `no connection could be made: ${why}`));
  }

  #finish(): void {
    this.#isOver = true;
    this.#nextTimer?.cancel();
    for (const socket of this.#dialling) socket.destroy();
    this.#dialling.clear();
  }

  /** The addresses of all targets. Each target is looked up only when the previous ones are used up. */
  async *#find(targets: readonly Target[]): AsyncGenerator<Candidate> {
    let left = MAX_ATTEMPTS;
    for (const target of targets) {
      const lookups = await this.#options.resolver.lookUpAddresses(target.host);
      const feed = new AddressFeed(lookups, this.#clock);
      for (let next = await feed.next(); next !== undefined; next = await feed.next()) {
        if (left-- === 0) return;
        if (this.#mayDial(next, target, feed)) yield { ...next, target };
      }
      if (feed.problem !== undefined)
        this.#failures.push(`${hostAndPort(target.host, target.port)}: ${feed.problem}`);
    }
  }

  /**
   * The hosts file's entry for the wanted name is the administrator's choice. `localhost` is not: each hosts file has it,
   * and any name below it leads to this machine (RFC 6761 §6.3).
   */
  #mayDial(found: Address, { host, port }: Target, feed: AddressFeed): boolean {
    const { refused = 'none', wanted } = this.#options;
    const isAddress = isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0;
    const isWanted = feed.isLocal && host === wanted && !isAddress && !isLocalhost(host);
    if (isWanted || !isRefused(found, refused)) return true;
    const why = `its address ${found.address} is not called (s2s_refused_addresses = "${refused}")`;
    this.#failures.push(`${hostAndPort(host, port)}: ${why}`);
    return false;
  }
}

/** Half-open sockets, so that queued data is still sent after the peer ends its side (see connection.ts). */
function dial(address: string, port: number): Socket {
  return connect({ host: address, port, allowHalfOpen: true, noDelay: true });
}
