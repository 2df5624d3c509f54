// Routes subscription stanzas (RFC 6121 §3). The roster has the states and their changes.

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

/** The most bytes of a stored request; larger ones are stored without their content. */
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
   * Handles a client's stanza to a contact, as from bare JID to bare JID (§3.1.2, §3.1.5, §3.2.2, §3.3.2, §3.4.2).
   * @throws StanzaError 'resource-constraint' if the roster is full
   */
  outbound(event: StanzaEvent<C2SSession>, type: SubscriptionType): void {
    const { local: user = '', bare } = event.origin.jid;
    const contact = event.to.bare;
    if (contact === bare) return; // Users get their own presence without a subscription.
    const transition = this.#roster.transition(user, contact, 'outbound', type);
    const endsView = type === 'unsubscribed' && this.#roster.hasSubscriber(user, contact);
    // §3.2.2: the contact gets unavailable presence before `unsubscribed`.
    if (endsView) this.#availability.conceal(user, contact);
    // Before the stanza is sent, because a contact on this server may answer before `send` returns.
    event.waitUntil(this.#roster.settle(transition));
    if (transition.pass) this.#module.send(event.stanza.with({ from: bare, to: contact }));
    if (transition.pass && type === 'subscribed') this.#availability.reveal(user, contact);
  }

  /**
   * Handles a contact's stanza to a user (§3.1.3, §3.1.6, §3.2.3, §3.3.3).
   * @throws StanzaError 'resource-constraint' for too many pending requests
   */
  inbound(event: StanzaEvent, type: SubscriptionType): void {
    const { local: user = '', bare } = event.to;
    const contact = event.from.bare;
    if (contact === bare) return;
    const stanza = event.stanza.with({ from: contact, to: bare });
    const texts = type === 'subscribe' ? textsOf(stanza) : [];
    const transition = this.#roster.transition(user, contact, 'inbound', type, texts);
    const endsView = type === 'unsubscribe' && this.#roster.hasSubscriber(user, contact);
    // §3.1.6: the stanza is sent before the roster push, so that clients know its reason.
    if (transition.pass) this.#deliver(user, type, stanza);
    event.waitUntil(this.#roster.settle(transition));
    if (transition.reply) this.#answer(transition, bare);
    if (endsView) this.#availability.conceal(user, contact);
  }

  /** Ends the subscriptions with a contact, because the roster item or the account was removed (§2.5.2). */
  part(user: string, contact: string, partings: ReturnType<Roster['partings']>): void {
    const from = `${user}@${this.#module.host.domain}`;
    const tell = (type: SubscriptionType) =>
      this.#module.send(xml('presence', { type, id: newId(), from, to: contact }));
    if (partings.unsubscribe) tell('unsubscribe');
    if (partings.unavailable) this.#availability.conceal(user, contact);
    if (partings.unsubscribed) tell('unsubscribed');
  }

  /** §3.1.3: requests go to all available clients, other stanzas to those that have requested the roster. */
  #deliver(user: string, type: SubscriptionType, stanza: Stanza): void {
    const sessions = type === 'subscribe' ? this.#availability.sessions(user) : this.#roster.interested(user);
    for (const session of sessions) session.send(stanza);
  }

  /** §3.1.3, rule 2: answers for a user that has approved before. The contact may lack the user's presence too. */
  #answer({ user, contact, reply }: Transition, from: string): void {
    this.#module.send(xml('presence', { type: reply, id: newId(), from, to: contact }));
    this.#availability.reveal(user, contact);
  }
}

/** §3.1.3: the complete request to store, and one without content, in case the first cannot be stored. */
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
