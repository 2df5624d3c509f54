// The carrier: the one stream of a link that our stanzas take. Its states:
//
//          chosen              ready               closed             ended
//   none ──────────▶ starting ───────▶ carrying ──────────▶ leaving ─────────▶ none
//    ▲                  │ closed, ended   │ ended
//    └──────────────────┴─────────────────┘
//
// A carrier stays until it has ended, and only then its successor starts. So stanzas stay in order (RFC 6120 §10.1), and
// unacknowledged ones are sent again before all others (docs/adr/0016).

import type { ElapsedClock, Timer } from '../util/clock.ts';
import { StreamError } from '../xml/errors.ts';
import type { HostLedger } from './ledger.ts';
import type { S2SStream } from './stream.ts';

/** `starting`: the ledger is not ready yet. `leaving`: closed, so it takes no stanzas, but not ended. */
export type Carrier<S> =
  | { readonly is: 'none' }
  | { readonly is: 'starting' | 'carrying' | 'leaving'; readonly stream: S };

export type CarrierEvent = 'chosen' | 'ready' | 'closed' | 'ended';

/** `open`: ask the ledger. `send`: send the waiting stanzas. `take-back`: queue the unacknowledged stanzas. */
export type CarrierEffect = 'open' | 'send' | 'take-back';

type Step = readonly [Carrier<unknown>['is'], CarrierEffect?];

/** Events that are absent change nothing. */
const STEPS: Readonly<Record<Carrier<unknown>['is'], Partial<Record<CarrierEvent, Step>>>> = {
  none: { chosen: ['starting', 'open'] },
  starting: { ready: ['carrying', 'send'], closed: ['none'], ended: ['none'] },
  carrying: { closed: ['leaving'], ended: ['none', 'take-back'] },
  leaving: { ended: ['none', 'take-back'] },
};

/** Returns the next state, and what is to be done. An event of another stream than the carrier changes nothing. */
export function step<S>(
  carrier: Carrier<S>,
  event: CarrierEvent,
  stream: S,
): readonly [Carrier<S>, CarrierEffect?] {
  const next = STEPS[carrier.is][event];
  if (!next || (carrier.is !== 'none' && carrier.stream !== stream)) return [carrier];
  const [is, ...effect] = next;
  return [is === 'none' ? { is } : { is, stream }, ...effect];
}

/** The time in which the ledger must become ready. */
const LEDGER_MS = 10_000;

export interface CarriersParts {
  readonly remote: string;
  readonly clock: ElapsedClock;
  readonly ledger: HostLedger;
  /** The last carrier, if stanzas of it are unacknowledged. */
  previous(): S2SStream | undefined;
  /** The stream carries from now on. `acknowledged`: the number of stanzas on the previous one that the peer has after all. */
  onReady(stream: S2SStream, acknowledged: number): void;
  /** A stream that has carried has ended. */
  onEnd(stream: S2SStream): void;
}

/** The candidates for the carrier of one link, and the present carrier. */
export class Carriers {
  readonly #parts: CarriersParts;
  /** Oldest first; each until it has ended. */
  readonly #candidates = new Set<S2SStream>();
  #carrier: Carrier<S2SStream> = { is: 'none' };

  constructor(parts: CarriersParts) {
    this.#parts = parts;
  }

  /** The carrier; `undefined` while it is starting or leaving, or there is none. */
  get current(): S2SStream | undefined {
    return this.#carrier.is === 'carrying' ? this.#carrier.stream : undefined;
  }

  /** Whether a stream carries, or starts to. */
  get isServing(): boolean {
    return this.#carrier.is === 'carrying' || this.#carrier.is === 'starting';
  }

  /** Whether there is no candidate; a stream that is leaving counts as one. */
  get isEmpty(): boolean {
    return this.#candidates.size === 0;
  }

  add(stream: S2SStream): void {
    this.#candidates.add(stream);
  }

  /** Removes a stream that has ended. Returns false if it was none of these. */
  delete(stream: S2SStream): boolean {
    if (!this.#candidates.delete(stream)) return false;
    this.#on('ended', stream);
    return true;
  }

  /** Lets the oldest open stream start, unless there is a carrier. */
  choose(): void {
    const carrier = this.#carrier;
    if (carrier.is !== 'none' && !carrier.stream.isOpen) this.#on('closed', carrier.stream);
    if (this.#carrier.is !== 'none') return;
    const next = [...this.#candidates].find(({ isOpen }) => isOpen);
    if (next) this.#on('chosen', next);
  }

  /** Closes all in order, unless one is starting. */
  close(): void {
    if (this.#carrier.is === 'starting') return;
    for (const stream of this.#candidates) stream.close(undefined, 'local');
  }

  #on(event: CarrierEvent, stream: S2SStream, acknowledged = 0): void {
    const [carrier, effect] = step(this.#carrier, event, stream);
    this.#carrier = carrier;
    if (effect === 'open') this.#open(stream);
    else if (effect === 'send') this.#parts.onReady(stream, acknowledged);
    else if (effect === 'take-back') this.#parts.onEnd(stream);
  }

  #open(stream: S2SStream): void {
    const { ledger, remote, clock, previous } = this.#parts;
    let limit: Timer | undefined;
    const answer = ledger.open(stream, remote, previous(), (acknowledged) => {
      limit?.cancel();
      this.#on('ready', stream, acknowledged);
    });
    if (answer !== 'wait') return this.#on('ready', stream);
    if (this.current === stream) return; // It was ready immediately.
    limit = clock.after(LEDGER_MS, () =>
      stream.close(
        new StreamError('connection-timeout', 'Stream management was not negotiated in time'),
        'timeout',
      ),
    );
  }
}
