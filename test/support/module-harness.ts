// A real server whose clients and links are plain objects: every stanza passes the real router and modules in one
// tick, and time passes only when the test says so. For tests that count exactly, over minutes or thousands.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { EventName, Payload } from '../../src/api/events.ts';
import type { Link } from '../../src/api/link.ts';
import type { C2SSession, C2SState, S2SCloseCause, S2SState, S2SStream } from '../../src/api/session.ts';
import { passCommit, passOut } from '../../src/c2s/outbound.ts';
import type { Config } from '../../src/config/config.ts';
import type { RemoteSender } from '../../src/core/router.ts';
import { isServerPing } from '../../src/s2s/overhead.ts';
import { Wants } from '../../src/s2s/wants.ts';
import { Server } from '../../src/server.ts';
import type { Clock, Timer } from '../../src/util/clock.ts';
import { silentLogger } from '../../src/util/logger.ts';
import { SharedBudget } from '../../src/util/shared-budget.ts';
import type { Element } from '../../src/xml/element.ts';
import { StanzaError } from '../../src/xml/errors.ts';
import { Jid } from '../../src/xml/jid.ts';
import { NS } from '../../src/xml/namespaces.ts';
import { matchesXml, parseXml } from './match.ts';
import { assertNoMoreFaults, ErrorLog, testConfig } from './server.ts';

export const HOST = 'montague.lit';

/** Fired timers are removed in groups, because each removal moves all timers that are still set. */
const FIRED_KEPT = 256;

/** Turned in one tick: nothing but timers happens in between. */
export class HandClock implements Clock {
  #elapsed = 1_000;
  /** Wall time minus elapsed time. */
  #offset = Date.UTC(2026, 0, 1) - this.#elapsed;
  /** Sorted by time, then by order of setting. Those before `#first` have fired. */
  readonly #timers: { at: number; task: () => void; isOff: boolean }[] = [];
  #first = 0;

  now(): number {
    return this.#offset + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  /** Sets the wall clock forward or back, as an administrator does: no time passes. */
  moveWallClock(byMs: number): void {
    this.#offset += byMs;
  }

  after(delayMs: number, task: () => void): Timer {
    // Whole milliseconds, as the runtime's timers have: a rounding error as a delay would never let time pass.
    const at = this.#elapsed + Math.max(0, Math.ceil(delayMs));
    const timer = { at, task, isOff: false };
    let [low, high] = [this.#first, this.#timers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#timers[middle]!.at <= timer.at) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return {
      cancel() {
        timer.isOff = true;
      },
    };
  }

  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (;;) {
      const next = this.#timers[this.#first];
      if (next === undefined || next.at > end) break;
      this.#first++;
      if (this.#first === FIRED_KEPT) this.#first -= this.#timers.splice(0, FIRED_KEPT).length;
      if (next.isOff) continue;
      this.#elapsed = next.at;
      next.task();
    }
    this.#elapsed = end;
  }

  seconds(count: number): void {
    this.advance(count * 1_000);
  }
}

/** A bound client without a connection. */
export class HarnessClient implements C2SSession {
  readonly kind = 'c2s';
  readonly id: string;
  readonly log = silentLogger;
  readonly secure = true;
  readonly remoteAddress = '192.0.2.1';
  readonly jid: Jid;
  readonly host: C2SSession['host'];
  readonly state: C2SState = {};
  readonly boundAt: number;
  /** Everything that was sent to the client, also while it slept. */
  readonly inbox: Element[] = [];
  /** When each of them came; ms since 1970. */
  readonly times: number[] = [];
  connected = true;
  stanzasOut = 0;
  charged = 0;
  #isReplaying = false;
  #isEnded = false;
  readonly #harness: Harness<Clock>;

  constructor(harness: Harness<Clock>, jid: string) {
    this.#harness = harness;
    this.jid = Jid.parse(jid);
    this.id = jid;
    this.host = harness.host;
    this.boundAt = harness.clock.now();
  }

  send(element: Element, onTaken?: () => void): boolean {
    if (this.#isEnded) return false;
    const passed = passOut(this.#harness.host, { session: this, element, onTaken });
    if (passed === 'held') return true;
    return passed !== 'refused' && this.commit(passed, onTaken);
  }

  /** While the client sleeps, the inbox stands for the queue of stream management. */
  commit(element: Element, onTaken?: () => void): boolean {
    if (this.#isEnded) return false;
    const answer = passCommit(this.#harness.host, { session: this, element, onTaken });
    if (answer === 'refused') return false;
    this.stanzasOut++;
    this.inbox.push(element);
    this.times.push(this.#harness.clock.now());
    if (answer === undefined && this.connected) onTaken?.();
    return true;
  }

  /** These clients read immediately. */
  readonly queuedBytes = 0;

  /** These clients have no rate. The bytes are only added up. */
  charge(bytes: number): void {
    this.charged += bytes;
  }

  ready(): void {
    if (!this.#isReplaying) return;
    this.#isReplaying = false;
    this.#harness.notify('c2s-resume', { session: this });
  }

  hold(): void {}

  get stanzasIn(): number {
    return 0;
  }

  write(): boolean {
    return this.connected;
  }

  disconnect(): boolean {
    return false;
  }

  /** The session ends. */
  close(error?: Error, successor?: C2SSession): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.connected = false;
    const { host } = this.#harness;
    host.sessions.remove(this);
    const end = { session: this, error, successor };
    host.hooks.notify('resource-ending', end);
    host.hooks.notify('resource-unbind', end);
  }

  sleep(): void {
    this.connected = false;
  }

  resume(): void {
    this.connected = true;
    this.#isReplaying = true;
    this.#harness.notify('c2s-attach', { session: this });
    this.ready();
  }

  /** The client says this. */
  says(xml: string): void {
    const stanza = parseXml(xml);
    this.#harness.server.router.submit(this, stanza.with({ from: `${this.jid}` }));
  }

  joins(occupant: string): void {
    this.says(`<presence to='${occupant}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  }

  /** What has come since this was last asked. */
  heard(): Element[] {
    this.times.length = 0;
    return this.inbox.splice(0);
  }

  /** The notices among all that has come. */
  get notices(): Element[] {
    return this.inbox.filter((element) => isNotice(element));
  }

  get iqs(): Element[] {
    return this.inbox.filter(({ name }) => name === 'iq');
  }

  count(xml: string): number {
    return this.inbox.filter((element) => matchesXml(element, xml)).length;
  }
}

/** The presence by which our server tells a client that it is out. */
export function isNotice(element: Element): boolean {
  if (element.name !== 'presence' || element.attrs.type !== 'unavailable') return false;
  const x = element.getChild('x', NS.MUC_USER);
  const codes = x?.getChildren('status').map(({ attrs }) => attrs.code) ?? [];
  const reason = x?.getChild('item')?.getChildText('reason');
  return codes.includes('110') && codes.includes('333') && reason === 'Connection to remote server lost';
}

/** One direction of a link with another server. */
export class HarnessLink implements S2SStream {
  readonly kind = 's2s';
  readonly id: string;
  readonly log = silentLogger;
  readonly secure = true;
  readonly remoteAddress = '192.0.2.2';
  readonly remoteSite = '192.0.2.2';
  readonly direction: 'in' | 'out';
  readonly local = HOST;
  readonly remotes: ReadonlySet<string>;
  readonly authenticatedAt: number;
  readonly state: S2SState = {};
  lastReceivedAt = 0;
  peerClosed = false;
  stanzasIn = 0;
  stanzasOut = 0;
  readonly overhead = { in: 0, out: 0 };

  constructor(remote: string, direction: 'in' | 'out', now: number) {
    this.id = `${remote} ${direction}`;
    this.remotes = new Set([remote]);
    this.direction = direction;
    this.authenticatedAt = now;
  }

  readonly streamId = '';
  readonly peerFeatures = undefined;

  get isOurs(): boolean {
    return this.direction === 'out';
  }

  send(): boolean {
    return true;
  }

  write(): boolean {
    return true;
  }

  hold(): void {}

  readonly unacknowledged = new SharedBudget(1);
  readonly isOpen = true;

  get wasUsed(): boolean {
    return this.stanzasIn > this.overhead.in || this.stanzasOut > this.overhead.out;
  }

  countOverhead(stanza: Element): void {
    if (!isServerPing(stanza)) this.overhead.in++;
  }

  keepAlive(): void {}

  makeBidirectional(): void {}

  close(): void {}

  proves(): boolean {
    return true;
  }

  examine(_domain: string, then: () => void): void {
    then();
  }

  refuses(): undefined {}

  authenticate(): void {}
}

/** Another server, as far as our router sees it: two streams, opened on demand, and somebody who answers. */
export class HarnessPeer {
  readonly domain: string;
  /** Everything that reached the other server. */
  readonly received: Element[] = [];
  /** Whether that is kept: not where there are hundreds of thousands. */
  keeps = true;
  /** How often somebody tried to connect in vain. */
  failures = 0;
  reachable = true;
  /** Refuses everything without trying to connect, as after a failure. */
  paused = false;
  /** Swallows everything without closing anything. */
  deaf = false;
  roundTripMs = 50;
  /** While nobody can be reached, stanzas wait so long, and questions at most 30 s; 0: they come back at once. */
  queueMs = 0;
  onStanza: (stanza: Element) => void = () => {};
  /** A stanza of the other server cannot be delivered: a server that counts its stanzas tells the sender. */
  onLost: (stanza: Element) => void = () => {};
  #out: HarnessLink | undefined;
  #in: HarnessLink | undefined;
  #breaks = 0;
  #queue: { readonly stanza: Element; readonly isOverhead: boolean; readonly expiry: Timer }[] = [];
  readonly #harness: Harness<Clock>;

  constructor(harness: Harness<Clock>, domain: string) {
    this.#harness = harness;
    this.domain = domain;
  }

  accept(stanza: Element, isOverhead: boolean): void {
    const { clock, server } = this.#harness;
    if (!this.reachable || this.paused) {
      if (this.queueMs > 0) this.#wait(stanza, isOverhead);
      else clock.after(0, () => this.#refuse(stanza));
      return;
    }
    const out = this.openOut();
    this.#harness.notify('s2s-out', { session: out, element: stanza });
    out.stanzasOut++;
    const isQuestion = stanza.name === 'iq' && server.router.pendingIqs.left(stanza) === 'overhead';
    if (isOverhead || isQuestion || isServerPing(stanza)) out.overhead.out++;
    if (this.deaf) return;
    if (this.keeps) this.received.push(stanza);
    clock.after(this.roundTripMs / 2, () => {
      if (out === this.#out) this.onStanza(stanza);
    });
  }

  /** The other server says this, after half a round trip. */
  says(stanza: Element | string): void {
    const element = typeof stanza === 'string' ? parseXml(stanza) : stanza;
    const [link, breaks] = [this.#in, this.#breaks];
    this.#harness.clock.after(this.roundTripMs / 2, () => {
      // What was under way on a broken stream is lost, and so is what waited for one that was still being made.
      const isLost = link === undefined ? breaks !== this.#breaks : link !== this.#in;
      if (isLost) this.onLost(element);
      else this.#arrive(element);
    });
  }

  /** Somebody wants a stream, and has nothing to say yet. */
  async connect(): Promise<S2SStream> {
    if (this.reachable && !this.paused) return this.openOut();
    const error = new Error('connection refused');
    this.#harness.notify('link-fail', { remote: this.domain, permanent: false, error });
    throw error;
  }

  /** What waits until the other server can be reached. */
  get waiting(): Element[] {
    return this.#queue.map(({ stanza }) => stanza);
  }

  /** Modules want a stream: one attempt. */
  attempt(failed: () => void): void {
    if (this.reachable && !this.paused) {
      this.openOut();
      return;
    }
    this.failures++;
    const error = new Error('connection refused');
    if (!this.paused) this.#harness.notify('link-fail', { remote: this.domain, permanent: false, error });
    failed();
  }

  get isUp(): boolean {
    return this.#out !== undefined || this.#in !== undefined;
  }

  openOut(): HarnessLink {
    if (this.#out) return this.#out;
    const link = new HarnessLink(this.domain, 'out', this.#harness.clock.elapsed());
    this.#out = link;
    this.#opened(link);
    return link;
  }

  openIn(): HarnessLink {
    if (this.#in) return this.#in;
    const link = new HarnessLink(this.domain, 'in', this.#harness.clock.elapsed());
    this.#in = link;
    this.#opened(link);
    return link;
  }

  /** Both streams end. */
  cut(cause: S2SCloseCause = 'reset', error?: Error): void {
    this.#breaks++;
    this.closeOut(cause, error);
    this.closeIn(cause, error);
  }

  /** Both streams are gone, and nobody is told: as if there never had been any, as with a service of this server. */
  vanish(): void {
    this.#breaks++;
    this.#out = undefined;
    this.#in = undefined;
  }

  closeOut(cause: S2SCloseCause, error?: Error): void {
    const link = this.#out;
    this.#out = undefined;
    if (link) this.#closed(link, cause, error);
  }

  closeIn(cause: S2SCloseCause, error?: Error): void {
    const link = this.#in;
    this.#in = undefined;
    if (link) this.#closed(link, cause, error);
  }

  #arrive(element: Element): void {
    if (!this.reachable || this.deaf) {
      this.onLost(element);
      return;
    }
    const link = this.openIn();
    link.stanzasIn++;
    if (isServerPing(element)) link.overhead.in++;
    this.#harness.server.router.route(element, link);
  }

  #opened(stream: HarnessLink): void {
    this.#harness.wants.opened(HOST, this.domain);
    this.#harness.notify('link-open', { stream, remote: this.domain });
    this.flush();
  }

  /** What has waited goes out. */
  flush(): void {
    for (const { stanza, isOverhead, expiry } of this.#queue.splice(0)) {
      expiry.cancel();
      this.accept(stanza, isOverhead);
    }
  }

  #wait(stanza: Element, isOverhead: boolean): void {
    const ms = stanza.name === 'iq' ? Math.min(this.queueMs, 30_000) : this.queueMs;
    const expiry = this.#harness.clock.after(ms, () => {
      this.#queue = this.#queue.filter((waiting) => waiting.expiry !== expiry);
      this.#refuse(stanza);
    });
    this.#queue.push({ stanza, isOverhead, expiry });
  }

  #closed(stream: HarnessLink, cause: S2SCloseCause, error: Error | undefined): void {
    const { wasUsed } = stream;
    this.#harness.notify('link-close', { stream, remote: this.domain, cause, error, wasUsed });
  }

  #refuse(stanza: Element): void {
    this.failures++;
    const error = new Error('connection refused');
    if (!this.paused) this.#harness.notify('link-fail', { remote: this.domain, permanent: false, error });
    const text = `${this.domain} could not be reached`;
    this.#harness.server.router.bounce(stanza, new StanzaError('remote-server-timeout', { text }));
  }
}

export class Harness<C extends Clock = HandClock> implements RemoteSender {
  readonly server: Server;
  readonly clock: C;
  readonly wants: Wants;
  readonly #peers = new Map<string, HarnessPeer>();

  constructor(server: Server, clock: C) {
    this.server = server;
    this.clock = clock;
    this.wants = new Wants({
      clock,
      attempt: (_local, remote, failed) => {
        this.peer(remote).attempt(failed);
        return () => {};
      },
    });
    server.router.remote = this;
  }

  get host() {
    return this.server.router.hosts.get(HOST)!;
  }

  send(_local: string, remote: string, stanza: Element, isOverhead = false): void {
    this.peer(remote).accept(stanza, isOverhead);
  }

  connect(_local: string, remote: string): Promise<S2SStream> {
    return this.peer(remote).connect();
  }

  link(local: string, remote: string, owner: object): Link {
    const peer = this.peer(remote);
    return {
      get state() {
        return peer.isUp ? 'up' : 'unknown';
      },
      lastReceivedAt: Number.NEGATIVE_INFINITY,
      want: (options) => (peer.isUp ? () => {} : this.wants.add(local, remote, owner, options)),
    };
  }

  forget(owner: object): void {
    this.wants.forget(owner);
  }

  peer(domain: string): HarnessPeer {
    const peer = this.#peers.get(domain) ?? new HarnessPeer(this, domain);
    this.#peers.set(domain, peer);
    return peer;
  }

  client(jid: string): HarnessClient {
    const client = new HarnessClient(this, jid);
    const former = this.host.sessions.get(jid);
    this.host.sessions.add(client);
    former?.close(undefined, client);
    this.notify('resource-bind', { session: client });
    return client;
  }

  notify<N extends EventName>(name: N, payload: Payload<N>): void {
    this.host.hooks.notify(name, payload);
  }

  async command(name: string, args: Record<string, unknown> = {}) {
    return this.server.commands.run(name, args, { by: 'test' });
  }
}

/** Starts it, with chance always in the middle. `config` is for the host. */
export async function harness(t: TestContext, config = ''): Promise<Harness> {
  t.mock.method(Math, 'random', () => 0.5);
  const started = await startHarness(new HandClock(), config);
  t.after(async () => {
    await started.server.stop();
    assertNoMoreFaults(started.server);
  });
  return started;
}

const MODULES = ['roster', 'presence', 'message', 'disco', 'track_muc_joins', 'ping_muc'];

/** Starts it with any clock; whoever does so stops `server` in the end. */
export async function startHarness<C extends Clock>(
  clock: C,
  config = '',
  modules: readonly string[] = MODULES,
  serverConfig = '',
): Promise<Harness<C>> {
  const server = new Server({
    config: await configWith(config, modules, serverConfig),
    log: new ErrorLog(),
    clock,
    dial: () => Promise.reject(new assert.AssertionError({ message: 'nobody is dialled here' })),
  });
  // First: modules may want links when they load.
  const harness = new Harness(server, clock);
  await server.start();
  return harness;
}

/** `config` is for the host. */
export function configWith(
  config: string,
  modules: readonly string[] = MODULES,
  serverConfig = '',
): Promise<Config> {
  // Most tests end with what clients are told: nobody acts for them then, unless the configuration says so.
  const assisted = /^muc_autorejoin =/m.test(config) ? '' : 'muc_autorejoin = false';
  return testConfig(
    `${serverConfig}\n[hosts."${HOST}"]\nmodules_enabled = ${JSON.stringify(modules)}\n${assisted}\n${config}`,
  );
}
