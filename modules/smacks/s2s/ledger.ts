// What stream management knows of one stream with another server. Plain data: it outlives a reload of the module.

import type { FlatElement, Holder, S2SCloseCause, S2SStream, Stanza, Timer } from 'enjamb/api';
import type { Inbound } from '../inbound.ts';
import { acknowledge, newOutbound, type Outbound } from '../outbound.ts';

declare module 'enjamb/api' {
  interface S2SState {
    /** Present once our stanzas may flow, or once the peer has enabled stream management. Owned by smacks. */
    smacks?: Ledger;
  }
}

/**
 * How the peer acknowledges what we send:
 * `unknown`: it has called us, and may still enable stream management or resume a stream;
 * `enabling`, `resuming`: we have asked it for that, and it has not answered;
 * `acks`: by stream management; `pings`: by answers to pings; `nothing`: not at all.
 */
export type Mode = 'unknown' | 'enabling' | 'resuming' | 'acks' | 'pings' | 'nothing';

/** A stanza that was written to the stream. */
export interface SentStanza {
  readonly stanza: FlatElement;
  /** Approximate memory. */
  readonly bytes: number;
  /** The account or service whose share it uses. */
  readonly payer: Holder;
  /** When it was sent, in ms of `clock.elapsed`. */
  readonly at: number;
  /** If it is being sent again: the stanza as it was given back by the ledger before. */
  readonly again?: Stanza;
}

/** A ping whose answer is awaited. */
export interface Ping {
  readonly id: string;
  /** The number of stanzas that were sent before it. */
  readonly sent: number;
  readonly timer: Timer;
}

export interface Ledger {
  readonly stream: S2SStream;
  /** The domain that the stream was authenticated for first: it may resume the stream. */
  readonly remote: string;
  mode: Mode;
  /** What either side may resume it by (§5); absent when it cannot be resumed. */
  id?: string;
  /** For how long after its end, in ms. */
  maxMs: number;
  /** Present while the peer's stanzas are counted (§4). */
  inbound?: Inbound;
  outbound: Outbound<SentStanza>;
  /** Sent before the peer began to count; its first answer to a request acknowledges them. */
  uncounted: SentStanza[];
  /** Whether its stanzas use the shares of their payers: until the stream ends. */
  isCharged: boolean;
  /** Requests for acknowledgement that have not been answered. */
  requests: number;
  /** One more is about to be written in this tick. */
  isRequesting: boolean;
  /** Until the first of them is overdue; or until the answer to `<enable/>` is. */
  ackTimer?: Timer | undefined;
  /** The last thing that came from the peer was an acknowledgement. */
  hasLastWord: boolean;
  /** The stream whose place this one is to take, or that we have asked about on it, until that is answered. */
  former?: Ledger | undefined;
  /** It has taken the place of another stream because we have asked for it. */
  isTakenByUs?: boolean;
  /** The links that wait for this stream, each with the stream that carried its stanzas before. */
  readonly awaiting: Awaiting[];
  /** The peer has answered a ping on this stream. */
  answersPings: boolean;
  /** In ms of `clock.elapsed`. */
  pingedAt: number;
  /** Until the next ping may be sent. */
  pingTimer?: Timer | undefined;
  ping?: Ping | undefined;
  /** Once the stream has ended. */
  end?: LedgerEnd;
  /** While the module is not loaded: what had passed by then. */
  unseenFrom?: { readonly stanzasIn: number; readonly stanzasOut: number } | undefined;
}

export interface Awaiting {
  readonly remote: string;
  readonly previous: Ledger | undefined;
  /** Lets the stanzas of the link flow. */
  readonly ready: (acknowledged: number) => void;
}

/** A stanza that was not acknowledged. This is remembered for minutes; the stanza need not be. */
export interface Given {
  readonly remote: string;
  /** Until it is given back to be sent again. */
  stanza: Stanza | undefined;
  /** A request that may have been carried out, as it was given. */
  doubtful?: WeakRef<Stanza>;
}

/** How a stream ended, and how many of its unacknowledged stanzas the peer had handled. */
export interface LedgerEnd {
  readonly cause: S2SCloseCause;
  readonly error: Error | undefined;
  /** What is to be sent again, oldest first. */
  readonly given?: readonly Given[];
  /** How many of those were sent before the peer began to count. */
  readonly uncounted?: number;
  /** Total of stanzas that the peer has handled, once it has said so. */
  readonly acknowledged?: number;
}

export function newLedger(stream: S2SStream, remote: string, mode: Mode): Ledger {
  return {
    stream,
    remote,
    mode,
    maxMs: 0,
    outbound: newOutbound(),
    uncounted: [],
    isCharged: true,
    requests: 0,
    isRequesting: false,
    hasLastWord: false,
    awaiting: [],
    answersPings: false,
    pingedAt: Number.NEGATIVE_INFINITY,
  };
}

/** Keeps a stanza until it is acknowledged. */
export function keep(ledger: Ledger, sent: SentStanza): void {
  const { outbound, stream, isCharged } = ledger;
  outbound.queue.push(sent);
  outbound.bytes += sent.bytes;
  if (isCharged) stream.unacknowledged.force(sent.payer, sent.bytes);
}

/** Drops the stanzas that the peer has acknowledged by `h`. Returns false, and changes nothing, if fewer were sent. */
export function acknowledgeUpTo(ledger: Ledger, h: number): boolean {
  const acknowledged = acknowledge(ledger.outbound, h);
  if (!acknowledged) return false;
  release(ledger, acknowledged);
  return true;
}

/** Drops the stanzas that were sent before the peer began to count: it has acknowledged them. */
export function acknowledgeUncounted(ledger: Ledger): void {
  release(ledger, ledger.uncounted);
  ledger.uncounted = [];
}

/** The stream has ended: the stanzas that are left are about to be given back, and use no share here. */
export function discharge(ledger: Ledger): void {
  release(ledger, [...ledger.uncounted, ...ledger.outbound.queue]);
  ledger.isCharged = false;
}

function release({ stream, isCharged }: Ledger, entries: readonly SentStanza[]): void {
  if (isCharged) for (const { payer, bytes } of entries) stream.unacknowledged.give(payer, bytes);
}

/** Whether the peer has something to acknowledge. */
export function isUnacknowledged({ outbound, uncounted }: Ledger): boolean {
  return outbound.queue.length > 0 || uncounted.length > 0;
}

export function stopTimers(ledger: Ledger): void {
  ledger.requests = 0;
  ledger.ackTimer?.cancel();
  ledger.ackTimer = undefined;
  ledger.pingTimer?.cancel();
  ledger.pingTimer = undefined;
  ledger.ping?.timer.cancel();
  ledger.ping = undefined;
}
