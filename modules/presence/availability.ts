// Presence from clients: broadcast to contacts (RFC 6121 §4.2, §4.4, §4.5), and directed (§4.6).

import {
  type C2SSession,
  type Element,
  type Exports,
  flatCopy,
  type Jid,
  type Module,
  newId,
  parseElement,
  type Stanza,
  StanzaError,
  share,
  xml,
} from 'enjamb/api';
import { DirectedAddresses } from './directed.ts';

export interface Limits {
  /** The most characters of a broadcast stanza. */
  readonly maxSize: number;
  /** The most addresses with directed presence per session. */
  readonly maxDirected: number;
}

/** The most bytes of addresses with directed presence per session, or that many per address if that is more. */
const DIRECTED_BYTES = 128 * 1024;
const DIRECTED_BYTES_EACH = 128;

const PRIORITY = /^\s*[+-]?\d{1,3}\s*$/;

export class Availability {
  readonly #module: Module;
  readonly #roster: Exports['roster'];
  readonly #limits: Limits;

  constructor(module: Module, roster: Exports['roster'], limits: Limits) {
    this.#module = module;
    this.#roster = roster;
    this.#limits = limits;
  }

  /** The account's available clients. */
  sessions(user: string): readonly C2SSession[] {
    return this.#module.host.sessions.of(user).filter((session) => session.state.presence !== undefined);
  }

  /**
   * §4.2.2, §4.4.2: stores and broadcasts the client's available presence.
   * @throws StanzaError 'bad-request' for a priority out of range, 'policy-violation' for too large a stanza.
   */
  announce(session: C2SSession, stanza: Stanza): void {
    const priority = priorityOf(stanza);
    const isInitial = session.state.presence === undefined;
    const previousPriority = session.state.priority;
    const presence = this.#forMany(session, flatCopy(stanza));
    session.state.presence = presence;
    session.state.presenceAt = this.#module.clock.now();
    session.state.priority = priority;
    this.#broadcast(session, presence);
    if (isInitial) {
      this.#forgetCovered(session);
      this.#introduce(session);
    }
    this.#module.notify('presence-available', { session, previousPriority });
  }

  /**
   * §4.5.2: broadcasts the client's unavailable presence. The client may stay connected.
   * @throws StanzaError 'policy-violation' for too large a stanza.
   */
  withdraw(session: C2SSession, stanza: Stanza): void {
    const wasAvailable = session.state.presence !== undefined;
    const { directed } = session.state;
    const presence = this.#forMany(session, stanza);
    // The client gets its own broadcast too, so it stays available until it is sent.
    if (wasAvailable) this.#broadcast(session, presence);
    const others = [...(directed ?? [])].filter(
      ([bare]) => !(wasAvailable && this.#isCovered(session, bare)),
    );
    delete session.state.presence;
    delete session.state.presenceAt;
    delete session.state.priority;
    delete session.state.directed;
    for (const [, addresses] of others) {
      for (const to of addresses) this.#module.send(presence.with({ to }));
    }
  }

  /** Sends unavailable presence for a session that ends, if the client has not (§4.5.2). */
  end(session: C2SSession): void {
    if (session.state.presence === undefined && session.state.directed === undefined) return;
    this.withdraw(session, xml('presence', { type: 'unavailable', id: newId() }));
  }

  /**
   * §4.6.3: records an address with directed presence. The caller routes the stanza.
   * @throws StanzaError 'resource-constraint' for too many addresses
   */
  direct(session: C2SSession, { attrs }: Stanza, to: Jid): void {
    const { state } = session;
    if (attrs.type === 'unavailable') return forget(session, to);
    if (state.presence !== undefined && this.#isCovered(session, to.bare)) return;
    state.directed ??= new DirectedAddresses();
    if (state.directed.includes(to.bare, to.toString())) return;
    if (this.#isFull(state.directed, to)) {
      throw new StanzaError('resource-constraint', {
        text: 'You have sent presence to too many addresses: first send some of them unavailable presence',
      });
    }
    state.directed.add(to.bare, to.toString());
  }

  #isFull({ count, bytes }: DirectedAddresses, to: Jid): boolean {
    const { maxDirected } = this.#limits;
    const maxBytes = Math.max(DIRECTED_BYTES, DIRECTED_BYTES_EACH * maxDirected);
    return count >= maxDirected || bytes + Buffer.byteLength(to.toString()) > maxBytes;
  }

  /** Sends the presence of every available client of the account to one address. */
  reveal(user: string, to: string): void {
    for (const { state } of this.sessions(user)) this.#module.send(state.presence!.with({ to }));
  }

  /** Sends unavailable presence of every available client of the account to one address. */
  conceal(user: string, to: string): void {
    for (const { jid } of this.sessions(user)) {
      this.#module.send(xml('presence', { type: 'unavailable', id: newId(), from: jid.toString(), to }));
    }
  }

  /** Prepares a stanza for many recipients. @throws StanzaError 'policy-violation' if it is too large for that */
  #forMany({ jid }: C2SSession, stanza: Stanza): Element {
    const presence = share(stanza.with({ from: jid.toString() }));
    if (presence.toString().length <= this.#limits.maxSize) return presence;
    throw new StanzaError('policy-violation', { text: 'This presence is too large for a broadcast' });
  }

  /** Sends presence to all available clients of the account (§4.2.2), and to all subscribers that it does not block. */
  #broadcast(session: C2SSession, presence: Element): void {
    const user = userOf(session);
    this.#module.send(presence.with({ to: session.jid.bare }));
    for (const to of this.#roster.subscribers(user)) {
      if (!this.#isBlocked(user, to)) this.#module.send(presence.with({ to }));
    }
  }

  /** XEP-0191 §3.3: a blocked contact sees no presence, and no probes, by which it would learn of a login. */
  #isBlocked(user: string, contact: string): boolean {
    return this.#module.ask('blocklist-blocks', { user, jid: contact }) === true;
  }

  /** Sends a newly available client the presence of other clients, probes to contacts, and pending requests. */
  #introduce(session: C2SSession): void {
    const user = userOf(session);
    const to = session.jid.toString();
    for (const other of this.sessions(user)) {
      if (other !== session) this.#module.send(other.state.presence!.with({ to }));
    }
    for (const contact of this.#roster.subscriptions(user)) {
      if (this.#isBlocked(user, contact)) continue;
      this.#module.send(xml('presence', { type: 'probe', id: newId(), from: to, to: contact }));
    }
    for (const request of this.#roster.requests(user)) session.send(this.#requestOf(user, request));
    this.#askAgain(session);
  }

  /** A stored request. An unreadable one is replaced by one without content, so that the user can answer it. */
  #requestOf(user: string, { contact, text }: { contact: string; text: string }): Stanza {
    try {
      return parseElement(text);
    } catch (error) {
      const note = 'shown without its content until the user answers it';
      this.#module.log.error('stored subscription request unreadable', { user, contact, note, error });
      const bare = xml('presence', {
        type: 'subscribe',
        id: newId(),
        from: contact,
        to: `${user}@${this.#module.host.domain}`,
      });
      this.#module.spawn(this.#roster.replaceRequest(user, contact, bare.toString()));
      return bare;
    }
  }

  /** §3.1.2: repeats pending requests to other servers, which may have been lost. */
  #askAgain({ jid }: C2SSession): void {
    const user = jid.local ?? '';
    for (const contact of this.#roster.asking(user)) {
      if (contact.endsWith(`@${this.#module.host.domain}`) || this.#isBlocked(user, contact)) continue;
      this.#module.send(xml('presence', { type: 'subscribe', id: newId(), from: jid.bare, to: contact }));
    }
  }

  /** Whether the client's broadcasts go to this bare JID. */
  #isCovered({ jid }: C2SSession, bare: string): boolean {
    return bare === jid.bare || this.#roster.hasSubscriber(jid.local ?? '', bare);
  }

  #forgetCovered(session: C2SSession): void {
    const { directed } = session.state;
    for (const bare of directed?.keys() ?? []) if (this.#isCovered(session, bare)) directed?.delete(bare);
  }
}

function forget({ state }: C2SSession, to: Jid): void {
  if (to.resource === undefined) state.directed?.delete(to.bare);
  else state.directed?.remove(to.bare, to.toString());
}

/** §4.7.2.3. @throws StanzaError 'bad-request' */
function priorityOf(stanza: Stanza): number {
  const text = stanza.getChildText('priority');
  if (text === undefined) return 0;
  const priority = PRIORITY.test(text) ? Number(text) : Number.NaN;
  if (priority >= -128 && priority <= 127) return priority;
  throw new StanzaError('bad-request', { text: 'A priority is a number from -128 to 127' });
}

function userOf({ jid }: C2SSession): string {
  return jid.local ?? '';
}
