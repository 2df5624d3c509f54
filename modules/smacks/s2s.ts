// XEP-0198 between servers: what the other server has not confirmed is sent again over the next stream, in order. Who
// knows no stream management confirms by answering pings.

import {
  type Element,
  type Module,
  NS,
  payerOf,
  type S2SStream,
  SharedBudget,
  StanzaError,
  StreamError,
  treeBytes,
  xml,
} from 'enjamb/api';
import { streams } from 'enjamb/api/stream';
import { failed, hOf } from './elements.ts';
import { noteHandled } from './inbound.ts';
import { LinkAcks } from './s2s_acks.ts';
import { Answers } from './s2s_answers.ts';
import { Handover } from './s2s_handover.ts';
import { confirmUpTo, keep, type Link, stopTimers } from './s2s_link.ts';
import { type KeptLinks, Links } from './s2s_links.ts';
import { Negotiation } from './s2s_negotiation.ts';
import { Pings } from './s2s_pings.ts';

const STANZAS: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);

/** The limits may be exceeded, so far, by what was sent just now: no peer can have confirmed that yet. */
/** Each link may keep this much, in bytes, even when links whose peers acknowledge nothing have used up the total. */
const FREE_BYTES = 64 * 1024;
const BURST_MS = 5_000;
const BURST_TIMES = 4;

/** Unconfirmed stanzas on all streams of one host together. */
const MAX_BYTES_IN_TOTAL = 128 * 1024 * 1024;

export interface LinkLimits {
  readonly maxStanzas: number;
  readonly maxBytes: number;
  readonly ackTimeoutMs: number;
  readonly resumableMs: number;
  readonly confirmsByPing: boolean;
}

/** All of it for one host. */
export function manageLinks(module: Module, limits: LinkLimits): void {
  const kept = module.keep(
    'links',
    (): KeptLinks => ({
      open: new Set(),
      resumable: new Map(),
      count: 0,
      unconfirmed: new SharedBudget(MAX_BYTES_IN_TOTAL),
    }),
  );
  const links = new Links(module.clock, kept);
  const acks = new LinkAcks(module.clock, limits.ackTimeoutMs);
  const pings = new Pings(module);
  const answers = new Answers(links);
  const handover = new Handover(module, answers);
  const { resumableMs, confirmsByPing } = limits;
  const negotiation = new Negotiation({ module, links, acks, pings, handover, resumableMs, confirmsByPing });

  module.hook('stream-features', ({ session, features }) => {
    if (session?.kind === 's2s') features.append(xml('sm', NS.SM));
  });
  negotiate(module, negotiation, acks);
  module.hook('s2s-begin', ({ session, remote, previous }) =>
    negotiation.begin(session, remote, previous?.state.smacks),
  );
  keepOutgoing(module, { acks, pings, handover, limits });
  watchIncoming(module, pings, answers);
  watchLives(module, { links, pings, handover, negotiation });
  checkLinks(module, links, pings);
  module.hook('s2s-describe', ({ session, description }) => {
    const link = session.state.smacks;
    if (link?.mode === 'acks' || link?.inbound) description.features.push('stream management');
    if (link) description.unconfirmed += link.before.length + link.outbound.queue.length;
  });
}

function negotiate(module: Module, negotiation: Negotiation, acks: LinkAcks): void {
  const on = (name: string, handler: (session: S2SStream, element: Element) => void) =>
    streams(module).handleNonza({ on: ['s2s'], name, xmlns: NS.SM }, (element, session) => {
      if (session.kind === 's2s') handler(session, element);
    });
  on('enable', (session, element) => negotiation.enable(session, element));
  on('enabled', (session, element) => negotiation.enabled(session, element));
  on('resume', (session, element) => negotiation.resume(session, element));
  on('resumed', (session, element) => negotiation.resumed(session, element));
  on('failed', (session, element) => negotiation.failed(session, element));
  on('r', (session) => answer(session));
  on('a', (session, element) => {
    const link = session.state.smacks;
    if (link?.mode === 'acks') acks.received(link, hOf(element));
    else session.write(failed('unexpected-request'));
  });
}

/** §4: at once, with what has been handled so far; when work is under way, again as soon as it is done. */
function answer(session: S2SStream): void {
  const inbound = session.state.smacks?.inbound;
  if (inbound === undefined) {
    session.write(failed('unexpected-request'));
    return;
  }
  inbound.isOwed = inbound.waiting.length > 0;
  session.write(xml('a', { xmlns: NS.SM, h: `${inbound.h}` }));
}

interface Outgoing {
  readonly acks: LinkAcks;
  readonly pings: Pings;
  readonly handover: Handover;
  readonly limits: LinkLimits;
}

/** What goes out is kept until it is confirmed; last of all, so that what is kept is what is written. */
function keepOutgoing(module: Module, { acks, pings, handover, limits }: Outgoing): void {
  module.hook('s2s-out', ({ session, element }) => {
    const link = session.state.smacks;
    if (!link || link.mode === 'nothing' || !STANZAS.has(element.name) || pings.takes(link, element)) return;
    if (handover.refuses(element)) return 'handled';
    const bytes = treeBytes(element);
    const payer = payerOf(module.host, element);
    const isFree = link.outbound.bytes + bytes <= FREE_BYTES;
    if (!isFree && link.budget?.obstacle(payer, bytes)) throw unconfirmed();
    keep(link, { stanza: element, bytes, payer, at: module.clock.elapsed() });
    if (isFull(link, limits, 1)) makeRoom(link, limits, module.clock.elapsed());
    acks.sent(link);
    pings.sent(link);
  });
}

function unconfirmed(): StanzaError {
  const text = 'Too much was sent to other servers, and they have not confirmed it yet';
  return new StanzaError('resource-constraint', { text });
}

function isFull({ outbound }: Link, { maxStanzas, maxBytes }: LinkLimits, times: number): boolean {
  return outbound.queue.length > times * maxStanzas || outbound.bytes > times * maxBytes;
}

/** A peer that confirms, and does not, is taken for dead; one that never has is trusted with the oldest. */
function makeRoom(link: Link, limits: LinkLimits, now: number): void {
  const { mode, answersPings, outbound, session } = link;
  if (mode === 'pings' && !answersPings) {
    while (isFull(link, limits, 1)) confirmUpTo(link, (outbound.acknowledged + 1) >>> 0);
    return;
  }
  const [oldest] = outbound.queue;
  const isBurst = oldest !== undefined && now - oldest.at < BURST_MS && !isFull(link, limits, BURST_TIMES);
  if (isBurst) return;
  session.close(new StreamError('resource-constraint', 'Too many stanzas are unacknowledged'), 'timeout');
}

function watchIncoming(module: Module, pings: Pings, answers: Answers): void {
  module.hook(
    's2s-in',
    ({ session, element }) => {
      const link = session.state.smacks;
      if (link) link.hasLastWord = false; // Until this element proves to be an acknowledgement.
      answers.received(session, element);
      return pings.received(session, element);
    },
    'guard',
  );
  module.hook('s2s-repeat', ({ stanza }) => (answers.has(stanza) ? 'needless' : undefined));
  module.observe('s2s-handle', ({ session, work }) => {
    const inbound = session.state.smacks?.inbound;
    if (inbound) noteHandled(inbound, work);
  });
}

interface Lives {
  readonly links: Links;
  readonly pings: Pings;
  readonly handover: Handover;
  readonly negotiation: Negotiation;
}

function watchLives(module: Module, { links, pings, handover, negotiation }: Lives): void {
  module.hook('link-open', ({ stream, remote }) => {
    if (!stream) return;
    links.mark(stream);
    negotiation.opened(stream, remote);
  });
  // §4: whoever closes in order says how much has been handled, or the peer would send it again.
  module.hook('s2s-farewell', ({ session }) => {
    const link = session.state.smacks;
    if (link?.inbound) answer(session);
    if (link?.mode === 'acks' && link.outbound.queue.length > 0) session.write(xml('r', NS.SM));
  });
  module.hook('link-close', ({ stream, cause, error }) => {
    if (!stream) return;
    const link = stream.state.smacks;
    if (!link || link.end) return;
    pings.stop(link);
    stopTimers(link);
    links.ended(link, cause, error);
  });
  module.hook('s2s-unconfirmed', ({ session, remote }) => {
    const link = session.state.smacks;
    return link && link.mode !== 'nothing' ? handover.give(link, remote) : undefined;
  });
}

/** What passes while the module is not loaded is not counted: a stream to which that happened would lie from then on. */
function checkLinks(module: Module, links: Links, pings: Pings): void {
  for (const link of [...links.open]) {
    const { session, unseenFrom: from } = link;
    if (!from) continue;
    link.unseenFrom = undefined;
    if (from.stanzasIn !== session.stanzasIn || from.stanzasOut !== session.stanzasOut)
      session.close(new StreamError('reset', 'Stream management was off for a while'));
    else pings.sent(link);
  }
  module.onUnload(() => {
    for (const link of links.open) {
      const { stanzasIn, stanzasOut } = link.session;
      link.unseenFrom = { stanzasIn, stanzasOut };
      link.pingTimer = undefined;
      link.isRequesting = false;
    }
  });
}
