// A stream with another server, whichever side opened it: its authenticated pairs of domains, and its stanzas.

import type { S2SStream as Contract, S2SCloseCause, S2SState } from '../api/session.ts';
import type { NonzaHandler } from '../api/stream.ts';
import type { LocalHost } from '../core/host.ts';
import { checkStanza, isAvailability, isStanza } from '../core/stanza-rules.ts';
import { domainOf } from '../core/unusable-address.ts';
import { siteKey } from '../net/address.ts';
import { StanzaWork } from '../session/stanza-work.ts';
import type { StreamCloseCause, XmlStream } from '../stream/stream.ts';
import { wallTime } from '../util/clock.ts';
import { newId } from '../util/ids.ts';
import type { Logger } from '../util/logger.ts';
import type { SharedBudget } from '../util/shared-budget.ts';
import { isCut } from '../xml/cut.ts';
import { tryDomain } from '../xml/domain.ts';
import type { Element, Stanza } from '../xml/element.ts';
import { StanzaError, StreamError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { DEFAULT_LIMITS } from '../xml/limits.ts';
import { NS } from '../xml/namespaces.ts';
import type { DaneLookup } from './dane-lookup.ts';
import { HostLedger } from './ledger.ts';
import { passOut } from './outbound.ts';
import { StreamOutput } from './output.ts';
import { isServerPing } from './overhead.ts';
import { PeerIdentity } from './peer-identity.ts';
import { type PeerContext, Policy, refusalOf } from './policy.ts';

export type Direction = 'in' | 'out';

/** Received stanzas whose work is under way. Beyond that, reading pauses. */
const MAX_PENDING_WORK = 256;
/** Pairs of domains on one stream. A certificate may name any number of domains, and each pair costs memory. */
const MAX_PAIRS = 200;

/** One of our hosts, and a remote that was authenticated for it. */
export interface Pair {
  readonly host: LocalHost;
  readonly remote: string;
}

export class S2SStream implements Contract {
  readonly kind = 's2s';
  readonly id = newId().slice(0, 8);
  readonly isOurs: boolean;
  readonly host: LocalHost;
  readonly policy: Policy;
  readonly remotes: ReadonlySet<string>;
  /** The remotes of each of our hosts, that of the stream first (XEP-0220 §2.2.1). */
  readonly #remotesOf: Map<LocalHost, Set<string>>;
  /** The remotes that authenticated us, or that we authenticated, by SASL EXTERNAL. All others used dialback. */
  readonly #byCertificate = new Set<string>();
  readonly #identity: PeerIdentity;
  /** TLS began before the stream (XEP-0368). */
  readonly #isDirectTls: boolean;
  readonly state: S2SState = {};
  readonly log: Logger;
  authenticatedAt: number | undefined;
  stanzasIn = 0;
  stanzasOut = 0;
  readonly overhead = { in: 0, out: 0 };
  readonly output: StreamOutput;
  streamId = '';
  peerFeatures: Element | undefined;
  /** Called when `remote` has been authenticated for `local`. */
  onAuthenticated: ((remote: string, local: string) => void) | undefined;
  /** Stanzas that modules have seen but that were not written; see `carry`. */
  readonly #unwritten: Stanza[] = [];
  #isBidirectional = false;
  readonly #work: StanzaWork;
  readonly #stream: XmlStream;
  readonly #context: PeerContext;
  readonly #ledger: HostLedger;

  constructor(
    stream: XmlStream,
    direction: Direction,
    host: LocalHost,
    context: PeerContext,
    daneLookup?: DaneLookup,
  ) {
    this.#stream = stream;
    this.#work = new StanzaWork(MAX_PENDING_WORK, stream);
    this.#context = context;
    this.output = new StreamOutput(stream, context.clock);
    this.isOurs = direction === 'out';
    this.#isDirectTls = stream.secure;
    this.host = host;
    const remotes = new Set<string>();
    this.remotes = remotes;
    this.#remotesOf = new Map([[host, remotes]]);
    this.#ledger = new HostLedger(host);
    this.policy = new Policy(host);
    this.#identity = new PeerIdentity({ stream, context, daneLookup });
    this.log = host.log.child({ s2s: this.id, direction });
  }

  get direction(): 'in' | 'out' | 'both' {
    if (this.#isBidirectional) return 'both';
    return this.isOurs ? 'out' : 'in';
  }

  /** Whether stanzas of ours may flow on it. */
  get carriesOut(): boolean {
    return this.isOurs || this.#isBidirectional;
  }

  get local(): string {
    return this.host.domain;
  }

  get secure(): boolean {
    return this.#stream.secure;
  }

  get remoteAddress(): string {
    return this.#stream.remoteAddress;
  }

  get remoteSite(): string {
    return siteKey(this.remoteAddress);
  }

  get lastReceivedAt(): number {
    return this.#stream.isPaused ? this.#context.clock.elapsed() : this.#stream.lastReceivedAt;
  }

  get peerClosed(): boolean {
    return this.#stream.peerClosed;
  }

  get unacknowledged(): SharedBudget {
    return this.#context.unacknowledged;
  }

  /** False once either side has closed the stream. */
  get isOpen(): boolean {
    return this.#stream.isOpen;
  }

  /**
   * Sends an element, which modules see first once the stream is authenticated. Returns false when the stream is closed, and
   * for a stanza while the output is busy.
   */
  send(element: Element): boolean {
    if (!this.#stream.isOpen || (isStanza(element) && this.output.isBusy)) return false;
    const sent = this.remotes.size === 0 ? element : this.#passOut(element);
    if (sent === undefined) return true;
    if (!this.#stream.send(sent)) return false;
    if (isStanza(sent)) this.#count(sent, false);
    else this.output.written();
    return true;
  }

  /**
   * Sends a stanza. Returns false when the stream is closed. Once modules have seen a stanza it counts as sent, even if it
   * cannot be written: then it is unacknowledged, or in `takeUnwritten`.
   */
  carry(stanza: Stanza, isOverhead = false): boolean {
    if (!this.#stream.isOpen) return false;
    const sent = this.#passOut(stanza);
    if (sent === undefined) return true;
    if (this.#stream.send(sent)) this.#count(sent, isOverhead);
    else this.#unwritten.push(stanza);
    return true;
  }

  #passOut(element: Element): Element | undefined {
    const { host } = this;
    return passOut({ host, ledger: this.#ledger, router: this.#context.router }, this, element);
  }

  #count(stanza: Stanza, isOverhead: boolean): void {
    this.stanzasOut++;
    this.output.written();
    const isQuestion = stanza.name === 'iq' && this.#context.router.pendingIqs.left(stanza) === 'overhead';
    if (isOverhead || isQuestion || isServerPing(stanza)) this.overhead.out++;
  }

  get wasUsed(): boolean {
    const { overhead } = this;
    return this.stanzasIn > overhead.in || this.stanzasOut > overhead.out;
  }

  countOverhead(stanza: Stanza): void {
    if (!isServerPing(stanza)) this.overhead.in++; // Pings are counted when they arrive.
  }

  /** Takes the stanzas that `carry` could not write, in order. */
  takeUnwritten(): Stanza[] {
    return this.#unwritten.splice(0);
  }

  write(element: Element): boolean {
    const isWritten = this.#stream.send(element);
    this.output.written();
    return isWritten;
  }

  keepAlive(): void {
    this.#stream.send(' ');
  }

  close(error?: Error, cause?: S2SCloseCause): void {
    this.#stream.close(error, cause);
  }

  makeBidirectional(): void {
    this.#isBidirectional = true;
  }

  /** Call this when TLS starts: forgets the features negotiated before it (RFC 6120 §5.4.3.3). */
  secured(): void {
    this.#isBidirectional = false;
  }

  proves(domain: string): boolean {
    return this.#identity.of(domain) !== undefined;
  }

  examine(domain: string, then: () => void, local: string = this.local): void {
    this.#identity.examine(domain, this.#context.router.hosts.get(local) ?? this.host, then);
  }

  refuses(remote: string, local: string): StanzaError | undefined {
    const { hosts } = this.#context.router;
    const host = hosts.get(local);
    if (!host) return new StanzaError('item-not-found');
    if (hosts.has(remote))
      return new StanzaError('not-allowed', { text: `${remote} is a domain of this server` });
    const refusal = refusalOf(host, remote);
    if (refusal) return refusal;
    const policy = host === this.host ? this.policy : new Policy(host);
    if (policy.requiresEncryption && !this.secure) {
      return new StanzaError('policy-violation', { text: 'Encryption is required' });
    }
    if (policy.requiresCertificate(remote) && !this.proves(remote)) {
      return new StanzaError('not-authorized', { text: `A valid certificate for ${remote} is required` });
    }
    return undefined;
  }

  authenticate(remote: string, local: string): void {
    if (this.#isAuthenticated(remote, local) || !this.#stream.isOpen) return;
    const refusal = this.refuses(remote, local);
    if (refusal) throw refusal;
    const host = this.#context.router.hosts.get(local)!;
    if (this.pairs.length >= MAX_PAIRS)
      throw new StanzaError('resource-constraint', {
        text: 'Too many domains on this stream: open another one',
      });
    if (this.authenticatedAt === undefined) this.#shareBudget(remote);
    this.#remotesOf.set(host, (this.#remotesOf.get(host) ?? new Set()).add(remote));
    this.authenticatedAt ??= this.#context.clock.elapsed();
    this.#stream.negotiated();
    this.#stream.raiseLimits(DEFAULT_LIMITS);
    this.log.info('s2s open', { local, remote, secure: this.secure, certificate: this.proves(remote) });
    this.onAuthenticated?.(remote, local);
    host.hooks.notify('link-open', { stream: this, remote });
  }

  /** All authenticated pairs, with those of the stream's own host first. */
  get pairs(): Pair[] {
    return [...this.#remotesOf].flatMap(([host, remotes]) =>
      [...remotes].map((remote) => ({ host, remote })),
    );
  }

  /** Whether a module of one of our hosts needs the link of its pair. */
  get isNeeded(): boolean {
    return this.pairs.some(({ host, remote }) => host.hooks.ask('link-needed', { remote }) === 'needed');
  }

  #shareBudget(remote: string): void {
    const budget = this.#context.peerBudgets?.of(remote);
    if (budget) this.#stream.shareBudget(budget);
  }

  /** As `authenticate`, by SASL EXTERNAL. */
  authenticateByCertificate(remote: string): void {
    this.#byCertificate.add(remote);
    this.authenticate(remote, this.local);
  }

  /** When it was authenticated, in ms since 1970, for administrators. */
  get openSince(): number | undefined {
    return this.authenticatedAt === undefined
      ? undefined
      : wallTime(this.#context.clock, this.authenticatedAt);
  }

  /** In words for administrators. */
  get securedBy(): string {
    const { tls } = this.#stream;
    if (!tls) return 'plain';
    return `${this.#isDirectTls ? 'direct ' : ''}${tls.protocol} ${tls.cipher}`;
  }

  /** How one side was authenticated, and the other proof of the remote, in words for administrators. */
  authenticatedBy(remote: string): string {
    const method = this.#byCertificate.has(remote) ? 'EXTERNAL' : 'dialback';
    const proof = this.#identity.of(remote);
    return proof === undefined ? method : `${method}, ${proof}`;
  }

  /** Takes a first-level element that belongs to neither TLS nor SASL. @throws StreamError */
  receive(element: Element): void {
    if (!isStanza(element)) return this.#take(element);
    const ledger = this.remotes.size === 0 ? undefined : this.#ledger;
    if (ledger?.received(this, element) === 'handled') return;
    this.#work.handle(
      () => this.#takeStanza(element),
      (work) => ledger?.handled(this, element, work),
    );
  }

  hold(work: Promise<unknown>): void {
    this.#work.hold(work);
  }

  /** Call this before our side of the stream is closed. */
  farewell(): void {
    if (this.remotes.size > 0) this.#ledger.closing(this);
  }

  /** Call this once, when the stream has ended. */
  ended(error: Error | undefined, cause: StreamCloseCause): void {
    const fields = { cause, ...(error ? { error: error.message } : {}) };
    const { pairs, wasUsed } = this;
    this.output.stop();
    const remotes = [...new Set(pairs.map(({ remote }) => remote))];
    if (remotes.length > 0) this.log.info('s2s closed', { remotes, ...fields });
    else this.log.debug('s2s closed before it was authenticated', fields);
    for (const { host, remote } of pairs)
      host.hooks.notify('link-close', { stream: this, remote, cause, error, wasUsed });
    this.host.hooks.notify('s2s-end', { session: this });
  }

  #take(element: Element): void {
    const handler = this.#handlerOf(element);
    if (!handler) throw new StreamError('unsupported-stanza-type', `<${element.name}/> is unknown here`);
    if (this.policy.requiresEncryption && !this.secure) {
      throw new StreamError('policy-violation', 'Encryption is required');
    }
    handler(element, this);
  }

  /** An element of dialback names its host, which need not be that of the stream (XEP-0220 §2.2). */
  #handlerOf(element: Element): NonzaHandler | undefined {
    const own = this.host.nonzas.get('s2s', element);
    if (element.getNS() !== NS.DIALBACK) return own;
    const { hosts } = this.#context.router;
    const { to = '' } = element.attrs;
    const addressed = hosts.get(to) ?? hosts.get(tryDomain(to) ?? '');
    return addressed?.nonzas.get('s2s', element) ?? own;
  }

  #takeStanza(stanza: Stanza): void {
    const { from, to } = stanza.attrs;
    // RFC 6120 §8.1.1.2, §8.1.2.2: between servers both addresses are required.
    if (from === undefined || to === undefined) throw new StreamError('improper-addressing');
    if (this.isOurs && !this.#isBidirectional)
      throw new StreamError('not-authorized', 'This stream carries no stanzas to us');
    if (this.authenticatedAt === undefined) throw new StreamError('not-authorized');
    const sender = Jid.tryParse(from);
    // Drop the stanza; keep the stream, which others use too.
    if (!sender) return this.log.debug('stanza from a malformed address dropped', { from });
    const domain = domainOf(to);
    // RFC 6120 §8.1.1.2: a stream carries only the pairs of domains that were authenticated, under each host's policy.
    if (!this.#isAuthenticated(sender.domain, domain ?? this.local)) {
      const isKnown = this.pairs.some(({ remote }) => remote === sender.domain);
      throw new StreamError(isKnown ? 'host-unknown' : 'invalid-from');
    }
    this.stanzasIn++;
    if (isServerPing(stanza)) this.overhead.in++;
    // RFC 7622 §3: modules compare addresses as text, so they need the prepared form.
    const prepared = `${sender}`;
    this.#route(prepared === from ? stanza : stanza.with({ from: prepared }), domain);
  }

  #isAuthenticated(remote: string, local: string): boolean {
    if (local === this.local) return this.remotes.has(remote);
    const host = this.#context.router.hosts.get(local);
    return host !== undefined && this.#remotesOf.get(host)?.has(remote) === true;
  }

  #route(stanza: Stanza, domain: string | undefined): void {
    const { router } = this.#context;
    const problem =
      domain === undefined
        ? new StanzaError('jid-malformed', { text: 'The domain of the address is malformed' })
        : checkStanza(stanza);
    // A sender of presence expects no error, and a room would remove the occupant that returns one.
    if (isCut(stanza) && isAvailability(stanza)) return this.log.debug('presence dropped: it is too large');
    if (problem) router.bounce(domain === undefined ? stanza.with({ to: this.local }) : stanza, problem);
    else router.route(stanza, this);
  }
}
