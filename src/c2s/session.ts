// A client's session. It outlives its stream (docs/adr/0002): if the stream breaks and a module answers `c2s-disconnect`, the
// session sleeps until the client attaches another stream.

import type { C2SState, C2SSession as Contract } from '../api/session.ts';
import type { LocalHost, Negotiating } from '../core/host.ts';
import { checkStanza, emptyResult, isLegacySession, stampStanza } from '../core/stanza-rules.ts';
import { fanOutBytes } from '../session/read-rate.ts';
import { SlowReader } from '../session/slow-reader.ts';
import { StanzaWork } from '../session/stanza-work.ts';
import type { ClientStream, StreamCloseCause, StreamHandler } from '../stream/client-stream.ts';
import { newId } from '../util/ids.ts';
import type { Logger } from '../util/logger.ts';
import { type Element, type ElementLike, ownElement, type Stanza } from '../xml/element.ts';
import { StreamError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { C2S_DEFAULTS, type C2SContext, type C2SOptions } from './context.ts';
import { passCommit, passOut } from './outbound.ts';
import { acceptIn, type Phase } from './phases.ts';
import { loadParts, type SessionRecord, saveParts } from './record.ts';

/** The causes after which the session may be resumed. If either side closes the stream, the session ends. */
const RESUMABLE: ReadonlySet<StreamCloseCause> = new Set(['reset', 'timeout']);

export class C2SSession implements Contract, Negotiating {
  readonly kind = 'c2s';
  readonly id: string;
  readonly state: C2SState = {};
  /** Decides which elements the client may send. Set by the negotiation until the session is bound. */
  phase: Phase = 'opening';
  boundAt = 0;
  stanzasIn = 0;
  stanzasOut = 0;
  remoteAddress: string;
  /** The number of its lines is bounded: for each IP address until a resource is bound, then for each account. */
  log: Logger;
  readonly #ownLog: Logger;
  readonly #context: C2SContext;
  readonly #options: C2SOptions;
  #stream: ClientStream | undefined;
  #secure: boolean;
  #host: LocalHost | undefined;
  #jid: Jid | undefined;
  /** Accounts (bare JIDs) that this stream must not log in to, with the error that closes it: see `revoke`. */
  readonly #revoked = new Map<string, StreamError>();
  readonly #work: StanzaWork;
  #slowReader: SlowReader | undefined;
  /** Set from `attach` until `ready`: the stanzas that the client missed are being sent. */
  #isReplaying = false;

  /** @param stream absent for a session that sleeps from the beginning: see `asleep` */
  constructor(stream: ClientStream | undefined, context: C2SContext, options: C2SOptions, id = newId()) {
    this.#stream = stream;
    this.#context = context;
    this.#options = options;
    this.#work = new StanzaWork(options.maxPendingWork);
    this.#secure = stream?.secure ?? false;
    this.remoteAddress = stream?.remoteAddress ?? 'unknown';
    this.id = id;
    this.#ownLog = context.log.child({ c2s: this.id });
    this.log = context.strangers?.of(this.#ownLog, this.remoteAddress) ?? this.#ownLog;
  }

  /**
   * Restores a saved session, which sleeps until its client resumes it. Does not fire `resource-bind`. The caller has
   * awaited `host.ready` for the user.
   * @throws TypeError if a module cannot use its part; then the session is not added to the host
   */
  static asleep(record: SessionRecord, host: LocalHost, context: C2SContext): C2SSession {
    const session = new C2SSession(undefined, context, { ...C2S_DEFAULTS, ...context.options }, record.id);
    session.#host = host;
    session.#jid = Jid.parse(record.jid);
    session.#secure = record.secure;
    session.boundAt = record.boundAt;
    session.stanzasIn = record.in;
    session.stanzasOut = record.out;
    session.phase = 'asleep';
    loadParts(host, session, record.parts);
    host.sessions.add(session);
    return session;
  }

  /** Saves the session: `asleep` restores it from this record, in this process or the next. */
  record(): SessionRecord {
    const { id, boundAt, secure, stanzasIn, stanzasOut } = this;
    const parts = saveParts(this.host, this);
    return { v: 1, id, jid: `${this.jid}`, secure, boundAt, in: stanzasIn, out: stanzasOut, parts };
  }

  /** Known from the client's header on. */
  get host(): LocalHost {
    if (!this.#host) throw new Error('The session has no host before the stream header of its client');
    return this.#host;
  }

  set host(host: LocalHost) {
    this.#host = host;
  }

  /** The full JID; before binding the bare one, before authentication that of the host. */
  get jid(): Jid {
    return this.#jid ?? Jid.of(undefined, this.host.domain);
  }

  get connected(): boolean {
    return this.#stream !== undefined;
  }

  get queuedBytes(): number {
    return this.#stream?.queuedBytes ?? 0;
  }

  get secure(): boolean {
    return this.#stream?.secure ?? this.#secure;
  }

  /** Whether the session has its address: connected or asleep. */
  get #isBound(): boolean {
    return this.phase === 'bound' || this.phase === 'asleep';
  }

  /** The client has authenticated as this account. Closes the stream if the account was revoked during the login. */
  authenticated(bare: Jid): void {
    this.#jid = bare;
    const error = this.#revoked.get(bare.bare);
    if (error) return this.#stream?.close(error);
    const budget = this.#context.accountBudgets?.of(bare.bare);
    if (budget) this.#stream?.shareBudget(budget);
  }

  revoke(host: LocalHost, user: string, error: StreamError): boolean {
    if (this.#host !== host) return false;
    const { bare } = Jid.of(user, host.domain);
    this.#revoked.set(bare, error);
    if (this.#jid?.bare !== bare) return false;
    this.#stream?.close(error);
    return true;
  }

  /**
   * Gives the session its address. Then ends the session that had the address before (RFC 6120 §7.7.2.2): in this order the
   * address is never free, so no stanza goes to another client. `answer` sends the result of the bind request before any
   * stanza.
   */
  bind(jid: Jid, answer: () => void): void {
    const { hooks, sessions } = this.host;
    const former = sessions.get(jid);
    this.#jid = jid;
    this.log = this.#context.strangers?.ofAccount(this.#ownLog, jid.bare) ?? this.#ownLog;
    this.phase = 'bound';
    this.boundAt = this.#context.clock.now();
    if (this.#stream) this.#take(this.#stream);
    sessions.add(this);
    answer();
    former?.close(new StreamError('conflict', 'Replaced by a new session'), this);
    this.log.info('client bound', { jid: `${jid}`, secure: this.secure, address: this.remoteAddress });
    hooks.notify('resource-bind', { session: this });
  }

  /** Continues on another stream, on which the client has authenticated again (XEP-0198 §5). */
  attach(stream: ClientStream): void {
    const former = this.#release();
    former?.close(new StreamError('conflict', 'Resumed on another stream'));
    this.phase = 'bound';
    this.remoteAddress = stream.remoteAddress;
    this.#take(stream);
    this.#isReplaying = true;
    this.log.info('client resumed', { address: this.remoteAddress });
    this.host.hooks.notify('c2s-attach', { session: this });
  }

  ready(): void {
    if (!this.#isReplaying) return;
    this.#isReplaying = false;
    this.host.hooks.notify('c2s-resume', { session: this });
  }

  /**
   * Ends the stream without a closing tag, after all output has been sent. The client sees a broken connection, so it may
   * resume the session (XEP-0198 §5). For the session it has the effect of `detach`.
   */
  drop(error: Error): void {
    this.#stream?.drop(error);
  }

  /** The stream broke. The session sleeps if a module keeps it for the client; otherwise it ends. */
  detach(error: Error): void {
    if (this.phase !== 'bound') return;
    this.#release();
    if (!this.#mayBeResumed(error)) {
      this.#end(error);
      return;
    }
    this.phase = 'asleep';
    this.log.info('client asleep', { why: error.message });
  }

  /** Ends this session, which is not bound, and returns its stream for the session that the client resumes. */
  release(): ClientStream | undefined {
    if (this.phase !== 'binding') return undefined;
    this.phase = 'closed';
    this.#context.negotiating?.delete(this);
    return this.#release();
  }

  send(element: ElementLike, onTaken?: () => void): boolean {
    if (!this.#isBound) return false;
    const event = { session: this, element: ownElement(element), onTaken };
    const passed = passOut(this.host, event);
    if (passed === 'held') return true;
    return passed !== 'refused' && this.commit(passed, onTaken);
  }

  commit(element: Element, onTaken?: () => void): boolean {
    if (!this.#isBound) return false;
    const answer = passCommit(this.host, { session: this, element, onTaken });
    if (answer === 'refused') return false;
    // A handler may have ended the session. In a sleeping session, an element that no module queues is lost.
    const written = answer !== 'queued' && this.#stream !== undefined && this.#write(this.#stream, element);
    if (answer === undefined && !written) return false;
    this.stanzasOut++;
    if (answer === undefined) onTaken?.();
    return true;
  }

  write(element: Element | string): boolean {
    return this.#stream !== undefined && this.#write(this.#stream, element);
  }

  disconnect(error: StreamError): boolean {
    if (this.#stream === undefined || this.#stream.isPaused) return false;
    this.#stream.close(error, 'timeout');
    return true;
  }

  close(error?: Error, successor?: Contract): void {
    if (this.phase === 'closed') return;
    const stream = this.#stream;
    if (this.#isBound) this.#end(error, successor); // First, so that modules cannot write to the closing stream.
    stream?.close(error);
  }

  hold(work: Promise<unknown>): void {
    this.#work.hold(work);
  }

  charge(bytes: number): void {
    if (bytes > 0 && this.#stream) this.#context.accountBudgets?.of(this.jid.bare).take(bytes, this.#stream);
  }

  #take(stream: ClientStream): void {
    this.#stream = stream;
    this.#secure = stream.secure;
    const { outputMarkBytes: markBytes, outputTimeoutMs: limitMs } = this.#options;
    this.#slowReader = new SlowReader(stream, this.#context.clock, { markBytes, limitMs, isPausing: true });
    stream.handler = this.#handlerFor(stream);
    stream.negotiated();
    this.#work.stream = stream;
  }

  #release(): ClientStream | undefined {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#isReplaying = false;
    this.#work.stream = undefined;
    this.#slowReader?.stop();
    this.#slowReader = undefined;
    return stream;
  }

  /** The handler of one stream. It ignores events of a stream that is no longer this session's. */
  #handlerFor(stream: ClientStream): StreamHandler {
    return {
      onHeader: () => {},
      onElement: (element) => {
        if (this.#stream === stream) this.#receive(element, stream.header?.lang);
      },
      onClose: (error, cause) => {
        if (this.#stream === stream) this.#streamClosed(error, cause);
      },
      onDrain: () => {
        if (this.#stream === stream) this.#slowReader?.drained();
      },
    };
  }

  #streamClosed(error: Error | undefined, cause: StreamCloseCause): void {
    if (error !== undefined && RESUMABLE.has(cause)) {
      this.detach(error);
      return;
    }
    this.#end(error);
  }

  #mayBeResumed(error: Error): boolean {
    const answer = this.host.hooks.ask('c2s-disconnect', { session: this, error });
    return answer === 'sleep' && this.phase === 'bound'; // A handler may have closed it.
  }

  /** Ends the session, once. All ways to end it lead here. */
  #end(error: Error | undefined, successor?: Contract): void {
    if (this.phase === 'closed') return;
    this.phase = 'closed';
    this.#release();
    this.host.sessions.remove(this);
    this.log.info('client gone', { jid: `${this.jid}`, ...(error ? { why: error.message } : {}) });
    const end = { session: this, error, successor };
    this.host.hooks.notify('resource-ending', end);
    this.host.hooks.notify('resource-unbind', end);
  }

  // ── From the client ──────────────────────────────────────────────────────────────────────────────────────────

  #receive(received: Element, lang: string | undefined): void {
    if (acceptIn(this.phase, received) === 'nonza') this.#handle(received);
    else this.#receiveStanza(received, lang);
  }

  #receiveStanza(received: Stanza, lang: string | undefined): void {
    this.stanzasIn++;
    this.#work.handle(
      () => this.#submit(stampStanza(received, this.jid, lang)),
      (work) => this.host.hooks.notify('c2s-handle', { session: this, stanza: received, work }),
    );
  }

  #handle(element: Element): void {
    const handler = this.host.nonzas.get('c2s', element);
    if (!handler) throw new StreamError('unsupported-stanza-type', `<${element.name}/> is unknown here`);
    handler(element, this);
  }

  #submit(stanza: Stanza): void {
    const { router } = this.#context;
    const problem = checkStanza(stanza);
    if (problem) router.bounce(stanza, problem);
    else if (isLegacySession(stanza, this.jid)) router.route(emptyResult(stanza, this.jid), this.host.origin);
    else {
      const before = router.dispatched;
      router.submit(this, stanza);
      this.charge(fanOutBytes(router.dispatched - before));
    }
  }

  // ── To the client ────────────────────────────────────────────────────────────────────────────────────────────

  /** Writes, and pauses reading from a client that does not read itself, so that its queue does not grow to the limit. */
  #write(stream: ClientStream, element: Element | string): boolean {
    const accepted = stream.send(element);
    this.#slowReader?.written();
    return accepted;
  }
}
