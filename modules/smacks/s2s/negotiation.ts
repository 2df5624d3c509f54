// Starts stream management between servers (XEP-0198 §3), and lets a stream take the place of a broken one (§5).
//
//     outgoing stream: <enable/>, then stanzas; with unacknowledged stanzas: <resume/>, its answer, then stanzas
//     incoming stream: stanzas immediately; with unacknowledged stanzas: after the peer has sent <enable/> or <resume/>
//     managed stream: <resume/> asks about another, broken one; the `h` of <failed/> counts what was handled of it

import { type Clock, type Element, type Module, NS, type S2SStream, StreamError, xml } from 'enjamb/api';
import { failed, hOf, isTrue, secondsOf, withoutH } from '../elements.ts';
import { type Inbound, newInbound } from '../inbound.ts';
import { newOutbound, sentCount } from '../outbound.ts';
import type { Acks } from './acks.ts';
import { type Awaiting, type Ledger, newLedger, stopTimers } from './ledger.ts';
import { firstRemote, type Ledgers } from './ledgers.ts';
import type { Pings } from './pings.ts';
import type { Resend } from './resend.ts';

/** The time in which a peer that has called us must enable stream management. */
const ENABLE_MS = 3_000;
/** The longest wait for stanzas of a broken stream to be handled before the peer gets their number. */
const WORK_MS = 5_000;
/** The longest wait for the peer's count of a broken stream. After that, all its unacknowledged stanzas are sent again. */
const INQUIRY_MS = 8_000;
/** §5 wants no more than 4000 bytes; ids of all servers that we know are shorter than this. */
const MAX_ID_CHARS = 256;

export interface NegotiationParts {
  readonly module: Module;
  /** Its timers survive the module, because stanzas wait until they fire. */
  readonly clock: Clock;
  readonly ledgers: Ledgers;
  readonly acks: Acks;
  readonly pings: Pings;
  readonly resend: Resend;
  /** The time in which a broken stream may be resumed, in ms. */
  readonly resumableMs: number;
  /** Whether answers to pings acknowledge stanzas if the peer has no stream management. */
  readonly acknowledgesByPing: boolean;
}

export class Negotiation {
  readonly #parts: NegotiationParts;

  constructor(parts: NegotiationParts) {
    this.#parts = parts;
  }

  /** Call this before stanzas of a link take a stream. `'wait'`: they must wait for `link.ready`. */
  open(stream: S2SStream, link: Awaiting): 'wait' | undefined {
    const isAwaited = this.#open(stream, link);
    const ledger = stream.state.smacks;
    if (ledger) this.#parts.ledgers.carry(link.remote, ledger);
    return isAwaited;
  }

  #open(stream: S2SStream, link: Awaiting): 'wait' | undefined {
    const { ledgers } = this.#parts;
    const known = stream.state.smacks;
    if (known?.mode === 'resuming') return this.#await(known, link);
    if (known && known.mode !== 'unknown') return this.#openLater(known, link);
    if (stream.isOurs) return this.#openAnew(stream, link);
    const ledger = known ?? ledgers.add(newLedger(stream, link.remote, 'unknown'));
    this.#expect(ledger);
    // A peer can only tell of a stream that could be resumed, and only if it knows stream management.
    if (this.#openQuestion(link.previous)) return this.#await(ledger, link);
    return this.#openNow(ledger, link);
  }

  /** Opens a new stream of ours. */
  #openAnew(stream: S2SStream, link: Awaiting): 'wait' | undefined {
    const ledger = this.#parts.ledgers.add(newLedger(stream, link.remote, 'nothing'));
    const former = this.#openQuestion(link.previous);
    if (stream.peerFeatures?.getChild('sm', NS.SM) === undefined) this.#giveUpCounting(ledger);
    else if (former === undefined) this.#enable(ledger);
    else {
      ledger.mode = 'resuming';
      this.#ask(ledger, former);
      return this.#await(ledger, link);
    }
    return this.#openNow(ledger, link);
  }

  /** Opens an established stream for another link. */
  #openLater(ledger: Ledger, link: Awaiting): 'wait' | undefined {
    const mayTell = ledger.mode === 'acks' || ledger.mode === 'enabling';
    if (!mayTell || !this.#openQuestion(link.previous)) return this.#openNow(ledger, link);
    ledger.awaiting.push(link);
    if (ledger.mode === 'acks') this.#proceed(ledger);
    return 'wait';
  }

  /** A stream of ours is established. If it is bidirectional, the peer may send on it although our stanzas do not. */
  opened(stream: S2SStream, remote: string): void {
    const isOffered = stream.peerFeatures?.getChild('sm', NS.SM) !== undefined;
    if (!stream.isOurs || stream.direction !== 'both' || stream.state.smacks || !isOffered) return;
    this.#enable(this.#parts.ledgers.add(newLedger(stream, remote, 'nothing')));
  }

  /** The peer has sent `<enable/>` (§3). */
  enable(stream: S2SStream, request: Element): void {
    const { ledgers, resumableMs, acks } = this.#parts;
    const remote = firstRemote(stream);
    const ledger = stream.state.smacks;
    if (stream.isOurs || remote === undefined) return refuse(stream, 'unexpected-request');
    if (ledger?.mode === 'acks' || ledger?.mode === 'resuming') {
      throw new StreamError('policy-violation', 'Stream management has been enabled before');
    }
    const managed = ledger ?? ledgers.add(newLedger(stream, remote, 'unknown'));
    stopTimers(managed);
    managed.uncounted = managed.outbound.queue;
    managed.outbound = newOutbound();
    managed.inbound = inboundOf(managed);
    managed.mode = 'acks';
    managed.maxMs = Math.min(resumableMs, (secondsOf(request.attrs.max) ?? Number.POSITIVE_INFINITY) * 1_000);
    // We made the id of the stream, and the peer knows it even if our answer is lost.
    const wish = isTrue(request.attrs.resume) && ledgers.makeResumable(managed, stream.streamId);
    const offer = wish ? { id: managed.id, resume: 'true', max: `${Math.floor(managed.maxMs / 1_000)}` } : {};
    stream.write(xml('enabled', { xmlns: NS.SM, ...offer }));
    this.#proceed(managed);
    acks.sent(managed);
  }

  /** The peer has sent `<enabled/>`. */
  enabled(stream: S2SStream, { attrs }: Element): void {
    const { acks, ledgers, resumableMs } = this.#parts;
    const ledger = stream.state.smacks;
    if (ledger?.mode !== 'enabling') return;
    acks.stop(ledger);
    ledger.mode = 'acks';
    ledger.inbound = inboundOf(ledger);
    ledger.maxMs = Math.min(resumableMs, (secondsOf(attrs.max) ?? Number.POSITIVE_INFINITY) * 1_000);
    const { id = '' } = attrs;
    if (id !== ledger.id) this.#unresumable(ledger);
    if (isTrue(attrs.resume) && id !== '' && id.length <= MAX_ID_CHARS) ledgers.makeResumable(ledger, id);
    acks.sent(ledger);
    this.#proceed(ledger);
  }

  /** The peer has not: to enable it, or to resume the stream. */
  failed(stream: S2SStream, answer: Element): void {
    const { acks, resend, ledgers, pings } = this.#parts;
    const ledger = stream.state.smacks;
    if (!ledger) return;
    const { former } = ledger;
    if (former && (ledger.mode !== 'resuming' || stream.isOurs)) {
      const h = hOf(answer);
      if (h !== undefined) resend.settle(former, h);
      ledgers.forget(former);
      ledger.former = undefined;
      if (ledger.mode === 'resuming') {
        this.#enable(ledger);
        this.#letFlow(ledger);
      } else this.#proceed(ledger);
    } else if (ledger.mode === 'enabling') {
      acks.stop(ledger);
      this.#unresumable(ledger);
      this.#giveUpCounting(ledger);
      this.#letFlow(ledger);
      pings.sent(ledger);
    }
  }

  /** The peer goes on where the other stream broke (§5). @throws StreamError */
  resumed(stream: S2SStream, answer: Element): void {
    const { acks, resend } = this.#parts;
    const ledger = stream.state.smacks;
    const former = ledger?.former;
    const isAsked = ledger?.mode === 'resuming' && stream.isOurs;
    if (!isAsked || !former || answer.attrs.previd !== former.id) {
      throw new StreamError('policy-violation', 'There is no session to resume');
    }
    const h = hOf(answer);
    if (h === undefined) throw withoutH();
    resend.settle(former, h);
    acks.stop(ledger);
    this.#takePlace(ledger, former, h);
  }

  /** The peer has sent `<resume/>` for a broken stream (§5). @throws StreamError */
  resume(stream: S2SStream, request: Element): void {
    const { ledgers, resend, acks, clock } = this.#parts;
    const remote = firstRemote(stream);
    const h = hOf(request);
    const { previd } = request.attrs;
    if (remote === undefined) return refuse(stream, 'unexpected-request');
    if (previd === undefined || h === undefined) return refuse(stream, 'bad-request');
    const former = ledgers.find(stream.remotes, previd);
    const ledger = stream.state.smacks ?? ledgers.add(newLedger(stream, remote, 'unknown'));
    if (!former || former === ledger) return refuse(stream, 'item-not-found');
    const isStale = former.end === undefined && former.isTakenByUs && ledgers.isBefore(stream, former);
    if (isStale) return refuse(stream, 'conflict');
    const isNew = ledger.mode === 'unknown' && !stream.isOurs && sentCount(ledger.outbound) === 0;
    if (isNew) ledger.mode = 'resuming';
    former.stream.close(new StreamError('conflict', 'Resumed on another stream'));
    resend.settle(former, h);
    const isPossible = isNew && !this.#losesTie(former);
    if (isNew && !isPossible) ledger.mode = 'unknown';
    if (isPossible) acks.stop(ledger);
    whenSettled(former.inbound, clock, () => {
      if (isPossible) this.#answer(ledger, former, h);
      else refuse(stream, isNew ? 'conflict' : 'unexpected-request', former.inbound?.h ?? 0);
    });
  }

  /** Both sides resume the same stream simultaneously: the domain that comes first in the alphabet wins. */
  #losesTie(former: Ledger): boolean {
    const { ledgers, module } = this.#parts;
    const isAsking = [...ledgers.open].some(
      (ledger) => ledger.former === former && ledger.stream.isOurs && ledger.mode === 'resuming',
    );
    return isAsking && module.host.domain < former.remote;
  }

  #answer(ledger: Ledger, former: Ledger, h: number): void {
    if (ledger.end) return;
    const handled = `${former.inbound?.h ?? 0}`;
    ledger.stream.write(xml('resumed', { xmlns: NS.SM, previd: former.id, h: handled }));
    this.#takePlace(ledger, former, h);
  }

  #takePlace(ledger: Ledger, former: Ledger, h: number): void {
    const { ledgers } = this.#parts;
    ledger.former = undefined;
    ledger.mode = 'acks';
    ledger.outbound = newOutbound(h);
    ledger.inbound = inboundOf(ledger, former.inbound?.h);
    ledger.maxMs = former.maxMs;
    if (former.id !== undefined) ledgers.makeResumable(ledger, former.id);
    ledger.isTakenByUs = ledger.stream.isOurs;
    ledgers.mark(ledger);
    this.#proceed(ledger);
  }

  /** Waits for the peer's `<enable/>`. When the time is over, the peer counts as one without stream management. */
  #expect(ledger: Ledger): void {
    ledger.ackTimer ??= this.#parts.clock.after(ENABLE_MS, () => {
      if (ledger.mode !== 'unknown' || ledger.end) return;
      this.#giveUpCounting(ledger);
      this.#letFlow(ledger);
      this.#parts.pings.sent(ledger);
    });
  }

  #enable(ledger: Ledger): void {
    const { acks, ledgers, resumableMs } = this.#parts;
    const { streamId } = ledger.stream;
    ledger.mode = 'enabling';
    ledger.maxMs = resumableMs;
    ledger.stream.write(
      xml('enable', { xmlns: NS.SM, resume: 'true', max: `${Math.floor(resumableMs / 1_000)}` }),
    );
    if (streamId !== '') ledgers.makeResumable(ledger, streamId); // Our guess until the peer answers.
    acks.await(ledger);
  }

  #unresumable(ledger: Ledger): void {
    this.#parts.ledgers.forget(ledger);
    delete ledger.id;
  }

  /** Asks how many stanzas of the former stream the peer has handled, and asks to take its place. */
  #ask(ledger: Ledger, former: Ledger): void {
    ledger.former = former;
    whenSettled(former.inbound, this.#parts.clock, () => {
      const h = `${former.inbound?.h ?? 0}`;
      if (!ledger.end) ledger.stream.write(xml('resume', { xmlns: NS.SM, previd: former.id, h }));
    });
  }

  /** On a managed stream: sends stanzas once the peer has said how many of the former stream it has handled. */
  #proceed(ledger: Ledger): void {
    if (ledger.former) return; // The question is under way.
    const former = ledger.awaiting.map(({ previous }) => this.#openQuestion(previous)).find(Boolean);
    if (!former) return this.#letFlow(ledger);
    this.#ask(ledger, former);
    this.#parts.clock.after(INQUIRY_MS, () => {
      if (ledger.former !== former) return;
      ledger.former = undefined;
      this.#letFlow(ledger);
    });
  }

  /** Returns the stream if it has ended and the peer may still tell how much of it was handled. */
  #openQuestion(former: Ledger | undefined): Ledger | undefined {
    const isOpen = former?.end !== undefined && former.end.acknowledged === undefined;
    return isOpen && this.#parts.ledgers.isResumable(former) ? former : undefined;
  }

  #giveUpCounting(ledger: Ledger): void {
    ledger.mode = this.#parts.acknowledgesByPing ? 'pings' : 'nothing';
  }

  #await(ledger: Ledger, link: Awaiting): 'wait' {
    ledger.awaiting.push(link);
    return 'wait';
  }

  /** Lets the stanzas of the link flow. The core waits one microtask if the peer has some of them already. */
  #openNow(ledger: Ledger, link: Awaiting): 'wait' | undefined {
    if (this.#parts.resend.acknowledged(link.previous, link.remote) === 0) return undefined;
    ledger.awaiting.push(link);
    queueMicrotask(() => this.#letFlow(ledger));
    return 'wait';
  }

  /** Lets the stanzas of all waiting links flow, in order. */
  #letFlow(ledger: Ledger): void {
    for (const { remote, previous, ready } of ledger.awaiting.splice(0))
      ready(this.#parts.resend.acknowledged(previous, remote));
  }
}

function inboundOf(ledger: Ledger, h = 0): Inbound {
  const inbound = newInbound(() => ledger.stream.write(xml('a', { xmlns: NS.SM, h: `${inbound.h}` })), h);
  return inbound;
}

/** Calls `done` when all stanzas from the stream are handled, or after `WORK_MS`. */
function whenSettled(inbound: Inbound | undefined, clock: Clock, done: () => void): void {
  if (!inbound || inbound.waiting.length === 0) return done();
  const finish = () => {
    timer.cancel();
    inbound.whenIdle = undefined;
    done();
  };
  const timer = clock.after(WORK_MS, finish);
  inbound.whenIdle = finish;
}

function refuse(stream: S2SStream, ...why: Parameters<typeof failed>): void {
  stream.write(failed(...why));
}
