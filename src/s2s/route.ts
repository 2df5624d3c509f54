// The way from one of our domains to one other domain: which stream our stanzas take, and what waits for one.
//
// Any number of streams may lead there: one of ours, and bidirectional ones of the peer's (XEP-0288). One of them
// carries, until it ends; only then the next one does. So stanzas stay in order (RFC 6120 §10.1), and what the peer has
// not confirmed goes before everything else (docs/adr/0016).

import { HOST_OPTIONS } from '../config/core-options.ts';
import type { LocalHost } from '../core/host.ts';
import { isPermanent, reasonOf } from '../net/errors.ts';
import type { Timer } from '../util/clock.ts';
import type { Stanza } from '../xml/element.ts';
import { StreamError } from '../xml/errors.ts';
import { ask } from './ask.ts';
import { Leftovers } from './leftovers.ts';
import { notReached } from './not-reached.ts';
import { Outage } from './outage.ts';
import { type Calls, LinkError, Outgoing, type OutgoingContext } from './outgoing.ts';
import { refusalOf } from './policy.ts';
import type { S2SSession } from './session.ts';
import { Waiting } from './waiting.ts';

const OPTIONS = { s2s_queue_time: HOST_OPTIONS.s2s_queue_time };

/** Streams being established at once: whoever writes to ten thousand domains makes us call no more than that. */
const MAX_CALLS = 1_000;

/** A stream that was only made to ask something is closed after that, before its negotiation times out. */
const UNUSED_MS = 22_000;

/** How long a module may keep us from sending on a new stream. */
const BEGIN_MS = 10_000;

export class Route {
  readonly host: LocalHost;
  readonly remote: string;
  /** What went wrong last, and when (ms since 1970). */
  lastError: { readonly message: string; readonly at: number } | undefined;
  readonly #context: OutgoingContext;
  readonly #calls: Calls;
  readonly #outage: Outage;
  readonly #waiting: Waiting;
  /** The stream that we are making, or have made last. */
  #call: Outgoing | undefined;
  /** It is as secure as it will be. */
  #prepared: S2SSession | undefined;
  /** Those that could carry, oldest first. */
  readonly #able = new Set<S2SSession>();
  /** The one that will, once a module lets it. */
  #starting: S2SSession | undefined;
  #carrier: S2SSession | undefined;
  /** Has carried and takes nothing more, but has not ended. */
  #leaving: S2SSession | undefined;
  readonly #leftovers: Leftovers;
  #askers: PromiseWithResolvers<S2SSession>[] = [];
  #retry: Timer | undefined;
  #isClosing = false;
  /** Who hears when nothing waits any more; nothing waits for a second attempt then. */
  #onEmpty: (() => void) | undefined;
  #onIdle: (() => void) | undefined;

  /** `calls` is shared by all routes. */
  constructor(host: LocalHost, remote: string, context: OutgoingContext, calls: Calls) {
    this.host = host;
    this.remote = remote;
    this.#context = context;
    this.#calls = calls;
    this.#waiting = new Waiting(context.clock, (late) => {
      this.#returnAll(late, this.#outage.failure ?? new LinkError('there was no link in time'));
    });
    this.#leftovers = new Leftovers((stanza) => ask(host, 's2s-repeat', { remote, stanza }) === 'needless');
    this.#outage = new Outage(() => host.config.get(OPTIONS).s2s_queue_time);
  }

  /** The stream that our stanzas take. */
  get session(): S2SSession | undefined {
    return this.#carrier;
  }

  /** The stream of ours, whatever state it is in. */
  get call(): Outgoing | undefined {
    return this.#call;
  }

  get queued(): number {
    return this.#waiting.size;
  }

  /** A stream of ours is there, or being made. */
  get isActive(): boolean {
    return this.#call !== undefined;
  }

  /** When the next attempt is made, in ms since 1970; `undefined` when none is planned. */
  get nextTry(): number | undefined {
    return this.#retry === undefined ? undefined : this.#outage.retryAt;
  }

  /** Nothing is under way, and nothing needs to be remembered. */
  get isIdle(): boolean {
    return this.isUnused && !this.#isPaused && !this.#outage.isKnown(this.#now);
  }

  /** Nothing is under way. */
  get isUnused(): boolean {
    const isAwaited = this.queued > 0 || this.#askers.length > 0;
    return !isAwaited && !this.isActive && this.#able.size === 0 && this.#leaving === undefined;
  }

  /** Sends a stanza in its turn, or returns it to its sender. */
  send(stanza: Stanza): void {
    const refusal = refusalOf(this.host, this.remote);
    if (refusal) return this.#context.router.bounce(stanza, refusal);
    if (!this.#waiting.isDraining && this.#carrier?.carry(stanza)) return;
    const obstacle = this.#obstacle;
    if (obstacle) return this.#bounce(stanza, obstacle);
    if (!this.#waiting.add(stanza, this.#outage.deadline(stanza, this.#now))) {
      return this.#bounce(stanza, new LinkError('too much is waiting for the connection'));
    }
    this.#settle();
  }

  /** A stream of ours, secured but perhaps not authenticated. @throws Error when it cannot be made. */
  connect(): Promise<S2SSession> {
    this.#forgetUseless();
    if (this.#prepared) return Promise.resolve(this.#prepared);
    // Of a peer that is known, the question waits for the next attempt: perhaps it is back, and wants to be verified.
    const pause = this.#outage.isKnown(this.#now) ? undefined : this.#pausedFor;
    const obstacle = this.#call ? undefined : (this.#unreachable ?? pause);
    if (obstacle) return Promise.reject(obstacle);
    const asker = Promise.withResolvers<S2SSession>();
    this.#askers.push(asker);
    this.#demand();
    return asker.promise;
  }

  /** A stream that may carry is ready for it. */
  offer(session: S2SSession): void {
    this.#able.add(session);
    this.#settle();
  }

  /** The peer has called us, on a stream that does not carry: it can be reached again, probably. */
  heard(): void {
    this.#outage.heard(this.#now);
    if (this.queued > 0) this.#settle();
  }

  /** A stream that was offered is over. */
  ended(session: S2SSession): void {
    if (!this.#able.delete(session)) return;
    if (this.#starting === session) this.#starting = undefined;
    if (this.#carrier === session || this.#leaving === session) {
      this.#carrier = undefined;
      this.#leaving = undefined;
      this.#takeBack(session);
    }
    this.#settle();
  }

  /** Ends the stream of ours. The next stanza opens a new one, at once. */
  close(error?: Error): void {
    this.#outage.forgive();
    this.#call?.close(error);
  }

  /** Sends what waits within one attempt, or returns it; calls back when nothing waits. Holds until `relax`. */
  hurry(onEmpty: () => void): void {
    this.#outage.forgive();
    this.#onEmpty = onEmpty;
    this.#settle();
  }

  /** Returns what has not been sent by now. */
  relax(): void {
    this.#onEmpty = undefined;
    this.#returnAll(this.#waiting.all(), this.#outage.failure ?? new LinkError('this server is stopping'));
  }

  /** Takes no more, and closes its streams in order once all that was sent has gone; resolves when they have ended. */
  shutdown(): Promise<void> {
    this.#isClosing = true;
    this.#outage.forgive();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      this.#settle();
    });
  }

  /** Ends at once what is left, and returns what waits. */
  abort(error: Error): void {
    this.#isClosing = true;
    this.#call?.close(error);
    this.#giveUp(new LinkError('this server is stopping'));
  }

  get #now(): number {
    return this.#context.clock.now();
  }

  get #isPaused(): boolean {
    return this.#now < this.#outage.retryAt;
  }

  /** The last attempt has failed just before. */
  get #pausedFor(): Error | undefined {
    return this.#isPaused ? (this.#outage.failure ?? new LinkError('the last streams broke')) : undefined;
  }

  /** Why nobody is called for now, whoever asks. */
  get #unreachable(): Error | undefined {
    if (this.#isClosing) return new LinkError('this server is stopping');
    return this.#calls.underWay >= MAX_CALLS ? new LinkError('too many servers are being called') : undefined;
  }

  /** Why a stanza cannot even wait. */
  get #obstacle(): Error | undefined {
    if (this.#isClosing) return this.#unreachable;
    if (this.#call?.isUsable || this.#able.size > 0) return undefined;
    const failure = this.#pausedFor;
    const isHopeful = this.#outage.mayWait(this.#now) && !isPermanent(failure) && !this.#onEmpty;
    return isHopeful ? undefined : (this.#unreachable ?? failure);
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
    const next = isServed || this.#leaving ? undefined : [...this.#able].find(({ isOpen }) => isOpen);
    if (next) this.#start(next);
    else if ((!isServed && this.queued > 0) || this.#askers.length > 0) this.#demand();
    if (this.queued === 0) this.#onEmpty?.();
    if (this.#isClosing) this.#leave();
  }

  #start(session: S2SSession): void {
    this.#starting = session;
    const { remote } = this;
    const answer = ask(this.host, 's2s-begin', { session, remote, previous: this.#leftovers.session });
    if (answer !== 'wait') return this.#begin(session, 0);
    const limit = this.#context.clock.after(BEGIN_MS, () =>
      session.close(new StreamError('connection-timeout', 'No answer'), 'timeout'),
    );
    session.onceBegun((confirmed) => {
      limit.cancel();
      this.#begin(session, confirmed);
    });
  }

  #begin(session: S2SSession, confirmed: number): void {
    if (this.#starting !== session) return;
    this.#starting = undefined;
    this.#carrier = session;
    this.#waiting.drop(this.#leftovers.confirmed(confirmed));
    this.lastError = undefined;
    this.#outage.began(this.#now);
    if (!session.isOurs) this.#retractCall();
    this.#flush(session);
    this.#settle();
  }

  /**
   * The peer's stream does. One of ours that is being authenticated may be carrying for the peer already, so it is
   * left to be; and one that somebody asks for, too.
   */
  #retractCall(): void {
    const isUnasked = this.#prepared === undefined && this.#askers.length === 0;
    if (this.#call?.retract() && isUnasked) this.#call.close();
  }

  #flush(session: S2SSession): void {
    const carry = (stanza: Stanza): void => {
      if (this.#leftovers.isWanted(stanza)) session.carry(stanza);
    };
    this.#waiting.drain(() => session.isOpen, carry);
  }

  /** Whose stanzas were on their way when the stream ended goes first in the queue. */
  #takeBack(session: S2SSession): void {
    const unwritten = session.takeUnwritten();
    const unconfirmed = ask(this.host, 's2s-unconfirmed', { session, remote: this.remote }) ?? unwritten;
    const now = this.#now;
    this.#outage.ended(now, unconfirmed.length > 0);
    if (unconfirmed.length === 0) return;
    const { again, tooOften } = this.#leftovers.take(session, unconfirmed);
    if (this.#isClosing) return this.#returnAll(unconfirmed, new LinkError('the link broke'));
    const wanted = again.filter((stanza) => this.#leftovers.isWanted(stanza));
    this.#waiting.putFirst(wanted, (stanza) => this.#outage.deadline(stanza, now));
    this.#returnAll(tooOften, new LinkError('the link broke'));
  }

  /** Somebody waits: calls the peer, or will. */
  #demand(): void {
    this.#forgetUseless();
    const isFull = this.#calls.underWay >= MAX_CALLS;
    if (this.#call || (!isFull && !this.#isPaused)) {
      const call = this.#ensureCall();
      if (this.queued > 0) call.authenticate();
      return;
    }
    if (this.#retry) return;
    const delay = Math.max(this.#outage.retryAt - this.#now, isFull ? 1_000 : 0);
    this.#retry = this.#context.clock.after(delay, () => {
      this.#retry = undefined;
      this.#settle();
    });
  }

  /** A stream that is closing need not have ended for its successor to be made. */
  #forgetUseless(): void {
    if (this.#call?.isUsable !== false) return;
    this.#call = undefined;
    this.#prepared = undefined;
  }

  #ensureCall(): Outgoing {
    if (this.#call) return this.#call;
    this.#retry?.cancel();
    this.#retry = undefined;
    const call: Outgoing = new Outgoing(this.host, this.remote, this.#context, this.#calls, {
      onPrepared: (session) => {
        if (this.#call === call) this.#onPrepared(session, call);
      },
      onOpen: (session) => this.offer(session),
      onEnd: (error) => this.#onEnd(error, call),
    });
    this.#call = call;
    return call;
  }

  #onPrepared(session: S2SSession, call: Outgoing): void {
    this.#prepared = session;
    for (const asker of this.#askers.splice(0)) asker.resolve(session);
    this.#context.clock.after(UNUSED_MS, () => {
      if (this.#call === call && session.remotes.size === 0 && this.queued === 0) call.close();
    });
  }

  #onEnd(error: Error | undefined, call: Outgoing): void {
    const { session, isGivenUp } = call;
    const isCurrent = this.#call === call;
    const reason = error ?? new LinkError('the stream was closed');
    if (error && !isGivenUp && isCurrent) this.lastError = { message: reasonOf(error), at: this.#now };
    const wasOpen = session !== undefined && this.#able.has(session);
    const wasUsed = wasOpen || (isCurrent && this.#prepared !== undefined && this.queued === 0);
    if (isCurrent) {
      this.#call = undefined;
      this.#prepared = undefined;
      for (const asker of this.#askers.splice(0)) asker.reject(reason);
    }
    if (session) this.ended(session);
    if (!isCurrent || wasOpen) return;
    if (!wasUsed && !isGivenUp) this.#failed(reason);
    const isLast = this.#isClosing || this.#onEmpty !== undefined;
    const isHopeless = isPermanent(reason) || isLast || !this.#outage.mayWait(this.#now);
    if (isHopeless && !this.#carrier && !this.#starting) this.#giveUp(reason);
    this.#settle();
  }

  #failed(error: Error): void {
    const { host, remote, queued: waiting } = this;
    const nextTryMs = Math.round(this.#outage.failed(error, this.#now));
    host.log.info('s2s failed', { remote, why: error.message, nextTryMs, waiting });
    host.hooks.notify('s2s-failed', { remote, permanent: isPermanent(error), error });
  }

  /** The server stops: closes what has nothing to send any more. */
  #leave(): void {
    if (this.queued > 0) return;
    if (!this.#starting) for (const session of this.#able) session.close(undefined, 'local');
    if (this.#call && !this.#call.session?.remotes.size) this.#call.close();
    if (!this.isUnused) return;
    this.#onIdle?.();
    this.#onIdle = undefined;
  }

  #giveUp(reason: Error): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    for (const asker of this.#askers.splice(0)) asker.reject(reason);
    this.#leftovers.clear();
    this.#returnAll(this.#waiting.all(), reason);
  }

  #returnAll(stanzas: readonly Stanza[], reason: Error): void {
    for (const stanza of stanzas) if (this.#leftovers.isWanted(stanza)) this.#bounce(stanza, reason);
  }

  #bounce(stanza: Stanza, reason: Error): void {
    this.#context.router.bounce(stanza, notReached(this.remote, reason));
  }
}
