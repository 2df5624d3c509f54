// What one of our domains remembers of its luck with another one: whether it may be hoped for, and when to try again.

import { Backoff } from '../util/flow/index.ts';
import type { Stanza } from '../xml/element.ts';

/** After a failure the next attempt waits, the longer the more have failed (RFC 6120 §3.3), and never in step. */
const PAUSES = { firstMs: 500, longestMs: 10_000, jitter: 0.25 };

/** A link that broke sooner than that has not proved that the peer is well. */
const STABLE_MS = 10_000;

/** Whom we had a link with in that time exists, and is worth waiting for. */
const LATELY_MS = 60 * 60_000;

/** Nobody waits longer for the answer to a request. */
const REQUEST_MS = 30_000;

/** What waits has at least the time of one attempt. */
const ATTEMPT_MS = 60_000;

export class Reachability {
  /** Why the last attempt failed; `undefined` when it did not. */
  failure: Error | undefined;
  /** The earliest time of the next attempt. All times here are in ms of `clock.elapsed`. */
  retryAt = 0;
  readonly #queueMs: () => number;
  /** Since when stanzas could not be sent; `undefined` when they could, or nobody has tried. */
  #since: number | undefined;
  #lastUp: number | undefined;
  #beganAt: number | undefined;
  readonly #backoff = new Backoff(PAUSES);

  /** `queueMs`: how long stanzas may wait for a peer that is known. */
  constructor(queueMs: () => number) {
    this.#queueMs = queueMs;
  }

  /** Whether there has been a link with the peer lately. */
  isKnown(now: number): boolean {
    return this.#lastUp !== undefined && now - this.#lastUp < LATELY_MS;
  }

  /** Whether what cannot be sent now is kept for the next attempt. */
  mayWait(now: number): boolean {
    return this.isKnown(now) && now < (this.#since ?? now) + this.#queueMs();
  }

  /** Until when a stanza that is accepted now may wait. All stanzas of one outage have the same deadline. */
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

  /** The peer is there: it has called us. */
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
   * They do no longer; `leavesSome`: some have to be sent again. A peer that breaks every link at once, perhaps over
   * what it gets again and again, is out all the time, and is called more and more slowly.
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

  /** Lets the next attempt begin at once. */
  forgive(): void {
    this.retryAt = 0;
  }

  #pause(now: number): number {
    const pause = this.#backoff.failed();
    this.retryAt = now + pause;
    return pause;
  }
}
