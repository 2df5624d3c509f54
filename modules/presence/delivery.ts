// Presence to users of this host: delivered to one or all clients, or answered by the server (RFC 6121 §8.5, §4.3).

import { type Exports, type Module, newId, StanzaError, type StanzaEvent, xml } from 'enjamb/api';
import { isSubscriptionType } from 'enjamb/xep';
import type { Availability } from './availability.ts';
import type { Subscriptions } from './subscriptions.ts';

export class Delivery {
  readonly #module: Module;
  readonly #roster: Exports['roster'];
  readonly #availability: Availability;
  readonly #subscriptions: Subscriptions;

  constructor(
    module: Module,
    roster: Exports['roster'],
    availability: Availability,
    subscriptions: Subscriptions,
  ) {
    this.#module = module;
    this.#roster = roster;
    this.#availability = availability;
    this.#subscriptions = subscriptions;
  }

  /**
   * §8.5.2: handles presence to the bare JID.
   * @throws StanzaError 'bad-request' for an unknown type
   */
  toAccount(event: StanzaEvent): 'handled' {
    const { stanza, to } = event;
    const { type } = stanza.attrs;
    if (type === undefined || type === 'unavailable' || type === 'error') {
      for (const session of this.#availability.sessions(to.local ?? '')) session.send(stanza);
    } else if (type === 'probe') this.#answerProbe(event);
    else if (!isSubscriptionType(type)) throw new StanzaError('bad-request');
    // §8.5.1: ignored if the account does not exist.
    else if (this.#module.host.users.has(to.local ?? '')) this.#subscriptions.inbound(event, type);
    return 'handled';
  }

  /** §8.5.3: handles presence to a full JID. @throws StanzaError 'bad-request' */
  toResource(event: StanzaEvent): 'handled' {
    const { stanza, to } = event;
    const { type } = stanza.attrs;
    const session = this.#module.host.sessions.get(to);
    if (type === undefined || type === 'unavailable' || type === 'error') session?.send(stanza);
    // §8.5.3.2.2: without the resource, only requests and probes are for the account.
    else if (session || type === 'subscribe' || type === 'probe') this.toAccount(event);
    else if (!isSubscriptionType(type)) throw new StanzaError('bad-request');
    return 'handled';
  }

  /** §4.3.2. The answer is the same for an unknown account and for a sender without a subscription. */
  #answerProbe({ from, to }: StanzaEvent): void {
    const user = to.local ?? '';
    const isOwn = from.bare === to.bare;
    if (!isOwn && !this.#roster.hasSubscriber(user, from.bare)) {
      this.#reply('unsubscribed', to.bare, from.bare);
      return;
    }
    const available = this.#availability.sessions(user);
    const sessions = to.resource === undefined ? available : available.filter(({ jid }) => jid.equals(to));
    for (const { state } of sessions) this.#module.send(state.presence!.with({ to: from.toString() }));
    if (sessions.length === 0) this.#reply('unavailable', to.toString(), from.toString());
  }

  #reply(type: 'unavailable' | 'unsubscribed', from: string, to: string): void {
    this.#module.send(xml('presence', { type, id: newId(), from, to }));
  }
}
