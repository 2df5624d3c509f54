// What stream management knows of one stream with another server. Plain data: it outlives a reload of the module.

import type { Holder, S2SCloseCause, S2SStream, SharedBudget, Stanza, Timer } from 'enjamb/api';
import type { Inbound } from './inbound.ts';
import { acknowledge, newOutbound, type Outbound } from './outbound.ts';

declare module 'enjamb/api' {
  interface S2SState {
    /** Present once stanzas of ours may flow, or once the peer has enabled stream management. Owned by smacks. */
    smacks?: Link;
  }
}

/**
 * How the peer confirms what we send:
 * `unknown`: it has called us, and may still enable stream management or resume a stream;
 * `enabling`, `resuming`: we have asked it for that, and it has not answered;
 * `acks`: by stream management; `pings`: by answers to pings; `nothing`: not at all.
 */
export type Mode = 'unknown' | 'enabling' | 'resuming' | 'acks' | 'pings' | 'nothing';

/** A stanza that was written to the stream. */
export interface SentStanza {
  readonly stanza: Stanza;
  /** Approximate memory. */
  readonly bytes: number;
  /** The account or service whose share it uses. */
  readonly payer: Holder;
  /** When it was sent, in ms of `clock.elapsed`. */
  readonly at: number;
}

export interface Link {
  readonly session: S2SStream;
  /** Whom the stream was authenticated for first: who may resume it. */
  readonly remote: string;
  mode: Mode;
  /** What either side may resume it by (§5); absent when it cannot be resumed. */
  id?: string;
  /** For how long after its end, in ms. */
  maxMs: number;
  /** Present while the peer's stanzas are counted (§4). */
  inbound?: Inbound;
  outbound: Outbound<SentStanza>;
  /** Sent before the peer began to count; its first answer to a request confirms them. */
  before: SentStanza[];
  /** The host's budget for kept stanzas; set while the stream is open. */
  budget?: SharedBudget | undefined;
  /** Requests for acknowledgement that have not been answered. */
  requests: number;
  /** One more is about to be written in this tick. */
  isRequesting: boolean;
  /** Until the first of them is overdue; or until the answer to `<enable/>` is. */
  ackTimer?: Timer | undefined;
  /** The last thing that came from the peer was an acknowledgement. */
  hasLastWord: boolean;
  /** The stream whose place this one is to take, or that we have asked about on it, until that is answered. */
  former?: Link | undefined;
  /** It has taken the place of another stream because we have asked for it. */
  isTakenByUs?: boolean;
  /** For whom the core waits for `session.begin`, with the stream that carried their stanzas before. */
  readonly awaiting: { readonly remote: string; readonly previous: Link | undefined }[];
  /** The peer has answered a ping on this stream. */
  answersPings: boolean;
  /** In ms of `clock.elapsed`. */
  pingedAt: number;
  /** Until the next ping may be sent. */
  pingTimer?: Timer | undefined;
  /** The id of the ping whose answer is waited for. */
  ping?: string | undefined;
  /** Once the stream has ended. */
  end?: LinkEnd;
  /** While the module is not loaded: what had passed by then. */
  unseenFrom?: { readonly stanzasIn: number; readonly stanzasOut: number } | undefined;
}

/** A stanza that was not confirmed. It is remembered for minutes, and the stanza need not be. */
export interface Given {
  readonly remote: string;
  /** Until it is given back to be sent again. */
  stanza: Stanza | undefined;
  /** A request that may have been carried out, as it was given. */
  doubtful?: WeakRef<Stanza>;
}

/** How a stream ended, and what became of what was not confirmed. */
export interface LinkEnd {
  readonly cause: S2SCloseCause;
  readonly error: Error | undefined;
  /** What is to be sent again, oldest first. */
  readonly handedOver?: readonly Given[];
  /** How many of those were sent before the peer began to count. */
  readonly uncounted?: number;
  /** How many of all the peer turned out to have, once it has said so. */
  readonly confirmed?: number;
}

export function newLink(session: S2SStream, remote: string, mode: Mode): Link {
  return {
    session,
    remote,
    mode,
    maxMs: 0,
    outbound: newOutbound(),
    before: [],
    requests: 0,
    isRequesting: false,
    hasLastWord: false,
    awaiting: [],
    answersPings: false,
    pingedAt: Number.NEGATIVE_INFINITY,
  };
}

/** Keeps a stanza until it is confirmed. */
export function keep({ outbound, budget }: Link, sent: SentStanza): void {
  outbound.queue.push(sent);
  outbound.bytes += sent.bytes;
  budget?.force(sent.payer, sent.bytes);
}

/** Drops the stanzas that the peer has confirmed by `h`. Returns false, and changes nothing, if fewer were sent. */
export function confirmUpTo(link: Link, h: number): boolean {
  const { outbound } = link;
  const confirmed = outbound.queue.slice(0, (h - outbound.acknowledged) >>> 0);
  if (!acknowledge(outbound, h)) return false;
  release(link, confirmed);
  return true;
}

/** Drops the stanzas that were sent before the peer began to count: the peer has confirmed them. */
export function confirmBefore(link: Link): void {
  release(link, link.before);
  link.before = [];
}

/** Gives back the budget of the stanzas that are left, which are handed over because the stream has ended. */
export function leaveBudget(link: Link): void {
  release(link, [...link.before, ...link.outbound.queue]);
  link.budget = undefined;
}

function release({ budget }: Link, entries: readonly SentStanza[]): void {
  if (budget) for (const { payer, bytes } of entries) budget.give(payer, bytes);
}

/** Whether anything is waited to be confirmed. */
export function isUnconfirmed({ outbound, before }: Link): boolean {
  return outbound.queue.length > 0 || before.length > 0;
}

export function stopTimers(link: Link): void {
  link.requests = 0;
  link.ackTimer?.cancel();
  link.ackTimer = undefined;
  link.pingTimer?.cancel();
  link.pingTimer = undefined;
}
