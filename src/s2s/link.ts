// The link between one of our domains and one remote domain.
//
//   send ──▶ the carrier (carrier.ts), one of the streams with the remote ──▶ the remote
//     │          ▲     │ ended: what is unacknowledged goes first (unacknowledged.ts)
//     ▼          │     ▼
//   the queue (queue.ts), for which the caller (caller.ts) calls the remote as often as its reachability allows
//
// Any number of streams may lead to the remote: one of ours, and bidirectional ones of the remote's (XEP-0288).

import type { Link as LinkView } from '../api/link.ts';
import { moduleAsking, moduleWanting, payerOfWaiting } from '../api/payer.ts';
import { HOST_OPTIONS } from '../config/core-options.ts';
import type { LocalHost } from '../core/host.ts';
import { isPermanent, reasonOf } from '../net/errors.ts';
import { eventLoop } from '../net/event-loop.ts';
import type { SharedBudget } from '../util/shared-budget.ts';
import type { Stanza } from '../xml/element.ts';
import { StanzaError } from '../xml/errors.ts';
import { type CallEnd, Caller } from './caller.ts';
import { Carriers } from './carrier.ts';
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

/** Stanzas that return in one turn of the event loop: some milliseconds of work. */
const RETURNED_PER_TURN = 500;

const STOPPING = 'this server is stopping';

/** What all links share. */
export interface SharedParts {
  /** Calls under way. */
  readonly calls: SharedBudget;
  readonly waiting: QueueBudget;
  readonly wants: Wants;
  /** A stream has been authenticated for a pair of domains, which need not be that of the link that called. */
  opened(stream: S2SStream, remote: string, local: string): void;
  /** A stream has ended, for all its pairs. */
  ended(stream: S2SStream): void;
}

export class Link {
  readonly host: LocalHost;
  readonly remote: string;
  readonly streams = new LinkStreams();
  /** The last error, and when it happened (ms since 1970). */
  lastError: { readonly message: string; readonly at: number } | undefined;
  readonly #context: OutgoingContext;
  readonly #shared: SharedParts;
  readonly #reachability: Reachability;
  readonly #queue: LinkQueue;
  readonly #carriers: Carriers;
  readonly #unacknowledged: Unacknowledged;
  readonly #caller: Caller;
  #isClosing = false;
  /** Set during `flush`: called when the queue is empty. Until `endFlush`, stanzas wait for one attempt only. */
  #onFlushed: (() => void) | undefined;
  /** Set by `shutdown`: called when all streams have ended. */
  #onIdle: (() => void) | undefined;
  /** The same function each time, so that a busy stream keeps one for this link. */
  readonly #goOn = () => this.#settle();

  constructor(host: LocalHost, remote: string, context: OutgoingContext, shared: SharedParts) {
    this.host = host;
    this.remote = remote;
    this.#context = context;
    this.#shared = shared;
    const ledger = new HostLedger(host);
    this.#reachability = new Reachability(() => host.config.get(OPTIONS).s2s_queue_time);
    this.#queue = new LinkQueue(
      context.clock,
      shared.waiting,
      (stanza) => payerOfWaiting(host, stanza),
      (late) => this.#returnAll(late, this.#reachability.failure ?? this.#delay),
    );
    this.#unacknowledged = new Unacknowledged({ host, remote, router: context.router, ledger });
    this.#carriers = new Carriers({
      ...{ remote, clock: context.clock, ledger },
      previous: () => this.#unacknowledged.stream,
      onReady: (stream, acknowledged) => this.#begin(stream, acknowledged),
      onEnd: (stream) => this.#takeBack(stream),
    });
    this.#caller = new Caller({
      ...{ host, remote, context, calls: shared.calls, reachability: this.#reachability },
      queued: () => this.queued,
      isServed: () => this.#carriers.isServing,
      onAuthenticated: shared.opened,
      onOpen: (stream) => this.offer(stream),
      onEnd: (end) => this.#onEnd(end),
      onRetry: () => this.#settle(),
    });
  }

  /** The stream that our stanzas take. */
  get carrier(): S2SStream | undefined {
    return this.#carriers.current;
  }

  /** Our stream, in any state. */
  get outgoing(): Outgoing | undefined {
    return this.#caller.outgoing;
  }

  get queued(): number {
    return this.#queue.size;
  }

  get state(): LinkView['state'] {
    if (this.streams.isAnyOpen) return 'up';
    return this.#reachability.failure ? 'down' : 'unknown';
  }

  /** When the next attempt is made, in ms of `clock.elapsed`; `undefined` when none is planned. */
  get nextTry(): number | undefined {
    if (this.#caller.isRetrying) return Math.max(this.#reachability.retryAt, this.#now);
    return this.#shared.wants.nextTry(this.host.domain, this.remote);
  }

  /** Whether the pool may forget this link without loss: it is forgettable, and its reachability says nothing. */
  get isIdle(): boolean {
    return this.isForgettable && !this.#reachability.mustRemember(this.#now);
  }

  /** Whether the pool may forget this link when it has too many: it is unused, and has no stream in either direction. */
  get isForgettable(): boolean {
    return this.isUnused && this.streams.size === 0;
  }

  /** Whether no stanza and no module waits for a stream, and no stream of ours or for our stanzas exists. */
  get isUnused(): boolean {
    const isAwaited = this.queued > 0 || this.#caller.isAwaited;
    return !isAwaited && this.outgoing === undefined && this.#carriers.isEmpty;
  }

  /** Sends a stanza behind those that wait, queues it, or returns it to its sender with an error. */
  send(stanza: Stanza, isOverhead: boolean): void {
    const refusal = refusalOf(this.host, this.remote);
    if (refusal) return this.#context.router.bounce(stanza, refusal);
    const { carrier } = this;
    const mustQueue = this.queued > 0 || this.#queue.isDraining || carrier?.output.isBusy;
    if (!mustQueue && carrier?.carry(stanza, isOverhead)) return;
    const obstacle = this.#obstacle;
    if (obstacle) return this.#bounce(stanza, obstacle);
    this.#caller.chargeTo(payerOfWaiting(this.host, stanza));
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
    // A known remote that wants to be verified is probably back: the question waits for the next attempt.
    const now = this.#now;
    const pause = this.#reachability.isKnown(now) ? undefined : this.#reachability.pausedFor(now);
    const obstacle = this.outgoing ? undefined : (this.#unreachable ?? pause);
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
  opened(stream: S2SStream): void {
    this.streams.add(stream);
    this.#shared.wants.opened(this.host.domain, this.remote);
  }

  /** A stream may carry from now on. */
  offer(stream: S2SStream): void {
    this.#carriers.add(stream);
    this.#settle();
  }

  /** The remote has called us, on a stream that may not carry: it can probably be reached again. */
  heard(): void {
    this.#reachability.heard(this.#now);
    if (this.queued > 0) this.#settle();
  }

  ended(stream: S2SStream): void {
    this.streams.delete(stream);
    if (this.#carriers.delete(stream)) this.#settle();
  }

  /** Ends our stream. The next stanza opens a new one. */
  close(error?: Error): void {
    this.#reachability.forgive();
    this.outgoing?.close(error);
  }

  /**
   * Sends the waiting stanzas if one attempt succeeds, and returns them otherwise. Calls back when none waits. `endFlush` ends
   * this state.
   */
  flush(onFlushed: () => void): void {
    this.#reachability.forgive();
    this.#onFlushed = onFlushed;
    this.#settle();
  }

  /** Ends a `flush`: returns the stanzas that still wait. */
  endFlush(): void {
    this.#onFlushed = undefined;
    this.#returnNow(this.#queue.all(), this.#reachability.failure ?? new LinkError(STOPPING));
  }

  /** Accepts no more stanzas, sends those that wait, then closes its streams in order. Resolves when they have ended. */
  shutdown(): Promise<void> {
    this.#isClosing = true;
    this.#reachability.forgive();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      this.#settle();
    });
  }

  /** Ends our stream immediately, and returns the waiting stanzas. */
  abort(error: Error): void {
    this.#isClosing = true;
    this.outgoing?.close(error);
    this.#giveUp(new LinkError(STOPPING));
  }

  get #now(): number {
    return this.#context.clock.elapsed();
  }

  /** The reason not to call the remote now, for any purpose. */
  get #unreachable(): Error | undefined {
    if (this.#isClosing) return new LinkError(STOPPING);
    return this.#caller.isHeldBack
      ? new LinkError('too many calls to other servers are pending: try again later')
      : undefined;
  }

  /** The error of stanzas that expired although no attempt has failed. */
  get #delay(): Error {
    if (!this.#caller.isHeldBack) return new LinkError('there was no link in time');
    const text = 'You are writing to too many servers that do not answer';
    return new StanzaError('resource-constraint', { text });
  }

  /** The reason to return a stanza instead of queueing it. */
  get #obstacle(): Error | undefined {
    if (this.#isClosing) return this.#unreachable;
    if (this.outgoing?.isUsable || !this.#carriers.isEmpty) return undefined;
    const now = this.#now;
    const failure = this.#reachability.pausedFor(now);
    const isHopeful = this.#reachability.mayWait(now) && !isPermanent(failure) && !this.#onFlushed;
    return isHopeful ? undefined : failure;
  }

  /** Call this after any change of the queue or the streams: chooses a carrier, calls the remote, reports an empty queue. */
  #settle(): void {
    this.#carriers.choose();
    const { carrier } = this;
    if (carrier && this.queued > 0 && !this.#queue.isDraining) this.#drain(carrier);
    const isStreamNeeded = this.queued > 0 && !this.#carriers.isServing;
    if (isStreamNeeded || this.#caller.isAwaited) this.#caller.demand();
    if (this.queued === 0) this.#onFlushed?.();
    if (this.#isClosing) this.#leave();
  }

  /** The carrier is ready: sends the waiting stanzas, without those that the remote has acknowledged after all. */
  #begin(stream: S2SStream, acknowledged: number): void {
    this.#queue.drop(this.#unacknowledged.acknowledge(acknowledged));
    this.lastError = undefined;
    this.#reachability.began(this.#now);
    if (!stream.isOurs) this.#caller.spare();
    this.#drain(stream);
  }

  /** Sends what waits, as far as the stream takes it, and goes on when the remote has read. */
  #drain(stream: S2SStream): void {
    const carry = (stanza: Stanza, isOverhead: boolean): void => {
      if (this.#unacknowledged.isWanted(stanza)) stream.carry(stanza, isOverhead);
    };
    const { output } = stream;
    this.#queue.drain(
      () => stream.isOpen && !output.isBusy,
      carry,
      () => (this.queued > 0 && output.isBusy ? output.whenFree(this.#goOn) : this.#settle()),
    );
  }

  /** The carrier has ended: queues its unacknowledged stanzas first, and returns those that were resent too often. */
  #takeBack(stream: S2SStream): void {
    const { all, again, tooOften } = this.#unacknowledged.take(stream);
    const now = this.#now;
    this.#reachability.ended(now, all.length > 0);
    if (this.#isClosing) return this.#returnAll(all, new LinkError('the link broke'));
    this.#queue.putFirst(again, (stanza) => this.#reachability.deadline(stanza, now));
    this.#returnAll(tooOften, new LinkError('the link broke'));
  }

  /** A call has ended: records a failure, and returns the waiting stanzas if there is no hope. */
  #onEnd({ outgoing: { stream, isGivenUp }, error, outcome }: CallEnd): void {
    const reason = error ?? new LinkError('the stream was closed');
    if (error && !isGivenUp && outcome !== 'replaced')
      this.lastError = { message: reasonOf(error), at: this.#context.clock.now() };
    if (stream) this.#shared.ended(stream);
    if (outcome === 'replaced' || outcome === 'closed') return;
    if (outcome === 'failed' && !isGivenUp) this.#failed(reason);
    const isLast = this.#isClosing || this.#onFlushed !== undefined;
    const isHopeless = isPermanent(reason) || isLast || !this.#reachability.mayWait(this.#now);
    if (isHopeless && !this.#carriers.isServing) this.#giveUp(reason);
    this.#settle();
  }

  #failed(error: Error): void {
    const { host, remote, queued: waiting } = this;
    const nextTryMs = Math.round(this.#reachability.failed(error, this.#now));
    host.log.info('s2s failed', { remote, why: error.message, nextTryMs, waiting });
    host.hooks.notify('link-fail', { remote, permanent: isPermanent(error), error });
  }

  /** The server stops: once the queue is empty, closes the streams; reports when all have ended. */
  #leave(): void {
    if (this.queued > 0) return;
    this.#carriers.close();
    if (!this.outgoing?.stream?.remotes.size) this.outgoing?.close();
    if (!this.isUnused) return;
    this.#onIdle?.();
    this.#onIdle = undefined;
  }

  #giveUp(reason: Error): void {
    this.#caller.giveUp(reason);
    this.#unacknowledged.clear();
    this.#returnAll(this.#queue.all(), reason);
  }

  /** Returns stanzas in order. Unless the server stops, later turns of the event loop return the rest of many. */
  #returnAll(stanzas: readonly Stanza[], reason: Error): void {
    const isPart = !this.#isClosing && stanzas.length > RETURNED_PER_TURN;
    this.#returnNow(isPart ? stanzas.slice(0, RETURNED_PER_TURN) : stanzas, reason);
    if (isPart) eventLoop.defer(() => this.#returnAll(stanzas.slice(RETURNED_PER_TURN), reason));
  }

  #returnNow(stanzas: readonly Stanza[], reason: Error): void {
    for (const stanza of stanzas) if (this.#unacknowledged.isWanted(stanza)) this.#bounce(stanza, reason);
  }

  #bounce(stanza: Stanza, reason: Error): void {
    this.#context.router.bounce(stanza, undeliverable(this.remote, reason));
  }
}
