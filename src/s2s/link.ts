// The way from one of our domains to one other domain: which stream our stanzas take, and what waits for one.
//
// Any number of streams may lead there: one of ours, and bidirectional ones of the peer's (XEP-0288). One of them
// carries, until it ends; only then the next one does. So stanzas stay in order (RFC 6120 §10.1), and what the peer has
// not acknowledged goes before everything else (docs/adr/0016).

import type { Link as LinkView } from '../api/link.ts';
import { moduleAsking, moduleWanting, payerOf, payerOfCall } from '../api/payer.ts';
import { HOST_OPTIONS } from '../config/core-options.ts';
import type { LocalHost } from '../core/host.ts';
import { isPermanent, reasonOf } from '../net/errors.ts';
import type { Timer } from '../util/clock.ts';
import type { SharedBudget } from '../util/shared-budget.ts';
import type { Stanza } from '../xml/element.ts';
import { StanzaError, StreamError } from '../xml/errors.ts';
import { type CallEnd, Caller } from './caller.ts';
import { HostLedger } from './ledger.ts';
import { LinkStreams } from './link-streams.ts';
import { LinkError, type Outgoing, type OutgoingContext } from './outgoing.ts';
import { refusalOf } from './policy.ts';
import { LinkQueue, type QueueBudget } from './queue.ts';
import { Reachability } from './reachability.ts';
import type { S2SStream } from './stream.ts';
import { Unacknowledged } from './unacknowledged.ts';
import { undeliverable } from './undeliverable.ts';
import type { Wants } from './wants.ts';

const OPTIONS = { s2s_queue_time: HOST_OPTIONS.s2s_queue_time };

/** How long the ledger may keep us from sending on a new stream. */
const BEGIN_MS = 10_000;

/** What all links share. */
export interface SharedParts {
  /** Calls under way. */
  readonly calls: SharedBudget;
  readonly waiting: QueueBudget;
  readonly wants: Wants;
}

export class Link {
  readonly host: LocalHost;
  readonly remote: string;
  /** What went wrong last, and when (ms since 1970). */
  lastError: { readonly message: string; readonly at: number } | undefined;
  readonly #context: OutgoingContext;
  readonly #wants: Wants;
  readonly #caller: Caller;
  readonly #ledger: HostLedger;
  readonly #reachability: Reachability;
  readonly #queue: LinkQueue;
  readonly streams = new LinkStreams();
  /** Those that could carry, oldest first. */
  readonly #candidates = new Set<S2SStream>();
  /** The one that will, once the ledger is ready. */
  #starting: S2SStream | undefined;
  #carrier: S2SStream | undefined;
  /** Has carried and takes nothing more, but has not ended. */
  #leaving: S2SStream | undefined;
  readonly #unacknowledged: Unacknowledged;
  #isClosing = false;
  /** Who hears when nothing waits any more; nothing waits for a second attempt then. */
  #onEmpty: (() => void) | undefined;
  #onIdle: (() => void) | undefined;

  constructor(host: LocalHost, remote: string, context: OutgoingContext, shared: SharedParts) {
    this.host = host;
    this.remote = remote;
    this.#context = context;
    this.#ledger = new HostLedger(host);
    this.#wants = shared.wants;
    this.#queue = new LinkQueue(
      context.clock,
      shared.waiting,
      (stanza) => payerOf(host, stanza),
      (late) => this.#returnAll(late, this.#reachability.failure ?? this.#delay),
    );
    this.#unacknowledged = new Unacknowledged(
      (stanza) =>
        context.router.pendingIqs.isOverhead(stanza) ||
        !this.#ledger.mayResend(stanza) ||
        host.hooks.ask('link-resend', { remote, stanza }) === 'needless',
    );
    this.#reachability = new Reachability(() => host.config.get(OPTIONS).s2s_queue_time);
    this.#caller = new Caller({
      host,
      remote,
      context,
      calls: shared.calls,
      reachability: this.#reachability,
      queued: () => this.queued,
      onOpen: (session) => this.opened(session).offer(session),
      onEnd: (end) => this.#onEnd(end),
      onRetry: () => this.#settle(),
    });
  }

  /** The stream that our stanzas take. */
  get session(): S2SStream | undefined {
    return this.#carrier;
  }

  /** The stream of ours, whatever state it is in. */
  get call(): Outgoing | undefined {
    return this.#caller.call;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** A stream of ours is there, or being made. */
  get isActive(): boolean {
    return this.call !== undefined;
  }

  get state(): LinkView['state'] {
    if (this.streams.isAnyOpen) return 'up';
    return this.#reachability.failure ? 'down' : 'unknown';
  }

  /** When the next attempt is made, in ms of `clock.elapsed`; `undefined` when none is planned. */
  get nextTry(): number | undefined {
    if (this.#caller.isRetrying) return Math.max(this.#reachability.retryAt, this.#now);
    return this.#wants.nextTry(this.host.domain, this.remote);
  }

  /** Nothing is under way, and nothing needs to be remembered. */
  get isIdle(): boolean {
    return this.isForgettable && !this.#isPaused && !this.#reachability.isKnown(this.#now);
  }

  get isForgettable(): boolean {
    return this.isUnused && this.streams.size === 0;
  }

  get isUnused(): boolean {
    const isAwaited = this.queued > 0 || this.#caller.isAwaited;
    return !isAwaited && !this.isActive && this.#candidates.size === 0 && this.#leaving === undefined;
  }

  /** Sends a stanza in its turn, or returns it to its sender. */
  send(stanza: Stanza, isOverhead: boolean): void {
    const refusal = refusalOf(this.host, this.remote);
    if (refusal) return this.#context.router.bounce(stanza, refusal);
    if (!this.#queue.isDraining && this.#carrier?.carry(stanza, isOverhead)) return;
    const obstacle = this.#obstacle;
    if (obstacle) return this.#bounce(stanza, obstacle);
    this.#caller.chargeTo(payerOfCall(this.host, stanza));
    const deadline = this.#reachability.deadline(stanza, this.#now);
    const isFull = this.#queue.add(stanza, deadline, isOverhead);
    if (isFull) return this.#context.router.bounce(stanza, isFull);
    this.#settle();
  }

  /** A stream of ours, secured but perhaps not authenticated. @throws Error when it cannot be made. */
  connect(): Promise<S2SStream> {
    const { prepared } = this.#caller;
    if (prepared) return Promise.resolve(prepared);
    this.#caller.chargeTo(moduleAsking(this.remote));
    // Of a peer that is known, the question waits for the next attempt: perhaps it is back, and wants to be verified.
    const pause = this.#reachability.isKnown(this.#now) ? undefined : this.#pausedFor;
    const obstacle = this.call ? undefined : (this.#unreachable ?? pause);
    if (obstacle) return Promise.reject(obstacle);
    return this.#caller.ask();
  }

  /** Makes one attempt for modules that want the link; see `Caller.want`. Returns the function that withdraws it. */
  want(failed: () => void): () => void {
    if (this.#isClosing || refusalOf(this.host, this.remote)) failed();
    else {
      this.#caller.chargeTo(moduleWanting(this.remote));
      this.#caller.want(failed);
    }
    return () => this.#caller.unwant();
  }

  /** A stream has been authenticated for this pair of domains. */
  opened(session: S2SStream): this {
    this.streams.add(session);
    this.#wants.opened(this.host.domain, this.remote);
    return this;
  }

  /** A stream that may carry is ready for it. */
  offer(session: S2SStream): void {
    this.#candidates.add(session);
    this.#settle();
  }

  /** The peer has called us, on a stream that does not carry: it can be reached again, probably. */
  heard(): void {
    this.#reachability.heard(this.#now);
    if (this.queued > 0) this.#settle();
  }

  /** A stream is over. */
  ended(session: S2SStream): void {
    this.streams.delete(session);
    if (!this.#candidates.delete(session)) return;
    if (this.#starting === session) this.#starting = undefined;
    if (this.#carrier === session || this.#leaving === session) {
      this.#carrier = undefined;
      this.#leaving = undefined;
      this.#takeBack(session);
    }
    this.#settle();
  }

  /** Ends the stream of ours. The next stanza opens a new one. */
  close(error?: Error): void {
    this.#reachability.forgive();
    this.call?.close(error);
  }

  /** Sends what waits within one attempt, or returns it; calls back when nothing waits. Holds until `relax`. */
  hurry(onEmpty: () => void): void {
    this.#reachability.forgive();
    this.#onEmpty = onEmpty;
    this.#settle();
  }

  /** Returns what has not been sent by now. */
  relax(): void {
    this.#onEmpty = undefined;
    this.#returnAll(
      this.#queue.all(),
      this.#reachability.failure ?? new LinkError('this server is stopping'),
    );
  }

  /** Takes no more, and closes its streams in order once all that was sent has gone; resolves when they have ended. */
  shutdown(): Promise<void> {
    this.#isClosing = true;
    this.#reachability.forgive();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      this.#settle();
    });
  }

  /** Ends at once what is left, and returns what waits. */
  abort(error: Error): void {
    this.#isClosing = true;
    this.call?.close(error);
    this.#giveUp(new LinkError('this server is stopping'));
  }

  get #now(): number {
    return this.#context.clock.elapsed();
  }

  get #isPaused(): boolean {
    return this.#now < this.#reachability.retryAt;
  }

  /** The last attempt has failed just before. */
  get #pausedFor(): Error | undefined {
    return this.#isPaused
      ? (this.#reachability.failure ?? new LinkError('the last streams broke'))
      : undefined;
  }

  /** Why nobody is called for now, whoever asks. */
  get #unreachable(): Error | undefined {
    if (this.#isClosing) return new LinkError('this server is stopping');
    return this.#caller.isHeldBack ? new LinkError('too many servers are being called') : undefined;
  }

  /** The error of stanzas that expired although no attempt has failed. */
  get #delay(): Error {
    if (!this.#caller.isHeldBack) return new LinkError('there was no link in time');
    const text = 'You are writing to too many servers that do not answer';
    return new StanzaError('resource-constraint', { text });
  }

  /** Why a stanza cannot even wait. */
  get #obstacle(): Error | undefined {
    if (this.#isClosing) return this.#unreachable;
    if (this.call?.isUsable || this.#candidates.size > 0) return undefined;
    const failure = this.#pausedFor;
    const isHopeful = this.#reachability.mayWait(this.#now) && !isPermanent(failure) && !this.#onEmpty;
    return isHopeful ? undefined : failure;
  }

  /** Finds a stream for what waits; one that carries stays the one. */
  #settle(): void {
    if (this.#carrier?.isOpen === false) {
      this.#leaving = this.#carrier;
      this.#carrier = undefined;
    }
    if (this.#starting?.isOpen === false) this.#starting = undefined;
    const isServed = this.#carrier !== undefined || this.#starting !== undefined;
    // What a stream has not delivered goes before everything else, so its end comes first.
    const next = isServed || this.#leaving ? undefined : [...this.#candidates].find(({ isOpen }) => isOpen);
    if (next) this.#start(next);
    else if ((!isServed && this.queued > 0) || this.#caller.isAwaited) this.#caller.demand();
    if (this.queued === 0) this.#onEmpty?.();
    if (this.#isClosing) this.#leave();
  }

  #start(session: S2SStream): void {
    this.#starting = session;
    let limit: Timer | undefined;
    const answer = this.#ledger.open(session, this.remote, this.#unacknowledged.stream, (acknowledged) => {
      limit?.cancel();
      this.#begin(session, acknowledged);
    });
    if (answer !== 'wait') return this.#begin(session, 0);
    if (this.#starting !== session) return; // It is ready already.
    limit = this.#context.clock.after(BEGIN_MS, () =>
      session.close(new StreamError('connection-timeout', 'No answer'), 'timeout'),
    );
  }

  #begin(session: S2SStream, acknowledged: number): void {
    if (this.#starting !== session) return;
    this.#starting = undefined;
    this.#carrier = session;
    this.#queue.drop(this.#unacknowledged.acknowledge(acknowledged));
    this.lastError = undefined;
    this.#reachability.began(this.#now);
    if (!session.isOurs) this.#caller.retract();
    const carry = (stanza: Stanza, isOverhead: boolean): void => {
      if (this.#unacknowledged.isWanted(stanza)) session.carry(stanza, isOverhead);
    };
    this.#queue.drain(
      () => session.isOpen,
      carry,
      () => this.#settle(),
    );
  }

  /** Whose stanzas were on their way when the stream ended goes first in the queue. */
  #takeBack(session: S2SStream): void {
    const unwritten = session.takeUnwritten();
    const unacknowledged = this.#ledger.unacknowledged(session, this.remote) ?? unwritten;
    const now = this.#now;
    this.#reachability.ended(now, unacknowledged.length > 0);
    if (unacknowledged.length === 0) return;
    const { all, again, tooOften } = this.#unacknowledged.take(session, unacknowledged);
    if (this.#isClosing) return this.#returnAll(all, new LinkError('the link broke'));
    const wanted = again.filter((stanza) => this.#unacknowledged.isWanted(stanza));
    this.#queue.putFirst(wanted, (stanza) => this.#reachability.deadline(stanza, now));
    this.#returnAll(tooOften, new LinkError('the link broke'));
  }

  #onEnd({ call, error, isCurrent, wasUsed }: CallEnd): void {
    const { session, isGivenUp } = call;
    const reason = error ?? new LinkError('the stream was closed');
    if (error && !isGivenUp && isCurrent)
      this.lastError = { message: reasonOf(error), at: this.#context.clock.now() };
    const wasOpen = session !== undefined && this.#candidates.has(session);
    if (isCurrent) this.#caller.giveUp(reason);
    if (session) this.ended(session);
    if (!isCurrent || wasOpen) return;
    if (!wasUsed && !isGivenUp) this.#failed(reason);
    const isLast = this.#isClosing || this.#onEmpty !== undefined;
    const isHopeless = isPermanent(reason) || isLast || !this.#reachability.mayWait(this.#now);
    if (isHopeless && !this.#carrier && !this.#starting) this.#giveUp(reason);
    this.#settle();
  }

  #failed(error: Error): void {
    const { host, remote, queued: waiting } = this;
    const nextTryMs = Math.round(this.#reachability.failed(error, this.#now));
    host.log.info('s2s failed', { remote, why: error.message, nextTryMs, waiting });
    host.hooks.notify('link-fail', { remote, permanent: isPermanent(error), error });
  }

  /** The server stops: closes what has nothing to send any more. */
  #leave(): void {
    if (this.queued > 0) return;
    if (!this.#starting) for (const session of this.#candidates) session.close(undefined, 'local');
    if (this.call && !this.call.session?.remotes.size) this.call.close();
    if (!this.isUnused) return;
    this.#onIdle?.();
    this.#onIdle = undefined;
  }

  #giveUp(reason: Error): void {
    this.#caller.giveUp(reason);
    this.#unacknowledged.clear();
    this.#returnAll(this.#queue.all(), reason);
  }

  #returnAll(stanzas: readonly Stanza[], reason: Error): void {
    for (const stanza of stanzas) if (this.#unacknowledged.isWanted(stanza)) this.#bounce(stanza, reason);
  }

  #bounce(stanza: Stanza, reason: Error): void {
    this.#context.router.bounce(stanza, undeliverable(this.remote, reason));
  }
}
