// Reachability of one remote: the last failure, the back-off, and whether stanzas may wait.

import { Backoff } from '../util/flow/index.ts';
import type { Stanza } from '../xml/element.ts';
import { LinkError } from './outgoing.ts';

/** Pauses between attempts while stanzas wait; the random part keeps servers out of step (RFC 6120 §3.3). */
const PAUSES = { firstMs: 500, longestMs: 10_000, jitter: 0.25 };

/** A link that broke sooner does not prove that the remote works. */
const STABLE_MS = 10_000;

/** Stanzas wait for a remote that had a link with us within this time. */
const LATELY_MS = 60 * 60_000;

/** A request waits no longer: its sender has given up by then. */
const REQUEST_MS = 30_000;

/** A stanza waits at least for the duration of one attempt. */
const ATTEMPT_MS = 60_000;

export class Reachability {
  /** Why the last attempt failed; `undefined` when it did not. */
  failure: Error | undefined;
  /** The earliest time of the next attempt. All times here are in ms of `clock.elapsed`. */
  retryAt = 0;
  readonly #queueMs: () => number;
  /** When the outage began; `undefined` when there is none, or no stanza has been sent. */
  #since: number | undefined;
  #lastUp: number | undefined;
  #beganAt: number | undefined;
  readonly #backoff = new Backoff(PAUSES);

  /** `queueMs`: how long stanzas may wait for a known remote. */
  constructor(queueMs: () => number) {
    this.#queueMs = queueMs;
  }

  /** Whether there has been a link with the remote lately. */
  isKnown(now: number): boolean {
    return this.#lastUp !== undefined && now - this.#lastUp < LATELY_MS;
  }

  /** Whether the link is more than a name: there is a pause, or there has been a link lately. */
  mustRemember(now: number): boolean {
    return now < this.retryAt || this.isKnown(now);
  }

  /** The error of the last attempt, during the pause after it. */
  pausedFor(now: number): Error | undefined {
    return now < this.retryAt ? (this.failure ?? new LinkError('the last streams broke')) : undefined;
  }

  /** Whether stanzas that cannot be sent now wait for the next attempt. */
  mayWait(now: number): boolean {
    return this.isKnown(now) && now < (this.#since ?? now) + this.#queueMs();
  }

  /** The deadline of a stanza that is queued now. All stanzas of one outage have the same. */
  deadline(stanza: Stanza, now: number): number {
    this.#since ??= now;
    const end = this.#since + Math.max(this.#queueMs(), ATTEMPT_MS);
    const patience = now < end ? end : now + ATTEMPT_MS;
    const { type } = stanza.attrs;
    const isRequest = stanza.name === 'iq' && (type === 'get' || type === 'set');
    return isRequest ? Math.min(patience, now + REQUEST_MS) : patience;
  }

  /** An attempt has failed; returns the pause until the next one in ms. */
  failed(error: Error, now: number): number {
    this.failure = error;
    if (this.isKnown(now)) this.#since ??= now;
    else this.#since = undefined;
    return this.#pause(now);
  }

  /** The remote has connected to us, so it can be reached. */
  heard(now: number): void {
    this.#lastUp = now;
    this.#since = undefined;
    this.#backoff.succeeded();
    this.retryAt = 0;
    this.failure = undefined;
  }

  /** Stanzas flow. */
  began(now: number): void {
    this.#lastUp = now;
    this.#beganAt = now;
    this.retryAt = 0;
    this.failure = undefined;
  }

  /**
   * Stanzas no longer flow; `leavesSome`: some have to be sent again. A stanza that is sent again may be what breaks the
   * link. So a remote that breaks every link soon counts as unreachable, and attempts become rarer.
   */
  ended(now: number, leavesSome: boolean): void {
    const isStable = this.#beganAt !== undefined && now - this.#beganAt >= STABLE_MS;
    this.#lastUp = now;
    this.#beganAt = undefined;
    if (isStable || !leavesSome) {
      this.#since = undefined;
      this.#backoff.succeeded();
    } else if (this.#backoff.failures > 0) this.#pause(now);
    else this.#backoff.failed(); // The first break costs no pause.
  }

  /** Ends the pause before the next attempt. */
  forgive(): void {
    this.retryAt = 0;
  }

  #pause(now: number): number {
    const pause = this.#backoff.failed();
    this.retryAt = now + pause;
    return pause;
  }
}
