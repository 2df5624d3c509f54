// The way from one of our domains to one other domain: a stream made on demand, and the stanzas that wait for it.

import type { LocalHost } from '../core/host.ts';
import { isPermanent, reasonOf } from '../net/errors.ts';
import type { Stanza } from '../xml/element.ts';
import { StanzaError, StreamError } from '../xml/errors.ts';
import { serialize } from '../xml/serialize.ts';
import { type Calls, LinkError, Outgoing, type OutgoingContext } from './outgoing.ts';
import type { S2SSession } from './session.ts';

/** What may wait while a stream is being established. */
const MAX_QUEUED = 1_000;
const MAX_QUEUED_CHARS = 4 * 1024 * 1024;

/** Streams being established at once: whoever writes to ten thousand domains makes us call no more than that. */
const MAX_CALLS = 1_000;

/** After a failure the next attempt waits, the longer the more have failed (RFC 6120 §3.3). */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/** A stream that was only made to ask something is closed after that, before its negotiation times out. */
const UNUSED_MS = 22_000;

/** How long a module may keep us from sending on a new stream. */
const BEGIN_MS = 10_000;

interface Asker {
  resolve(session: S2SSession): void;
  reject(error: Error): void;
}

export class Route {
  readonly host: LocalHost;
  readonly remote: string;
  /** What went wrong last, and when (ms since 1970). */
  lastError: { readonly message: string; readonly at: number } | undefined;
  readonly #context: OutgoingContext;
  readonly #calls: Calls;
  #attempt: Outgoing | undefined;
  /** Prepared, perhaps open. */
  #prepared: S2SSession | undefined;
  #open: S2SSession | undefined;
  #queue: Stanza[] = [];
  #queuedChars = 0;
  #askers: Asker[] = [];
  /** Whose unconfirmed stanzas stand at the head of the queue, and how many they are. */
  #previous: S2SSession | undefined;
  #unconfirmed = 0;
  #failures = 0;
  #lastFailure: Error | undefined;
  #retryAt = 0;
  #isClosing = false;
  #onIdle: (() => void) | undefined;

  /** `calls` is shared by all routes. */
  constructor(host: LocalHost, remote: string, context: OutgoingContext, calls: Calls) {
    this.host = host;
    this.remote = remote;
    this.#context = context;
    this.#calls = calls;
  }

  get session(): S2SSession | undefined {
    return this.#open;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** A stream is there, or being made. */
  get isActive(): boolean {
    return this.#attempt !== undefined;
  }

  /** Nothing is under way, and nothing needs to be remembered. */
  get isIdle(): boolean {
    return !this.isActive && this.#pausedFor === undefined;
  }

  /** Sends a stanza in its turn, or returns it to its sender. */
  send(stanza: Stanza): void {
    if (this.#open?.send(stanza)) return;
    this.#forgetUseless();
    const obstacle = this.#obstacle;
    if (obstacle) return this.#bounce(stanza, obstacle);
    const chars = serialize(stanza).length;
    if (this.#queue.length >= MAX_QUEUED || this.#queuedChars + chars > MAX_QUEUED_CHARS) {
      return this.#bounce(stanza, new LinkError('too much is waiting for the connection'));
    }
    this.#queue.push(stanza);
    this.#queuedChars += chars;
    this.#ensure().authenticate();
  }

  /** The stream itself, secured but perhaps not authenticated. @throws Error when it cannot be made. */
  connect(): Promise<S2SSession> {
    this.#forgetUseless();
    if (this.#prepared) return Promise.resolve(this.#prepared);
    const obstacle = this.#obstacle;
    if (obstacle) return Promise.reject(obstacle);
    return new Promise((resolve, reject) => {
      this.#askers.push({ resolve, reject });
      this.#ensure();
    });
  }

  /** The next stanza opens a new stream, at once. */
  close(error?: Error): void {
    this.#retryAt = 0;
    this.#attempt?.close(error);
  }

  /** Takes no more, and closes the stream in order once all that was sent has gone; resolves when it has ended. */
  shutdown(): Promise<void> {
    this.#isClosing = true;
    return new Promise((resolve) => {
      if (!this.#attempt) return resolve();
      this.#onIdle = resolve;
      if (this.#open !== undefined || this.#queue.length === 0) this.#attempt.close();
    });
  }

  /** The last attempt has failed just before. */
  get #pausedFor(): Error | undefined {
    const isPaused = this.#attempt === undefined && this.#context.clock.now() < this.#retryAt;
    return isPaused ? this.#lastFailure : undefined;
  }

  /** Why nothing is sent for now. */
  get #obstacle(): Error | undefined {
    if (this.#isClosing) return new LinkError('this server is stopping');
    const isFull = this.#attempt === undefined && this.#calls.underWay >= MAX_CALLS;
    return isFull ? new LinkError('too many servers are being called') : this.#pausedFor;
  }

  /** A stream that is closing need not have ended for its successor to be made. */
  #forgetUseless(): void {
    if (this.#attempt?.isUsable === false) this.#forget();
  }

  #ensure(): Outgoing {
    if (this.#attempt) return this.#attempt;
    const attempt: Outgoing = new Outgoing(this.host, this.remote, this.#context, this.#calls, {
      onPrepared: (session) => {
        if (this.#attempt === attempt) this.#onPrepared(session, attempt);
      },
      onOpen: (session) => {
        if (this.#attempt === attempt) this.#onOpen(session);
      },
      onEnd: (error) => {
        if (this.#attempt === attempt) this.#onEnd(error, attempt.isGivenUp);
      },
    });
    this.#attempt = attempt;
    return attempt;
  }

  #forget(): void {
    this.#attempt = undefined;
    this.#prepared = undefined;
    this.#open = undefined;
  }

  #onPrepared(session: S2SSession, attempt: Outgoing): void {
    this.#prepared = session;
    for (const asker of this.#askers.splice(0)) asker.resolve(session);
    this.#context.clock.after(UNUSED_MS, () => {
      if (this.#attempt === attempt && !this.#open && this.#queue.length === 0) attempt.close();
    });
  }

  #onOpen(session: S2SSession): void {
    this.#failures = 0;
    this.#retryAt = 0;
    this.lastError = undefined;
    this.#lastFailure = undefined;
    const { remote } = this;
    const begin = (confirmed: number) => this.#begin(session, confirmed);
    if (this.host.hooks.fire('s2s-begin', { session, remote, previous: this.#previous }) !== 'wait')
      return begin(0);
    const limit = this.#context.clock.after(BEGIN_MS, () =>
      session.close(new StreamError('connection-timeout'), 'timeout'),
    );
    session.onceBegun((confirmed) => {
      limit.cancel();
      begin(confirmed);
    });
  }

  #begin(session: S2SSession, confirmed: number): void {
    if (!session.isOpen) return;
    this.#open = session;
    this.#previous = undefined;
    const waiting = this.#takeQueue().slice(Math.min(confirmed, this.#unconfirmed));
    this.#unconfirmed = 0;
    for (const stanza of waiting) if (!session.send(stanza)) this.send(stanza);
    if (this.#isClosing) this.#attempt?.close();
  }

  /** What the peer has not confirmed goes first. */
  #takeBack(session: S2SSession): void {
    const { remote } = this;
    const unconfirmed = this.host.hooks.fire('s2s-unconfirmed', { session, remote }) ?? [];
    if (unconfirmed.length === 0) return;
    this.#previous = session;
    this.#unconfirmed = unconfirmed.length;
    this.#queue.unshift(...unconfirmed);
    this.#ensure().authenticate();
  }

  #onEnd(error: Error | undefined, isGivenUp: boolean): void {
    const waiting = this.#takeQueue();
    const served = this.#open !== undefined || (this.#prepared !== undefined && waiting.length === 0);
    const reason = error ?? new LinkError('the stream was closed');
    const ended = this.#open;
    this.#forget();
    for (const asker of this.#askers.splice(0)) asker.reject(reason);
    if (error && !isGivenUp) this.lastError = { message: reasonOf(error), at: this.#context.clock.now() };
    if (!served && !isGivenUp) this.#failed(reason);
    for (const stanza of waiting) this.#bounce(stanza, reason);
    if (ended) this.#takeBack(ended);
    this.#onIdle?.();
  }

  #failed(error: Error): void {
    this.#lastFailure = error;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures++, LONGEST_PAUSE_MS);
    this.#retryAt = this.#context.clock.now() + pause * (0.75 + Math.random() / 2);
    this.host.log.info('s2s failed', {
      remote: this.remote,
      why: error.message,
      nextTryMs: Math.round(pause),
    });
    this.host.hooks.notify('s2s-failed', { remote: this.remote, permanent: isPermanent(error), error });
  }

  #takeQueue(): Stanza[] {
    const queue = this.#queue;
    this.#queue = [];
    this.#queuedChars = 0;
    return queue;
  }

  /**
   * Some clients delete a room from the user's bookmarks on any error whose type is not `wait`, so only a domain that
   * does not exist is a lasting error.
   */
  #bounce(stanza: Stanza, reason: Error): void {
    const error = isPermanent(reason)
      ? new StanzaError('remote-server-not-found', { text: `There is no XMPP server for ${this.remote}` })
      : new StanzaError('remote-server-timeout', {
          type: 'wait',
          text: `${this.remote} could not be reached`,
        });
    this.#context.router.bounce(stanza, error);
  }
}
