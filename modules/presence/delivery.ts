// Presence for one of our users: to all clients, to one of them, or answered by the server (RFC 6121 §8.5, §4.3).

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
   * §8.5.2: for the bare JID.
   * @throws StanzaError 'bad-request' for a type that does not exist.
   */
  toAccount(event: StanzaEvent): 'handled' {
    const { stanza, to } = event;
    const { type } = stanza.attrs;
    if (type === undefined || type === 'unavailable' || type === 'error') {
      for (const session of this.#availability.sessions(to.local ?? '')) session.send(stanza);
    } else if (type === 'probe') this.#answerProbe(event);
    else if (!isSubscriptionType(type)) throw new StanzaError('bad-request');
    // §8.5.1: for an account that does not exist, ignored.
    else if (this.#module.host.users.has(to.local ?? '')) this.#subscriptions.inbound(event, type);
    return 'handled';
  }

  /** §8.5.3: for a full JID. @throws StanzaError 'bad-request' */
  toResource(event: StanzaEvent): 'handled' {
    const { stanza, to } = event;
    const { type } = stanza.attrs;
    const session = this.#module.host.sessions.get(to);
    if (type === undefined || type === 'unavailable' || type === 'error') session?.send(stanza);
    // §8.5.3.2.2: a request is for the account even if the resource is gone; the other types are not.
    else if (session || type === 'subscribe' || type === 'probe') this.toAccount(event);
    else if (!isSubscriptionType(type)) throw new StanzaError('bad-request');
    return 'handled';
  }

  /** §4.3.2. An account that does not exist answers like one whose presence the asker may not see. */
  #answerProbe({ from, to }: StanzaEvent): void {
    const user = to.local ?? '';
    const isOwn = from.bare === to.bare;
    if (!isOwn && !this.#roster.hasSubscriber(user, from.bare)) {
      this.#say('unsubscribed', to.bare, from.bare);
      return;
    }
    const asked = this.#availability.sessions(user);
    const sessions = to.resource === undefined ? asked : asked.filter(({ jid }) => jid.equals(to));
    for (const { state } of sessions) this.#module.send(state.presence!.with({ to: from.toString() }));
    if (sessions.length === 0) this.#say('unavailable', to.toString(), from.toString());
  }

  #say(type: 'unavailable' | 'unsubscribed', from: string, to: string): void {
    this.#module.send(xml('presence', { type, id: newId(), from, to }));
  }
}
