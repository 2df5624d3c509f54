// XEP-0198 between servers: what the other server has not acknowledged is sent again over the next stream, in order. Servers
// without stream management acknowledge by answering pings.
//
//   ledger.ts       what is known of one stream        ledgers.ts        all streams, and those that can be resumed
//   negotiation.ts  how it begins and is resumed       acks.ts           requests for acknowledgement
//   pings.ts        where the peer does not count      implicit_acks.ts  answers that show what the peer has
//   resend.ts       what is sent again

import {
  type Element,
  type Module,
  NS,
  payerOf,
  type S2SStream,
  type Stanza,
  StanzaError,
  StreamError,
  xml,
} from 'enjamb/api';
import { flatBytes, LazyElement, type StanzaLedger, streams } from 'enjamb/api/stream';
import { failed, hOf } from '../elements.ts';
import { noteHandled } from '../inbound.ts';
import { Acks } from './acks.ts';
import { ImplicitAcks } from './implicit_acks.ts';
import { acknowledgeUpTo, keep, type Ledger, stopTimers } from './ledger.ts';
import { Ledgers, newLedgers } from './ledgers.ts';
import { Negotiation } from './negotiation.ts';
import { Pings } from './pings.ts';
import { Resend } from './resend.ts';

/** Each link may keep this much, in bytes, even when links whose peers acknowledge nothing have used up the total. */
const FREE_BYTES = 64 * 1024;
/** Factor by which young stanzas may exceed the limits: no peer can have acknowledged them yet. */
const BURST_MS = 5_000;
const BURST_TIMES = 4;
/** Memory of an entry of the queue, without its stanza. */
const ENTRY_BYTES = 100;

export interface LedgerLimits {
  readonly maxStanzas: number;
  readonly maxBytes: number;
  readonly ackTimeoutMs: number;
  readonly resumableMs: number;
  readonly acknowledgesByPing: boolean;
}

interface Parts {
  readonly module: Module;
  readonly limits: LedgerLimits;
  readonly ledgers: Ledgers;
  readonly acks: Acks;
  readonly pings: Pings;
  readonly implicit: ImplicitAcks;
  readonly resend: Resend;
  readonly negotiation: Negotiation;
}

/** All of it for one host. */
export function countStanzas(module: Module, limits: LedgerLimits): void {
  const { serverClock: clock } = streams(module);
  const ledgers = new Ledgers(clock, module.keep('ledgers', newLedgers));
  const acks = new Acks(clock, limits.ackTimeoutMs);
  const pings = new Pings(module, ledgers);
  const implicit = new ImplicitAcks(ledgers);
  const resend = new Resend(module, implicit);
  const { resumableMs, acknowledgesByPing } = limits;
  const negotiation = new Negotiation({
    ...{ module, clock, ledgers, acks, pings, resend },
    ...{ resumableMs, acknowledgesByPing },
  });
  const parts: Parts = { module, limits, ledgers, acks, pings, implicit, resend, negotiation };

  module.hook('stream-features', ({ session, features }) => {
    if (session?.kind === 's2s') features.append(xml('sm', NS.SM));
  });
  negotiate(parts);
  watchStreams(parts);
  checkCounts(parts);
  module.provide('s2s-ledger', stanzaLedger(parts));
}

function negotiate({ module, negotiation, acks }: Parts): void {
  const on = (name: string, handler: (stream: S2SStream, element: Element) => void) =>
    streams(module).handleNonza({ on: ['s2s'], name, xmlns: NS.SM }, (element, session) => {
      if (session.kind === 's2s') handler(session, element);
    });
  on('enable', (stream, element) => negotiation.enable(stream, element));
  on('enabled', (stream, element) => negotiation.enabled(stream, element));
  on('resume', (stream, element) => negotiation.resume(stream, element));
  on('resumed', (stream, element) => negotiation.resumed(stream, element));
  on('failed', (stream, element) => negotiation.failed(stream, element));
  on('r', (stream) => {
    if (stream.state.smacks) stream.state.smacks.hasLastWord = false;
    answer(stream);
  });
  on('a', (stream, element) => {
    const ledger = stream.state.smacks;
    if (ledger?.mode === 'acks') acks.received(ledger, hOf(element));
    else stream.write(failed('unexpected-request'));
  });
}

/** §4: immediately, with what has been handled so far; when work is under way, again as soon as it is done. */
function answer(stream: S2SStream): void {
  const inbound = stream.state.smacks?.inbound;
  if (inbound === undefined) {
    stream.write(failed('unexpected-request'));
    return;
  }
  inbound.isOwed = inbound.waiting.length > 0;
  stream.write(xml('a', { xmlns: NS.SM, h: `${inbound.h}` }));
}

function stanzaLedger(parts: Parts): StanzaLedger {
  const { negotiation, implicit, resend } = parts;
  return {
    open: (stream, remote, previous, ready) =>
      negotiation.open(stream, { remote, previous: previous?.state.smacks, ready }),
    sent: (stream, stanza) => sent(parts, stream.state.smacks, stanza),
    received: (stream, stanza) => received(parts, stream, stanza),
    handled(stream, _stanza, work) {
      const inbound = stream.state.smacks?.inbound;
      if (inbound) noteHandled(inbound, work);
    },
    // §4: a server that closes in order says how much it has handled, or the peer would send it again.
    closing(stream) {
      const ledger = stream.state.smacks;
      if (ledger?.inbound) answer(stream);
      if (ledger?.mode === 'acks' && ledger.outbound.queue.length > 0) stream.write(xml('r', NS.SM));
    },
    unacknowledged(stream, remote) {
      const ledger = stream.state.smacks;
      return ledger && ledger.mode !== 'nothing' ? resend.take(ledger, remote) : undefined;
    },
    mayResend: (stanza) => !implicit.has(stanza),
    describe(stream) {
      const ledger = stream.state.smacks;
      const isManaged = ledger?.mode === 'acks' || ledger?.inbound !== undefined;
      return {
        features: isManaged ? ['stream management'] : [],
        unacknowledged: ledger ? ledger.uncounted.length + ledger.outbound.queue.length : 0,
      };
    },
  };
}

/** Keeps a stanza until it is acknowledged. @throws StanzaError */
function sent(parts: Parts, ledger: Ledger | undefined, stanza: Stanza): 'refused' | undefined {
  const { module, acks, pings, resend, limits } = parts;
  if (!ledger || ledger.mode === 'nothing' || pings.takes(ledger, stanza)) return undefined;
  if (resend.refuses(stanza)) return 'refused';
  const flat = stanza.flattened;
  // Copies for several recipients share their text in memory. Each counts in full, because each is written again after a break,
  // and the peer must acknowledge each.
  const bytes = flatBytes(flat) + ENTRY_BYTES;
  const payer = payerOf(module.host, stanza);
  const isFree = ledger.outbound.bytes + bytes <= FREE_BYTES;
  if (!isFree && ledger.isCharged && ledger.stream.unacknowledged.obstacle(payer, bytes)) throw tooMuch();
  const at = module.clock.elapsed();
  keep(ledger, {
    stanza: flat,
    bytes,
    payer,
    at,
    ...(stanza instanceof LazyElement ? { again: stanza } : {}),
  });
  if (isFull(ledger, limits, 1)) makeRoom(ledger, limits, at);
  acks.sent(ledger);
  pings.sent(ledger);
  return undefined;
}

function tooMuch(): StanzaError {
  const text = 'Too much was sent to other servers, and they have not acknowledged it yet';
  return new StanzaError('resource-constraint', { text });
}

function isFull({ outbound }: Ledger, { maxStanzas, maxBytes }: LedgerLimits, times: number): boolean {
  return outbound.queue.length > times * maxStanzas || outbound.bytes > times * maxBytes;
}

/** A peer that acknowledges stanzas, and now does not, seems dead. One that never has is trusted with the oldest. */
function makeRoom(ledger: Ledger, limits: LedgerLimits, now: number): void {
  const { mode, answersPings, outbound, stream } = ledger;
  if (mode === 'pings' && !answersPings) {
    while (isFull(ledger, limits, 1)) acknowledgeUpTo(ledger, (outbound.acknowledged + 1) >>> 0);
    return;
  }
  const [oldest] = outbound.queue;
  const isYoung = oldest !== undefined && now - oldest.at < BURST_MS;
  if (isYoung && !isFull(ledger, limits, BURST_TIMES)) return;
  stream.close(new StreamError('resource-constraint', 'Too many stanzas are unacknowledged'), 'timeout');
}

/**
 * §4: what a peer that counts sends after we have closed our side is dropped, because nothing can be acknowledged any more
 * (RFC 6120 §4.4): the peer will send it again. From all others it is handled.
 */
function received({ pings, implicit }: Parts, stream: S2SStream, stanza: Stanza): 'handled' | undefined {
  const ledger = stream.state.smacks;
  if (ledger?.inbound && !stream.isOpen) {
    stream.log.debug('stanza after our closing tag dropped', { id: stanza.attrs.id });
    return 'handled';
  }
  if (ledger) ledger.hasLastWord = false;
  implicit.received(stream, stanza);
  pings.received(stream, stanza);
  return undefined;
}

function watchStreams({ module, ledgers, negotiation }: Parts): void {
  const { domain } = module.host;
  module.hook('link-open', ({ stream, remote }) => {
    // A service of ours has no stream. The stanzas of a stream are counted on its own host.
    if (!stream || stream.local !== domain) return;
    ledgers.mark(stream);
    negotiation.opened(stream, remote);
  });
  module.hook('link-close', ({ stream, cause, error }) => {
    if (!stream || stream.local !== domain) return;
    const ledger = stream.state.smacks;
    if (!ledger || ledger.end) return;
    stopTimers(ledger);
    ledgers.ended(ledger, cause, error);
  });
}

/** Stanzas are not counted while the module is not loaded: a stream on which some passed would be wrong from then on. */
function checkCounts({ module, ledgers, pings }: Parts): void {
  for (const ledger of [...ledgers.open]) {
    const { stream, unseenFrom: from } = ledger;
    if (!from) continue;
    ledger.unseenFrom = undefined;
    if (from.stanzasIn !== stream.stanzasIn || from.stanzasOut !== stream.stanzasOut)
      stream.close(new StreamError('reset', 'Stream management was off for a while'));
    else pings.sent(ledger);
  }
  module.onUnload(() => {
    for (const ledger of ledgers.open) {
      const { stanzasIn, stanzasOut } = ledger.stream;
      ledger.unseenFrom = { stanzasIn, stanzasOut };
      ledger.pingTimer = undefined;
      ledger.isRequesting = false;
    }
  });
}
