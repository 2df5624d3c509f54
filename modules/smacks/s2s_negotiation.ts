// How stream management begins between servers (§3), and how a stream takes the place of one that broke (§5).
//
//     we call:      <enable/> and stanzas at once; or, with something unconfirmed: <resume/>, the answer, stanzas
//     we are called: stanzas at once; or, with something unconfirmed, when the peer has asked for what it wants
//     on a stream that is managed already: <resume/> for another one, and <failed/> says how much of it was handled

import { type Element, type Module, NS, type S2SStream, StreamError, xml } from 'enjamb/api';
import { failed, hOf, isTrue, secondsOf, withoutH } from './elements.ts';
import { type Inbound, newInbound } from './inbound.ts';
import { newOutbound, sentCount } from './outbound.ts';
import type { LinkAcks } from './s2s_acks.ts';
import type { Handover } from './s2s_handover.ts';
import { type Link, newLink } from './s2s_link.ts';
import { firstRemote, type Links } from './s2s_links.ts';
import type { Pings } from './s2s_pings.ts';

/** How long a peer that has called us may take to say whether it knows stream management. */
const ENABLE_MS = 3_000;
/** How long stanzas of a broken stream may take to be handled before the peer is told how many were. */
const WORK_MS = 5_000;
/** How long it may take to answer what became of a stream; beyond that, its stanzas are sent again as they are. */
const INQUIRY_MS = 8_000;
/** §5 wants no more than 4000 bytes; ids of all servers that we know are shorter than this. */
const MAX_ID_CHARS = 256;

export interface NegotiationParts {
  readonly module: Module;
  readonly links: Links;
  readonly acks: LinkAcks;
  readonly pings: Pings;
  readonly handover: Handover;
  /** For how long a stream may be resumed, in ms. */
  readonly resumableMs: number;
  /** Whether pings confirm where stream management does not. */
  readonly confirmsByPing: boolean;
}

export class Negotiation {
  readonly #parts: NegotiationParts;

  constructor(parts: NegotiationParts) {
    this.#parts = parts;
  }

  /** Stanzas for `remote` are about to flow; `previous` has left some unconfirmed. */
  begin(session: S2SStream, remote: string, previous: Link | undefined): 'wait' | undefined {
    const isAwaited = this.#begin(session, remote, previous);
    const link = session.state.smacks;
    if (link) this.#parts.links.carry(remote, link);
    return isAwaited;
  }

  #begin(session: S2SStream, remote: string, previous: Link | undefined): 'wait' | undefined {
    const { links } = this.#parts;
    const known = session.state.smacks;
    if (known?.mode === 'resuming') return this.#await(known, remote, previous);
    if (known && known.mode !== 'unknown') return this.#beginLater(known, remote, previous);
    if (session.isOurs) return this.#beginAnew(session, remote, previous);
    const link = known ?? links.add(newLink(session, remote, 'unknown'));
    this.#expect(link);
    // Only of a stream that could be resumed is there anything to hear, and only from who knows stream management.
    if (this.#openQuestion(previous)) return this.#await(link, remote, previous);
    return this.#soon(link, remote, previous);
  }

  /** On a stream of ours that has just been made. */
  #beginAnew(session: S2SStream, remote: string, previous: Link | undefined): 'wait' | undefined {
    const { links } = this.#parts;
    const link = links.add(newLink(session, remote, 'nothing'));
    const former = this.#openQuestion(previous);
    if (session.peerFeatures?.getChild('sm', NS.SM) === undefined) this.#without(link);
    else if (former === undefined) this.#enable(link);
    else {
      link.mode = 'resuming';
      this.#ask(link, former);
      return this.#await(link, remote, previous);
    }
    return this.#soon(link, remote, previous);
  }

  /** On a stream that was there before. */
  #beginLater(link: Link, remote: string, previous: Link | undefined): 'wait' | undefined {
    const mayTell = link.mode === 'acks' || link.mode === 'enabling';
    if (!mayTell || !this.#openQuestion(previous)) return this.#soon(link, remote, previous);
    link.awaiting.push({ remote, previous });
    if (link.mode === 'acks') this.#proceed(link);
    return 'wait';
  }

  /** A stream of ours is there, whether our stanzas take it or not: those of the peer may. */
  opened(session: S2SStream, remote: string): void {
    const isOffered = session.peerFeatures?.getChild('sm', NS.SM) !== undefined;
    if (!session.isOurs || session.direction !== 'both' || session.state.smacks || !isOffered) return;
    this.#enable(this.#parts.links.add(newLink(session, remote, 'nothing')));
  }

  /** The peer asks for stream management (§3). */
  enable(session: S2SStream, request: Element): void {
    const { links, resumableMs, acks } = this.#parts;
    const remote = firstRemote(session);
    const link = session.state.smacks;
    if (session.isOurs || remote === undefined) return refuse(session, 'unexpected-request');
    if (link?.mode === 'acks' || link?.mode === 'resuming') {
      throw new StreamError('policy-violation', 'Stream management has been enabled before');
    }
    const managed = link ?? links.add(newLink(session, remote, 'unknown'));
    this.#parts.pings.stop(managed);
    managed.before = managed.outbound.queue;
    managed.outbound = newOutbound();
    managed.inbound = inboundOf(managed);
    managed.mode = 'acks';
    managed.maxMs = Math.min(resumableMs, (secondsOf(request.attrs.max) ?? Number.POSITIVE_INFINITY) * 1_000);
    // The id of the stream is of our making, and known to the peer even if it never gets our answer.
    const wish = isTrue(request.attrs.resume) && links.makeResumable(managed, session.streamId);
    const offer = wish ? { id: managed.id, resume: 'true', max: `${Math.floor(managed.maxMs / 1_000)}` } : {};
    session.write(xml('enabled', { xmlns: NS.SM, ...offer }));
    this.#proceed(managed);
    acks.sent(managed);
  }

  /** The peer has agreed to it. */
  enabled(session: S2SStream, { attrs }: Element): void {
    const { acks, links, resumableMs } = this.#parts;
    const link = session.state.smacks;
    if (link?.mode !== 'enabling') return;
    acks.stop(link);
    link.mode = 'acks';
    link.inbound = inboundOf(link);
    link.maxMs = Math.min(resumableMs, (secondsOf(attrs.max) ?? Number.POSITIVE_INFINITY) * 1_000);
    const { id = '' } = attrs;
    if (id !== link.id) this.#unresumable(link);
    if (isTrue(attrs.resume) && id !== '' && id.length <= MAX_ID_CHARS) links.makeResumable(link, id);
    acks.sent(link);
    this.#proceed(link);
  }

  /** The peer has not: to enable it, or to resume the stream. */
  failed(session: S2SStream, answer: Element): void {
    const { acks, handover, links, pings } = this.#parts;
    const link = session.state.smacks;
    if (!link) return;
    const { former } = link;
    if (former && (link.mode !== 'resuming' || session.isOurs)) {
      const h = hOf(answer);
      if (h !== undefined) handover.settle(former, h);
      links.forget(former);
      link.former = undefined;
      if (link.mode === 'resuming') {
        this.#enable(link);
        this.#go(link);
      } else this.#proceed(link);
    } else if (link.mode === 'enabling') {
      acks.stop(link);
      this.#unresumable(link);
      this.#without(link);
      this.#go(link);
      pings.sent(link);
    }
  }

  /** The peer goes on where the other stream broke (§5). @throws StreamError */
  resumed(session: S2SStream, answer: Element): void {
    const { acks, handover } = this.#parts;
    const link = session.state.smacks;
    const former = link?.former;
    const isAsked = link?.mode === 'resuming' && session.isOurs;
    if (!isAsked || !former || answer.attrs.previd !== former.id) {
      throw new StreamError('policy-violation', 'There is no session to resume');
    }
    const h = hOf(answer);
    if (h === undefined) throw withoutH();
    handover.settle(former, h);
    acks.stop(link);
    this.#takePlace(link, former, h);
  }

  /** The peer asks to go on where another stream of it broke (§5). @throws StreamError */
  resume(session: S2SStream, request: Element): void {
    const { links, handover, acks, module } = this.#parts;
    const remote = firstRemote(session);
    const h = hOf(request);
    const { previd } = request.attrs;
    if (remote === undefined) return refuse(session, 'unexpected-request');
    if (previd === undefined || h === undefined) return refuse(session, 'bad-request');
    const former = links.find(session.remotes, previd);
    const link = session.state.smacks ?? links.add(newLink(session, remote, 'unknown'));
    if (!former || former === link) return refuse(session, 'item-not-found');
    const isStale = former.end === undefined && former.isTakenByUs && links.isBefore(session, former);
    if (isStale) return refuse(session, 'conflict');
    const isNew = link.mode === 'unknown' && !session.isOurs && sentCount(link.outbound) === 0;
    if (isNew) link.mode = 'resuming';
    former.session.close(new StreamError('conflict', 'Resumed on another stream'));
    handover.settle(former, h);
    const isPossible = isNew && !this.#yields(former);
    if (isNew && !isPossible) link.mode = 'unknown';
    if (isPossible) acks.stop(link);
    whenSettled(former.inbound, module, () => {
      if (isPossible) this.#answer(link, former, h);
      else refuse(session, isNew ? 'conflict' : 'unexpected-request', former.inbound?.h ?? 0);
    });
  }

  /** Both sides have asked for the same stream at once: the one whose domain comes first in the alphabet goes on. */
  #yields(former: Link): boolean {
    const { links, module } = this.#parts;
    const isAsking = [...links.open].some(
      (link) => link.former === former && link.session.isOurs && link.mode === 'resuming',
    );
    return isAsking && module.host.domain < former.remote;
  }

  #answer(link: Link, former: Link, h: number): void {
    if (link.end) return;
    const handled = `${former.inbound?.h ?? 0}`;
    link.session.write(xml('resumed', { xmlns: NS.SM, previd: former.id, h: handled }));
    this.#takePlace(link, former, h);
  }

  #takePlace(link: Link, former: Link, h: number): void {
    const { links } = this.#parts;
    link.former = undefined;
    link.mode = 'acks';
    link.outbound = newOutbound(h);
    link.inbound = inboundOf(link, former.inbound?.h);
    link.maxMs = former.maxMs;
    if (former.id !== undefined) links.makeResumable(link, former.id);
    link.isTakenByUs = link.session.isOurs;
    links.mark(link);
    this.#proceed(link);
  }

  /** The peer has a while to enable stream management; then it is taken for one that does not know it. */
  #expect(link: Link): void {
    link.ackTimer ??= this.#parts.module.clock.after(ENABLE_MS, () => {
      if (link.mode !== 'unknown' || link.end) return;
      this.#without(link);
      this.#go(link);
      this.#parts.pings.sent(link);
    });
  }

  #enable(link: Link): void {
    const { acks, links, resumableMs } = this.#parts;
    const { streamId } = link.session;
    link.mode = 'enabling';
    link.maxMs = resumableMs;
    link.session.write(
      xml('enable', { xmlns: NS.SM, resume: 'true', max: `${Math.floor(resumableMs / 1_000)}` }),
    );
    if (streamId !== '') links.makeResumable(link, streamId); // A guess, until the answer comes.
    acks.await(link);
  }

  #unresumable(link: Link): void {
    this.#parts.links.forget(link);
    delete link.id;
  }

  /** Asks what became of what the former stream has left, and for its place where the new one may take it. */
  #ask(link: Link, former: Link): void {
    link.former = former;
    whenSettled(former.inbound, this.#parts.module, () => {
      const h = `${former.inbound?.h ?? 0}`;
      if (!link.end) link.session.write(xml('resume', { xmlns: NS.SM, previd: former.id, h }));
    });
  }

  /** On a stream that is managed: lets stanzas flow, once the peer has said what became of those that go first. */
  #proceed(link: Link): void {
    if (link.former) return; // It is being asked already.
    const former = link.awaiting.map(({ previous }) => this.#openQuestion(previous)).find(Boolean);
    if (!former) return this.#go(link);
    this.#ask(link, former);
    this.#parts.module.clock.after(INQUIRY_MS, () => {
      if (link.former !== former) return;
      link.former = undefined;
      this.#go(link);
    });
  }

  /** A stream that has ended, of which the peer may still say how much it has handled. */
  #openQuestion(former: Link | undefined): Link | undefined {
    const isOpen = former?.end !== undefined && former.end.confirmed === undefined;
    return isOpen && this.#parts.links.isResumable(former) ? former : undefined;
  }

  #without(link: Link): void {
    link.mode = this.#parts.confirmsByPing ? 'pings' : 'nothing';
  }

  #await(link: Link, remote: string, previous: Link | undefined): 'wait' {
    link.awaiting.push({ remote, previous });
    return 'wait';
  }

  /** The core waits only when there is something to tell it. */
  #soon(link: Link, remote: string, previous: Link | undefined): 'wait' | undefined {
    if (this.#parts.handover.confirmed(previous, remote) === 0) return undefined;
    link.awaiting.push({ remote, previous });
    queueMicrotask(() => this.#go(link));
    return 'wait';
  }

  /** Lets stanzas flow for everybody who is waited for, in order. */
  #go(link: Link): void {
    for (const { remote, previous } of link.awaiting.splice(0))
      link.session.begin(this.#parts.handover.confirmed(previous, remote));
  }
}

function inboundOf(link: Link, h = 0): Inbound {
  const inbound = newInbound(() => link.session.write(xml('a', { xmlns: NS.SM, h: `${inbound.h}` })), h);
  return inbound;
}

/** Once everything that the stream brought has been handled, or has taken too long for it. */
function whenSettled(inbound: Inbound | undefined, { clock }: Module, done: () => void): void {
  if (!inbound || inbound.waiting.length === 0) return done();
  const finish = () => {
    timer.cancel();
    inbound.whenIdle = undefined;
    done();
  };
  const timer = clock.after(WORK_MS, finish);
  inbound.whenIdle = finish;
}

function refuse(session: S2SStream, ...why: Parameters<typeof failed>): void {
  session.write(failed(...why));
}
