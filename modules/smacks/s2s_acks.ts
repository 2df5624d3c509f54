// When other servers are asked to acknowledge, and what their answers, and their silence, mean (§4).

import { type Clock, NS, StreamError, xml } from 'enjamb/api';
import { tooHigh, withoutH } from './elements.ts';
import { sentCount } from './outbound.ts';
import { confirmBefore, confirmUpTo, isUnconfirmed, type Link } from './s2s_link.ts';

/**
 * A request goes with every burst, in the same write: the peer that has handled the burst has then said so, even if it
 * is stopped a moment later. So many may be on their way at once.
 */
const MAX_REQUESTS = 32;
/** A peer that says other things meanwhile is slow, not dead; up to this many times the limit. */
const MAX_PATIENCE = 4;
const REQUEST = xml('r', NS.SM);

export class LinkAcks {
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Something is about to be written in this tick. */
  sent(link: Link): void {
    if (link.mode !== 'acks' || link.requests >= MAX_REQUESTS || link.isRequesting) return;
    link.isRequesting = true;
    queueMicrotask(() => this.#request(link)); // Behind what is being sent in this tick.
  }

  /** @throws StreamError when the peer claims to have more than it was sent, or does not say how much. */
  received(link: Link, h: number | undefined): void {
    if (h === undefined) throw withoutH();
    if (!confirmUpTo(link, h)) throw tooHigh(h, sentCount(link.outbound));
    link.hasLastWord = true;
    if (link.requests > 0) {
      confirmBefore(link); // The peer handles elements in order (RFC 6120 §10.1), so it had these before the request.
      link.requests--;
    }
    if (link.requests > 0) this.await(link);
    else this.stop(link);
    if (link.requests === 0 && isUnconfirmed(link)) this.sent(link);
  }

  /** The peer owes an answer, from now on. */
  await(link: Link): void {
    link.ackTimer?.cancel();
    this.#watch(link, this.#clock.elapsed(), 1);
  }

  stop(link: Link): void {
    link.requests = 0;
    link.ackTimer?.cancel();
    link.ackTimer = undefined;
  }

  #request(link: Link): void {
    link.isRequesting = false;
    if (link.mode !== 'acks' || link.end || !isUnconfirmed(link) || !link.session.write(REQUEST)) return;
    if (link.requests++ === 0) this.await(link);
  }

  #watch(link: Link, since: number, patience: number): void {
    link.ackTimer = this.#clock.after(this.#timeoutMs, () => {
      const isHeard = link.session.lastReceivedAt > since;
      if (isHeard && patience < MAX_PATIENCE) return this.#watch(link, this.#clock.elapsed(), patience + 1);
      link.session.close(
        new StreamError('connection-timeout', 'Stanzas were not acknowledged in time'),
        'timeout',
      );
    });
  }
}
