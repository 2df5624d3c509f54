// The straight road of a stanza: its sender's host, the router, its recipient's host or the link to another server.
// Everything between two sockets happens in one tick (docs/adr/0001), so stanzas stay in order (RFC 6120 §10.1). Only
// stanzas to an owner who is not in memory wait, in order, until the owner is (docs/adr/0032).

import type { Kind, StanzaEvent, Target } from '../api/events.ts';
import type { Link } from '../api/link.ts';
import { refusalFor } from '../api/refusal.ts';
import type { C2SSession, Origin, S2SStream } from '../api/session.ts';
import type { ClientDoor } from '../api/stream.ts';
import type { Clock } from '../util/clock.ts';
import type { Faults } from '../util/faults.ts';
import type { Logger } from '../util/logger.ts';
import { type Element, type Stanza, xml } from '../xml/element.ts';
import { errorReply, StanzaError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { NS } from '../xml/namespaces.ts';
import { share } from '../xml/serialize.ts';
import { treeBytes } from '../xml/tree-bytes.ts';
import { unwrap } from './hooks.ts';
import type { LocalHost } from './host.ts';
import { FollowedIqs } from './iq/followed.ts';
import { handleRequest } from './iq/handlers.ts';
import { PendingIqs } from './iq/pending.ts';
import { OwnerQueues } from './owner-queues.ts';
import { RoutedStanza } from './routed-stanza.ts';
import { domainOf, parseDestination } from './unusable-address.ts';
import { PendingWork } from './work.ts';

/** Sends stanzas to other servers. For an undeliverable stanza it routes an error reply. */
export interface RemoteSender {
  send(local: string, remote: string, stanza: Stanza, isOverhead: boolean): void;
  /** The stream for stanzas from one of our hosts to another server, secured but perhaps not authenticated. */
  connect(local: string, remote: string): Promise<S2SStream>;
  /** What a module sees of a link. `owner`: whose wants `forget` withdraws. */
  link(local: string, remote: string, owner: object): Link;
  forget(owner: object): void;
}

/** Routes a stanza to a host, to a link, or back as an error. */
export class Router {
  readonly hosts = new Map<string, LocalHost>();
  readonly pendingIqs: PendingIqs;
  readonly followedIqs: FollowedIqs;
  readonly work: PendingWork;
  remote: RemoteSender | undefined;
  /** Where modules hand over clients. */
  clients: ClientDoor | undefined;
  /** The number of stanzas routed to our hosts and to other servers. */
  readonly routed = {
    here: { message: 0, presence: 0, iq: 0 },
    elsewhere: { message: 0, presence: 0, iq: 0 },
  };
  /** The number of stanzas routed to any address. */
  dispatched = 0;
  /** Stanzas to owners who are not in memory yet. */
  readonly #queues: OwnerQueues;
  readonly #log: Logger;
  readonly #faults: Faults;

  constructor(clock: Clock, log: Logger, faults: Faults) {
    this.pendingIqs = new PendingIqs(clock, log, faults);
    this.followedIqs = new FollowedIqs(clock, faults);
    this.work = new PendingWork(faults);
    this.#queues = new OwnerQueues(clock, faults);
    this.#log = log;
    this.#faults = faults;
  }

  /** A stanza from a client of ours, checked and stamped with its `from` by the session. */
  submit(session: C2SSession, stanza: Stanza): void {
    const host = this.hosts.get(session.jid.domain);
    if (!host) return;
    this.#guarded(stanza, session.jid, () => {
      const to = stanza.attrs.to === undefined ? session.jid.toBare() : parseDestination(stanza.attrs.to);
      const event = this.#event(stanza, session.jid, to, session);
      const kind = stanza.name as Kind;
      if (host.hooks.fire(PRE[kind][targetOf(to, event.from)], event) === 'handled') return;
      this.#onward(event);
    });
  }

  /** Routes a stanza with `from` and `to` to its host, or to the link to another server. */
  route(stanza: Stanza, origin: Origin, isOverhead = false): void {
    const from = Jid.tryParse(stanza.attrs.from);
    if (from === undefined) {
      this.#log.warn('stanza without a valid sender dropped', { kind: stanza.name, origin: origin.kind });
      return;
    }
    this.#guarded(stanza, from, () => {
      const { to } = stanza.attrs;
      if (to === undefined) throw new StanzaError('bad-request', { text: 'The stanza has no recipient' });
      this.#dispatch(this.#event(stanza, from, parseDestination(to), origin), isOverhead);
    });
  }

  /**
   * Routes copies of one stanza, each to one address, in this tick. The children are serialised once. A copy that
   * cannot be delivered comes back as an error; the others go on.
   */
  routeToAll(stanza: Stanza, addresses: Iterable<Jid>, origin: Origin): void {
    const from = Jid.tryParse(stanza.attrs.from);
    if (from === undefined) throw new TypeError('A stanza needs a sender');
    share(stanza);
    for (const to of addresses) {
      const copy = stanza.with({ to: to.toString() });
      this.#guarded(copy, from, () => this.#dispatch(this.#event(copy, from, to, origin)));
    }
  }

  /** Answers a stanza with an error if RFC 6120 §8.3.1 allows one. Its sender is our host nearest to the cause. */
  bounce(stanza: Stanza, error: StanzaError): void {
    const sender = Jid.tryParse(stanza.attrs.from);
    // §10.3.1, §10.3.3: a stanza without `to` is for the sender's own account, so the account answers it.
    const isForAccount = stanza.attrs.to === undefined && stanza.name !== 'presence';
    const reply = errorReply(isForAccount ? stanza.with({ to: sender?.bare }) : stanza, error);
    if (!reply || !sender) return;
    const { from: asked = '' } = reply.attrs;
    const host = this.hosts.get(domainOf(asked) ?? '') ?? this.hosts.get(sender.domain);
    if (!host) return;
    const from = Jid.tryParse(asked);
    const own = Jid.parse(host.domain);
    if (from) this.#return(reply, from, sender, host);
    else if (asked === '') this.#return(reply.with({ from: host.domain }), own, sender, host);
    else this.#return(withJoinMark(reply, stanza), own, sender, host);
  }

  /**
   * RFC 6120 §8.3.1: `from` of the error is the address of the failed stanza, by which its sender recognises it, even if that
   * is malformed. The host's address stands in for a malformed one during routing.
   */
  #return(reply: Stanza, from: Jid, to: Jid, { origin }: LocalHost): void {
    this.#guarded(reply, from, () => {
      const event = this.#event(reply, from, to, origin);
      event.notes.isBounce = true;
      this.#dispatch(event);
    });
  }

  /**
   * Presence without `to` is for the presence module (RFC 6120 §10.3.2), other stanzas without `to` for the account.
   */
  #onward(event: RoutedStanza): void {
    if (event.stanza.attrs.to === undefined) {
      if (event.stanza.name === 'presence') return;
      event.stanza = event.stanza.with({ to: event.to.bare });
    }
    this.#dispatch(event);
  }

  #dispatch(event: RoutedStanza, isOverhead = false): void {
    this.dispatched++;
    const host = this.hosts.get(event.to.domain);
    if (host) {
      this.routed.here[event.stanza.name as Kind]++;
      this.#arrive(host, event);
      return;
    }
    const sender = this.hosts.get(event.from.domain);
    if (!sender) {
      this.#log.warn('no relaying between other servers', { from: event.from.domain, to: event.to.domain });
      return;
    }
    if (sender.hooks.fire('route/remote', event) === 'handled') return;
    if (!this.remote) throw new StanzaError('remote-server-not-found');
    this.routed.elsewhere[event.stanza.name as Kind]++;
    this.remote.send(sender.domain, event.to.domain, event.stanza, isOverhead);
    if (event.stanza.name === 'message') event.notes.taken = true;
  }

  /** Delivers a stanza in this tick if its owner is in memory, as is normal. */
  #arrive(host: LocalHost, event: RoutedStanza): void {
    const { local, bare } = event.to;
    if (local === undefined) return this.#deliver(host, event);
    const ready = host.ready(local);
    if (ready !== true || this.#queues.has(bare)) this.#queue(host, event, ready);
    else this.#deliver(host, event);
  }

  #queue(host: LocalHost, event: RoutedStanza, ready: true | Promise<void>): void {
    const { stanza, from, to } = event;
    const then = (act: () => void): void => {
      this.#guarded(stanza, from, act);
      done();
    };
    this.#queues.add(to.bare, ready, {
      bytes: treeBytes(stanza),
      deliver: () => then(() => this.#deliver(host, event)),
      refuse: (error) =>
        then(() => {
          throw error;
        }),
    });
    const done = event.defer();
  }

  #deliver(host: LocalHost, event: StanzaEvent): void {
    const kind = event.stanza.name as Kind;
    if (kind === 'iq' && this.#isTaken(host, event)) return;
    const target = targetOf(event.to, event.from);
    if (host.hooks.fire(INBOUND[kind][target], event) === 'handled') return;
    if (target === 'self' && host.hooks.fire(INBOUND[kind].bare, event) === 'handled') return;
    if (kind === 'iq') this.#deliverIq(host, event, target);
    else this.#deliverUnhandled(host, event);
  }

  /** Handles a stanza that no module took: presence to users is dropped (RFC 6121 §8.5), requests get an error. */
  #deliverUnhandled(host: LocalHost, { stanza, to }: StanzaEvent): void {
    const { type } = stanza.attrs;
    // RFC 6120 §8.3: errors reach their client independent of the loaded modules.
    if (type === 'error') host.sessions.get(to)?.send(stanza);
    else if (stanza.name === 'message' || (host.kind === 'component' && type === undefined))
      throw new StanzaError('service-unavailable');
  }

  #deliverIq(host: LocalHost, event: StanzaEvent, target: Target): void {
    const { stanza, to } = event;
    const isRequest = stanza.attrs.type === 'get' || stanza.attrs.type === 'set';
    if (target === 'full') {
      // RFC 6121 §8.5.3: an iq to a full JID is delivered to that session, or refused.
      if (host.sessions.get(to)?.send(stanza)) return;
      if (isRequest) throw new StanzaError('service-unavailable');
      return;
    }
    if (!isRequest) return; // An unsolicited or late answer.
    if (host.kind === 'local' && to.local !== undefined && !host.users.has(to.local)) {
      throw new StanzaError('service-unavailable'); // RFC 6121 §8.5.1: the same error as for an account without the feature
    }
    const reply = (answer: Element | StanzaError) => {
      if (answer instanceof StanzaError) this.bounce(stanza, answer);
      else this.route(answer, host.origin);
    };
    handleRequest(host.iqHandlers, event, target, reply, (owner, error) => this.#failed(owner, error));
  }

  /** No hook sees the answer to a question of ours, nor an answer that a module keeps from its client. */
  #isTaken({ sessions }: LocalHost, event: StanzaEvent): boolean {
    const { type } = event.stanza.attrs;
    if (type === 'result' || type === 'error') {
      if (this.pendingIqs.take(event)) return true;
      return this.followedIqs.size > 0 && this.followedIqs.take(event, sessions.get(event.to));
    }
    this.pendingIqs.left(event.stanza);
    return false;
  }

  #event<O extends Origin>(stanza: Stanza, from: Jid, to: Jid, origin: O): RoutedStanza<O> {
    return new RoutedStanza(stanza, from, to, origin, this);
  }

  /** Turns every error of a handler into an error reply to `stanza` (HandlerError names the handler's module). */
  #guarded(stanza: Stanza, from: Jid, route: () => void): void {
    try {
      route();
    } catch (thrown) {
      const { error, owner } = unwrap(thrown, 'router');
      const refusal = error instanceof StanzaError ? error : this.#failed(owner, error);
      const addressed = stanza.attrs.from === undefined ? stanza.with({ from: from.toString() }) : stanza;
      this.bounce(addressed, refusal);
    }
  }

  #failed(owner: string, error: unknown): StanzaError {
    this.#faults.report('handler', error, { module: owner });
    return refusalFor(error);
  }
}

/** Adds the element by which clients recognise the refusal of a join (XEP-0045 §7.2). */
function withJoinMark(reply: Stanza, refused: Stanza): Stanza {
  const isJoin = reply.name === 'presence' && refused.getChild('x', NS.MUC) !== undefined;
  return isJoin ? reply.withChildren([xml('x', NS.MUC), ...reply.children]) : reply;
}

/** Event names, built once to avoid string concatenation for each stanza. */
const KINDS = ['message', 'presence', 'iq'] as const;
const TARGETS = ['full', 'bare', 'host', 'self'] as const;

function names<P extends string>(prefix: P): Record<Kind, { [T in Target]: `${P}${Kind}/${T}` }> {
  const of = (kind: Kind) =>
    Object.fromEntries(TARGETS.map((target) => [target, `${prefix}${kind}/${target}`]));
  return Object.fromEntries(KINDS.map((kind) => [kind, of(kind)])) as Record<
    Kind,
    { [T in Target]: `${P}${Kind}/${T}` }
  >;
}

const PRE = names('pre-');
const INBOUND = names('');

function targetOf(to: Jid, from: Jid): Target {
  if (to.local === undefined) return 'host';
  if (to.resource !== undefined) return 'full';
  return to.bare === from.bare ? 'self' : 'bare';
}
