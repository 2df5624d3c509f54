// Requests for acknowledgement to clients, and the effects of an answer or of silence (§4).
//
//     nothing to acknowledge ──sent──▶ waiting ──3 s, or enough sent──▶ asked ──<a/>──▶ (waiting, or nothing)
//                                                                         └──silence──▶ taken for dead

import { type Clock, StreamError } from 'enjamb/api';
import { tooHigh, withoutH } from '../elements.ts';
import { sentCount } from '../outbound.ts';
import type { Client } from './clients.ts';
import type { Queues } from './queue.ts';

/** Short enough that the radio of a phone is still on. */
const IDLE_MS = 3_000;
const REQUEST = `<r xmlns='urn:xmpp:sm:3'/>`;

export interface AckLimits {
  readonly maxUnacked: number;
  readonly timeoutMs: number;
}

export class Acknowledgements {
  readonly #clock: Clock;
  readonly #queues: Queues;
  readonly #limits: AckLimits;

  constructor(clock: Clock, queues: Queues, limits: AckLimits) {
    this.#clock = clock;
    this.#queues = queues;
    this.#limits = limits;
  }

  /** Call this when a stanza was sent to the client, or will be in this tick. */
  sent(client: Client): void {
    const count = client.state.outbound.queue.length;
    if (client.isRequested || count === 0) return;
    if (count >= this.#limits.maxUnacked) this.#request(client);
    else client.ackTimer ??= this.#clock.after(IDLE_MS, () => this.#request(client));
  }

  /** Takes `<a/>`. @throws StreamError if its `h` is missing, or higher than the number of sent stanzas */
  received(client: Client, h: number | undefined): void {
    if (h === undefined) throw withoutH();
    if (!this.#queues.acknowledge(client, h)) throw tooHigh(h, sentCount(client.state.outbound));
    this.stop(client);
    this.sent(client);
  }

  /** Stops waiting: the client has acknowledged everything, or has no stream. */
  stop(client: Client): void {
    client.isRequested = false;
    client.ackTimer?.cancel();
    client.ackTimer = undefined;
  }

  #request(client: Client): void {
    this.stop(client);
    client.isRequested = true;
    // After all stanzas of this tick.
    queueMicrotask(() => {
      if (client.isRequested) client.session.write(REQUEST);
    });
    this.#await(client);
  }

  #await(client: Client): void {
    client.isHeard = false;
    client.ackTimer = this.#clock.after(this.#limits.timeoutMs, () => {
      if (!client.isHeard && client.session.disconnect(silent())) return;
      this.#await(client); // The client is slow, or we do not read: it is not dead.
    });
  }
}

function silent(): StreamError {
  return new StreamError('connection-timeout', 'A request for acknowledgement was not answered');
}
