// Requests for acknowledgement to other servers, and the effects of an answer or of silence (§4).

import { type Clock, NS, StreamError, xml } from 'enjamb/api';
import { tooHigh, withoutH } from '../elements.ts';
import { sentCount } from '../outbound.ts';
import { acknowledgeUncounted, acknowledgeUpTo, isUnacknowledged, type Ledger } from './ledger.ts';

/**
 * A request leaves with each burst, in the same write. So a peer that has handled the burst has also acknowledged it, even if
 * it stops a moment later. At most this number of requests is unanswered.
 */
const MAX_REQUESTS = 32;
/** A peer that sends other stanzas meanwhile is slow, not dead. It gets at most this multiple of the limit. */
const MAX_PATIENCE = 4;
const REQUEST = xml('r', NS.SM);

export class Acks {
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Call this before something is written in this tick. */
  sent(ledger: Ledger): void {
    if (ledger.mode !== 'acks' || ledger.requests >= MAX_REQUESTS || ledger.isRequesting) return;
    ledger.isRequesting = true;
    queueMicrotask(() => this.#request(ledger)); // After all stanzas of this tick.
  }

  /** Takes `<a/>`. @throws StreamError if its `h` is missing, or higher than the number of sent stanzas */
  received(ledger: Ledger, h: number | undefined): void {
    if (h === undefined) throw withoutH();
    if (!acknowledgeUpTo(ledger, h)) throw tooHigh(h, sentCount(ledger.outbound));
    ledger.hasLastWord = true;
    if (ledger.requests > 0) {
      acknowledgeUncounted(ledger); // The peer handles elements in order (RFC 6120 §10.1), so it had these before the request.
      ledger.requests--;
    }
    if (ledger.requests > 0) this.await(ledger);
    else this.stop(ledger);
    if (ledger.requests === 0 && isUnacknowledged(ledger)) this.sent(ledger);
  }

  /** Starts to wait for an answer. */
  await(ledger: Ledger): void {
    ledger.ackTimer?.cancel();
    this.#watch(ledger, this.#clock.elapsed(), 1);
  }

  stop(ledger: Ledger): void {
    ledger.requests = 0;
    ledger.ackTimer?.cancel();
    ledger.ackTimer = undefined;
  }

  #request(ledger: Ledger): void {
    ledger.isRequesting = false;
    if (ledger.mode !== 'acks' || ledger.end || !isUnacknowledged(ledger) || !ledger.stream.write(REQUEST))
      return;
    if (ledger.requests++ === 0) this.await(ledger);
  }

  #watch(ledger: Ledger, since: number, patience: number): void {
    ledger.ackTimer = this.#clock.after(this.#timeoutMs, () => {
      const isHeard = ledger.stream.lastReceivedAt > since;
      if (isHeard && patience < MAX_PATIENCE) return this.#watch(ledger, this.#clock.elapsed(), patience + 1);
      ledger.stream.close(
        new StreamError('connection-timeout', 'Stanzas were not acknowledged in time'),
        'timeout',
      );
    });
  }
}
