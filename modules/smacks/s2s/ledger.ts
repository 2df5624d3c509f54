// The stream management of one stream with another server, as plain data that survives a reload of the module.

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
  /** If it was resent: the stanza that the former ledger returned to the link. */
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
  /** The id for `<resume/>` by either side (§5). Absent if the stream cannot be resumed. */
  id?: string;
  /** The time after its end in which it can be resumed, in ms. */
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
  /** Another request will be written in this tick. */
  isRequesting: boolean;
  /** Fires when the answer to the first request, or to `<enable/>`, is overdue. */
  ackTimer?: Timer | undefined;
  /** The newest element from the peer is an acknowledgement. */
  hasLastWord: boolean;
  /** The broken stream that we have asked about on this one, until the peer answers. */
  former?: Ledger | undefined;
  /** It has taken the place of another stream at our request. */
  isTakenByUs?: boolean;
  /** The links that wait for this stream, each with the stream that carried its stanzas before. */
  readonly awaiting: Awaiting[];
  /** The peer has answered a ping on this stream. */
  answersPings: boolean;
  /** In ms of `clock.elapsed`. */
  pingedAt: number;
  /** Fires when the next ping may be sent. */
  pingTimer?: Timer | undefined;
  ping?: Ping | undefined;
  /** Once the stream has ended. */
  end?: LedgerEnd;
  /** The numbers of stanzas when the module was unloaded. Set until it is loaded again. */
  unseenFrom?: { readonly stanzasIn: number; readonly stanzasOut: number } | undefined;
}

export interface Awaiting {
  readonly remote: string;
  readonly previous: Ledger | undefined;
  /** Lets the stanzas of the link flow. */
  readonly ready: (acknowledged: number) => void;
}

/** An unacknowledged stanza of an ended stream. It is remembered for minutes, its stanza only until the link takes it. */
export interface Returned {
  readonly remote: string;
  /** Absent once the link has taken it. */
  stanza: Stanza | undefined;
  /** Set for a request that may have been carried out: the stanza that the link took. */
  doubtful?: WeakRef<Stanza>;
}

/** How a stream ended, and how many of its unacknowledged stanzas the peer had handled. */
export interface LedgerEnd {
  readonly cause: S2SCloseCause;
  readonly error: Error | undefined;
  /** The unacknowledged stanzas, oldest first. */
  readonly returned?: readonly Returned[];
  /** The number of those that were sent before the peer began to count. */
  readonly uncounted?: number;
  /** The number of those that the peer has handled, once it has told us. */
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

/** Call this when the stream has ended: its stanzas return to the link, and use no share here. */
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
