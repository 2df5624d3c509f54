// When clients are asked to acknowledge, and what their answers, and their silence, mean (§4).
//
//     nothing to confirm ──sent──▶ waiting ──3 s, or enough sent──▶ asked ──<a/>──▶ (waiting, or nothing)
//                                                                     └──silence──▶ taken for dead

import { type C2SSession, type Clock, StreamError } from 'enjamb/api';
import { tooHigh, withoutH } from './elements.ts';
import { acknowledge, sentCount } from './outbound.ts';
import type { StreamManagement } from './state.ts';

/** Soon enough that a telephone has not switched its radio off again. */
const IDLE_MS = 3_000;
const REQUEST = `<r xmlns='urn:xmpp:sm:3'/>`;

export interface AckLimits {
  readonly maxUnacked: number;
  readonly timeoutMs: number;
}

export class Acknowledgements {
  readonly #clock: Clock;
  readonly #limits: AckLimits;

  constructor(clock: Clock, limits: AckLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** The client has been sent something, or is about to be in this tick. */
  sent(session: C2SSession, management: StreamManagement): void {
    const count = management.outbound.queue.length;
    if (management.isRequested || count === 0) return;
    if (count >= this.#limits.maxUnacked) this.#request(session, management);
    else management.ackTimer ??= this.#clock.after(IDLE_MS, () => this.#request(session, management));
  }

  /** @throws StreamError when the client claims to have more than it was sent, or does not say how much. */
  received(session: C2SSession, management: StreamManagement, h: number | undefined): void {
    if (h === undefined) throw withoutH();
    if (!acknowledge(management.outbound, h)) throw tooHigh(h, sentCount(management.outbound));
    this.stop(management);
    this.sent(session, management);
  }

  /** Nothing is waited for: the client has confirmed everything, or has no stream. */
  stop(management: StreamManagement): void {
    management.isRequested = false;
    management.ackTimer?.cancel();
    management.ackTimer = undefined;
  }

  #request(session: C2SSession, management: StreamManagement): void {
    this.stop(management);
    management.isRequested = true;
    // Behind what is being sent in this tick.
    queueMicrotask(() => {
      if (management.isRequested) session.write(REQUEST);
    });
    this.#await(session, management);
  }

  #await(session: C2SSession, management: StreamManagement): void {
    management.isHeard = false;
    management.ackTimer = this.#clock.after(this.#limits.timeoutMs, () => {
      if (!management.isHeard && session.disconnect(silent())) return;
      this.#await(session, management); // Slow to confirm, or we do not listen: not dead.
    });
  }
}

function silent(): StreamError {
  return new StreamError('connection-timeout', 'A request for acknowledgement was not answered');
}
