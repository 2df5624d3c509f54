// Asking, allowing and ending: how subscription stanzas travel (RFC 6121 §3). What they change is in the roster.

import {
  type C2SSession,
  type Exports,
  keptText,
  type Module,
  newId,
  type Stanza,
  type StanzaEvent,
  xml,
} from 'enjamb/api';
import type { SubscriptionType } from 'enjamb/xep';
import type { Availability } from './availability.ts';

type Roster = Exports['roster'];
type Transition = ReturnType<Roster['transition']>;

/** In bytes; larger requests are kept without their content. */
const MAX_REQUEST = 2 * 1024;

export class Subscriptions {
  readonly #module: Module;
  readonly #roster: Roster;
  readonly #availability: Availability;

  constructor(module: Module, roster: Roster, availability: Availability) {
    this.#module = module;
    this.#roster = roster;
    this.#availability = availability;
  }

  /**
   * A client's stanza, on its way to a contact: processed as from one bare JID to another (§3.1.2, §3.1.5, §3.2.2,
   * §3.3.2, §3.4.2).
   * @throws StanzaError 'resource-constraint' when the contact list is full.
   */
  outbound(event: StanzaEvent<C2SSession>, type: SubscriptionType): void {
    const { local: user = '', bare } = event.origin.jid;
    const contact = event.to.bare;
    if (contact === bare) return; // Everyone sees their own presence anyway.
    const transition = this.#roster.transition(user, contact, 'outbound', type);
    const endsView = type === 'unsubscribed' && this.#roster.hasSubscriber(user, contact);
    // §3.2.2: the contact sees the clients go before it is told that it sees them no longer.
    if (endsView) this.#availability.conceal(user, contact);
    // Settled before it is sent: a contact on this server may have answered when `send` returns.
    event.waitUntil(this.#roster.settle(transition));
    if (transition.pass) this.#module.send(event.stanza.with({ from: bare, to: contact }));
    if (transition.pass && type === 'subscribed') this.#availability.reveal(user, contact);
  }

  /**
   * A contact's stanza for one of our users (§3.1.3, §3.1.6, §3.2.3, §3.3.3).
   * @throws StanzaError 'resource-constraint' when too many requests wait for the user.
   */
  inbound(event: StanzaEvent, type: SubscriptionType): void {
    const { local: user = '', bare } = event.to;
    const contact = event.from.bare;
    if (contact === bare) return;
    const stanza = event.stanza.with({ from: contact, to: bare });
    const texts = type === 'subscribe' ? textsOf(stanza) : [];
    const transition = this.#roster.transition(user, contact, 'inbound', type, texts);
    const endsView = type === 'unsubscribe' && this.#roster.hasSubscriber(user, contact);
    // §3.1.6: the stanza comes before the roster push, so that clients know the reason for it.
    if (transition.pass) this.#deliver(user, type, stanza);
    event.waitUntil(this.#roster.settle(transition));
    if (transition.reply) this.#answer(transition, bare);
    if (endsView) this.#availability.conceal(user, contact);
  }

  /** The user's entry for a contact is gone, or the user: the contact is told what that ends (§2.5.2). */
  part(user: string, contact: string, partings: ReturnType<Roster['partings']>): void {
    const from = `${user}@${this.#module.host.domain}`;
    const say = (type: SubscriptionType) =>
      this.#module.send(xml('presence', { type, id: newId(), from, to: contact }));
    if (partings.unsubscribe) say('unsubscribe');
    if (partings.unavailable) this.#availability.conceal(user, contact);
    if (partings.unsubscribed) say('unsubscribed');
  }

  /** §3.1.3: a request is for every available client; the rest concerns those that show the roster. */
  #deliver(user: string, type: SubscriptionType, stanza: Stanza): void {
    const sessions = type === 'subscribe' ? this.#availability.sessions(user) : this.#roster.interested(user);
    for (const session of sessions) session.send(stanza);
  }

  /** §3.1.3, rule 2: the user has said yes before. The contact does not seem to know, so it may lack presence too. */
  #answer({ user, contact, reply }: Transition, from: string): void {
    this.#module.send(xml('presence', { type: reply, id: newId(), from, to: contact }));
    this.#availability.reveal(user, contact);
  }
}

/** §3.1.3: the complete request, to be kept until it is answered; then one without content, if the first cannot be kept. */
function textsOf(request: Stanza): readonly string[] {
  const { from, to, type } = request.attrs;
  const bare = xml('presence', { type, id: newId(), from, to }).toString();
  try {
    const text = keptText(request);
    return Buffer.byteLength(text) <= MAX_REQUEST ? [text, bare] : [bare];
  } catch {
    return [bare];
  }
}
