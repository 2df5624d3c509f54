// One server under test, and scripted peers that call it or are called by it.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { EventName, Handler, Kind, Target } from '../../../src/api/events.ts';
import type { StanzaLedger } from '../../../src/api/ledger.ts';
import type { LocalHost } from '../../../src/core/host.ts';
import type { Connection, ConnectionOptions } from '../../../src/net/connection.ts';
import { NetError } from '../../../src/net/errors.ts';
import { connectTls } from '../../../src/net/tls.ts';
import type { Server } from '../../../src/server.ts';
import type { Stanza } from '../../../src/xml/element.ts';
import { FakeClock } from '../../support/clock.ts';
import { connectedPair, type RawPeer, settled } from '../../support/duplex.ts';
import { parseXml } from '../../support/match.ts';
import { startServer } from '../../support/server.ts';

export const DB = 'jabber:server:dialback';
export const TLS = 'urn:ietf:params:xml:ns:xmpp-tls';
export const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
export const STARTTLS = `<starttls xmlns='${TLS}'/>`;
export const EXTERNAL = `<mechanisms xmlns='${SASL}'><mechanism>EXTERNAL</mechanism></mechanisms>`;
const STREAM = 'http://etherx.jabber.org/streams';

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface HeaderOptions {
  from?: string;
  to?: string;
  id?: string;
  version?: string;
  xmlns?: string;
}

/** The stream header of a peer. An empty string leaves the attribute out. */
export function header(options: HeaderOptions = {}): string {
  const { from = 'capulet.lit', to = 'montague.lit', id = '', version = '1.0' } = options;
  const attributes = Object.entries({ from, to, id, version })
    .filter(([, value]) => value !== '')
    .map(([name, value]) => ` ${name}='${value}'`);
  return `<?xml version='1.0'?><stream:stream xmlns='${options.xmlns ?? 'jabber:server'}' xmlns:stream='${STREAM}' xmlns:db='${DB}'${attributes.join('')}>`;
}

export const DIALBACK_FEATURE =
  "<stream:features><dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback></stream:features>";

export interface WorldOptions {
  /** Global lines of the configuration. */
  config?: string;
  /** Lines of the host verona.lit. */
  verona?: string;
  modules?: readonly string[];
  connection?: ConnectionOptions;
}

/** Answers a call of our server. Default: a scripted peer, see `nextCall`. */
type Answer = (remote: string, signal: AbortSignal) => Promise<Connection> | Connection;

export class World {
  readonly server: Server;
  readonly clock: FakeClock;
  /** Stanzas that arrived for montague.lit. */
  readonly arrived: Stanza[] = [];
  /** Link events of montague.lit, one line each. */
  readonly events: string[] = [];
  /** The domains that our server has called, in order. */
  readonly called: string[] = [];
  answer: Answer | undefined;
  readonly #calls: RawPeer[] = [];
  readonly #peers: RawPeer[] = [];
  /** Ends the unanswered calls. */
  readonly #giveUp = new AbortController();
  readonly #connection: ConnectionOptions;

  constructor(start: (world: World) => Server, clock: FakeClock, connection: ConnectionOptions) {
    this.clock = clock;
    this.#connection = { clock, ...connection };
    this.server = start(this);
    this.#watch();
  }

  get host(): LocalHost {
    return this.server.router.hosts.get('montague.lit')!;
  }

  hook<N extends EventName>(event: N, handler: Handler<N>): void {
    this.host.hooks.add(event, handler, 'guard', 'test');
  }

  /** Provides a ledger for montague.lit. Missing methods do nothing. */
  countWith(ledger: Partial<StanzaLedger>): void {
    this.host.items.add('s2s-ledger', {
      open: () => undefined,
      sent: () => undefined,
      received: () => undefined,
      handled: () => {},
      closing: () => {},
      unacknowledged: () => undefined,
      mayResend: () => true,
      describe: () => ({ features: [], unacknowledged: 0 }),
      ...ledger,
    });
  }

  /** Routes a stanza from montague.lit. */
  send(xml: string): void {
    this.server.router.route(parseXml(xml), this.host.origin);
  }

  /** A peer connects. */
  call(options: ConnectionOptions = {}): RawPeer {
    const { connection, peer } = connectedPair({ ...this.#connection, ...options });
    this.#peers.push(peer);
    this.server.acceptServer(connection);
    return peer;
  }

  /** A peer has connected and has received its features. */
  async opened(options: HeaderOptions = {}, connection: ConnectionOptions = {}): Promise<RawPeer> {
    const peer = this.call(connection);
    peer.send(header(options));
    await peer.reads(/<stream:features\/>|<\/stream:features>/);
    return peer;
  }

  /** A peer has connected and was authenticated by dialback. */
  async verified(from = 'capulet.lit', to = 'montague.lit'): Promise<RawPeer> {
    const peer = await this.opened({ from, to });
    peer.send(`<db:result from='${from}' to='${to}'>key</db:result>`);
    const authority = await this.prepared();
    const asked = await authority.reads('</db:verify>');
    const id = /id='([^']*)'/.exec(asked)![1];
    authority.send(`<db:verify from='${from}' to='${to}' id='${id}' type='valid'/>`);
    await peer.reads(`type='valid'/>`);
    authority.send('</stream:stream>');
    await authority.readsToEnd();
    return peer;
  }

  /** The peer of our server's next call, before any byte. */
  async nextCall(): Promise<RawPeer> {
    for (let turns = 0; turns < 1_000; turns++) {
      const peer = this.#calls.shift();
      if (peer) return peer;
      await settled(1);
    }
    return assert.fail('our server has made no call');
  }

  /** The peer of our server's next call, which has sent its features. */
  async prepared(features = DIALBACK_FEATURE, options: HeaderOptions = {}): Promise<RawPeer> {
    const peer = await this.nextCall();
    await peer.reads(/<stream:stream [^>]*>/);
    peer.send(header({ id: 'S1', ...options }) + features);
    return peer;
  }

  /** The peer of our server's next call, which has received the dialback key. */
  async claimed(): Promise<RawPeer> {
    const peer = await this.prepared();
    await peer.reads('</db:result>');
    return peer;
  }

  /** The peer of our server's next call, which has accepted the key. */
  async accepted(remote = 'capulet.lit'): Promise<RawPeer> {
    const peer = await this.claimed();
    peer.send(`<db:result from='${remote}' to='montague.lit' type='valid'/>`);
    return peer;
  }

  async dial(remote: string, signal: AbortSignal): Promise<Connection> {
    this.called.push(remote);
    if (this.answer) return this.answer(remote, signal);
    const { connection, peer } = connectedPair(this.#connection);
    this.#peers.push(peer);
    this.#calls.push(peer);
    return connection;
  }

  /** For `answer`: no answer until the call is aborted or the test ends. */
  silence(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const either = AbortSignal.any([signal, this.#giveUp.signal]);
      either.addEventListener('abort', () => reject(new NetError('connect-failed', 'given up')));
    });
  }

  /** Breaks every connection. */
  drop(): void {
    for (const peer of this.#peers) peer.drop();
  }

  /** Breaks every connection and lets waiting stanzas expire, so that the server stops immediately. */
  async end(): Promise<void> {
    this.answer = refused;
    this.#giveUp.abort();
    this.drop();
    await settled();
    if (this.server.links.list().links.some(({ queued }) => queued > 0)) await this.clock.advance(100_000);
  }

  #watch(): void {
    for (const kind of ['message', 'presence', 'iq'] satisfies Kind[]) {
      for (const target of ['full', 'bare'] satisfies Target[]) {
        this.hook(`${kind}/${target}`, ({ stanza }) => {
          this.arrived.push(stanza);
          return 'handled';
        });
      }
    }
    const note = (...words: unknown[]) => void this.events.push(words.join(' '));
    this.hook('link-open', ({ stream, remote }) => note('open', stream?.direction, remote));
    this.hook('link-close', ({ stream, remote, cause }) => note('close', stream?.direction, remote, cause));
    this.hook('link-fail', ({ remote, permanent }) =>
      note('failed', remote, permanent ? 'for good' : 'for now'),
    );
  }
}

/** A server for montague.lit and verona.lit, without TLS, with dialback. Its clock is turned by hand. */
export async function startWorld(t: TestContext, options: WorldOptions = {}): Promise<World> {
  const clock = new FakeClock();
  let world: World | undefined;
  t.after(() => world?.end());
  const { server } = await startServer(t, {
    clock,
    dial: (remote, signal) => world!.dial(remote, signal),
    config: `
      modules_enabled = ${JSON.stringify(options.modules ?? ['dialback'])}
${options.config ?? ''}
      [hosts."montague.lit"]
      [hosts."verona.lit"]
${options.verona ?? ''}
    `,
  });
  world = new World(() => server, clock, options.connection ?? {});
  return world;
}

/** A peer has connected, has shown a certificate in the handshake, and has received its features. */
export async function secured(
  world: World,
  certificate?: KeyPair,
  from = 'capulet.lit',
  to = 'montague.lit',
): Promise<{ peer: RawPeer; features: string }> {
  const peer = world.call();
  peer.send(header({ from, to }));
  await peer.reads('</stream:features>');
  peer.send(STARTTLS);
  await peer.reads(`<proceed xmlns='${TLS}'/>`);
  const { socket } = await connectTls(peer.release(), {
    servername: to,
    ...(certificate ? { certificate } : {}),
    alpn: ['xmpp-server'],
  });
  peer.switchTo(socket);
  peer.send(header({ from, to }));
  const features = await peer.reads(/<stream:features\/>|<\/stream:features>/);
  return { peer, features };
}

export function auth(authzid: string): string {
  const text = authzid === '' ? '=' : Buffer.from(authzid).toString('base64');
  return `<auth xmlns='${SASL}' mechanism='EXTERNAL'>${text}</auth>`;
}

export function noSuchDomain(): never {
  throw new NetError('no-such-domain', 'there is no such domain', { permanent: true });
}

export function refused(): never {
  throw new NetError('connect-failed', 'connection refused');
}
