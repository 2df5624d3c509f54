// The time limits of a peer: for its header, for the negotiation, and for the rest of an element that has begun.

import type { Clock, Timer } from '../util/clock.ts';

/** All in milliseconds. */
export interface StreamTimeouts {
  /** From the start (or restart) to the peer's header. Default 10 s. */
  headerMs: number;
  /** From the start until `negotiated()`. Default 60 s. */
  negotiationMs: number;
  /** From an element's first byte to its last. Default 60 s. */
  stanzaMs: number;
  /** From our closing tag to the peer's (RFC 6120 §4.4). Default 5 s. */
  closeMs: number;
}

const DEFAULTS: StreamTimeouts = {
  headerMs: 10_000,
  negotiationMs: 60_000,
  stanzaMs: 60_000,
  closeMs: 5_000,
};

export interface DeadlineOwner {
  /** A time limit has passed. `what`: the text of the stream error. */
  expired(what: string): void;
  /** Whether our side has stopped reading. */
  isPaused(): boolean;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #timeouts: StreamTimeouts;
  readonly #owner: DeadlineOwner;
  #header: Timer | undefined;
  #negotiation: Timer | undefined;
  #stanza: Timer | undefined;
  /** When the incomplete element began, in ms of `clock.elapsed`; `undefined` between elements. */
  #stanzaSince: number | undefined;

  constructor(clock: Clock, timeouts: Partial<StreamTimeouts>, owner: DeadlineOwner) {
    this.#clock = clock;
    this.#timeouts = { ...DEFAULTS, ...timeouts };
    this.#owner = owner;
  }

  get closeMs(): number {
    return this.#timeouts.closeMs;
  }

  startHeader(): void {
    this.stopHeader();
    this.progress(false, false);
    this.#header = this.#clock.after(this.#timeouts.headerMs, () =>
      this.#owner.expired('No stream header arrived in time'),
    );
  }

  stopHeader(): void {
    this.#header?.cancel();
  }

  startNegotiation(): void {
    this.#negotiation = this.#clock.after(this.#timeouts.negotiationMs, () =>
      this.#owner.expired('Negotiation took too long'),
    );
  }

  stopNegotiation(): void {
    this.#negotiation?.cancel();
  }

  /**
   * Call this after each chunk. `isMidElement`: the chunk ended inside an element; `hasCompleted`: it completed at least one.
   * One timer serves many elements: when it fires, it compares the beginning of the present one with the limit.
   */
  progress(isMidElement: boolean, hasCompleted: boolean): void {
    if (!isMidElement) {
      this.#stanzaSince = undefined;
      return;
    }
    if (hasCompleted || this.#stanzaSince === undefined) this.#stanzaSince = this.#clock.elapsed();
    this.#stanza ??= this.#clock.after(this.#timeouts.stanzaMs, () => this.#checkStanza());
  }

  stop(): void {
    this.stopHeader();
    this.stopNegotiation();
    this.#stanza?.cancel();
    this.#stanza = undefined;
    this.#stanzaSince = undefined;
  }

  #checkStanza(): void {
    this.#stanza = undefined;
    if (this.#stanzaSince === undefined) return;
    if (this.#owner.isPaused()) this.#stanzaSince = this.#clock.elapsed();
    const restMs = this.#stanzaSince + this.#timeouts.stanzaMs - this.#clock.elapsed();
    if (restMs > 0) this.#stanza = this.#clock.after(restMs, () => this.#checkStanza());
    else this.#owner.expired('An element was begun and not completed');
  }
}
