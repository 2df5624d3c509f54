// What contacts see when the user blocks and unblocks them (XEP-0191 §3.3, §3.4).

import { type Exports, Jid, type Module, newId, xml } from 'enjamb/api';
import { delayBy } from 'enjamb/xep';
import type { Availability } from './availability.ts';

type Matches = (jid: Jid) => boolean;

export class Contacts {
  readonly #module: Module;
  readonly #roster: Exports['roster'];
  readonly #availability: Availability;

  constructor(module: Module, roster: Exports['roster'], availability: Availability) {
    this.#module = module;
    this.#roster = roster;
    this.#availability = availability;
  }

  /**
   * Sends unavailable presence to matching subscribers and addresses with directed presence, and forgets these addresses.
   * Returns the number of stanzas.
   */
  hide(user: string, matches: Matches): number {
    const subscribers = this.#roster.subscribers(user).filter(textMatches(matches));
    for (const contact of subscribers) this.#availability.conceal(user, contact);
    return subscribers.length * this.#availability.sessions(user).length + this.#endDirected(user, matches);
  }

  /**
   * Sends the present presence of all clients to matching subscribers, and probes to matching contacts whose presence the
   * user sees. Returns the number of stanzas.
   */
  show(user: string, matches: Matches): number {
    const sessions = this.#availability.sessions(user);
    if (sessions.length === 0) return 0;
    const { domain } = this.#module.host;
    const subscribers = this.#roster.subscribers(user).filter(textMatches(matches));
    for (const { state, boundAt } of sessions) {
      const presence = state.presence!.plus(delayBy(domain, state.presenceAt ?? boundAt));
      for (const to of subscribers) this.#module.send(presence.with({ to }));
    }
    const subscriptions = this.#roster.subscriptions(user).filter(textMatches(matches));
    // RFC 6121 §4.3.1: from the bare JID, so that all clients get the answer.
    for (const to of subscriptions) {
      this.#module.send(xml('presence', { type: 'probe', id: newId(), from: `${user}@${domain}`, to }));
    }
    return sessions.length * subscribers.length + subscriptions.length;
  }

  #endDirected(user: string, matches: Matches): number {
    let count = 0;
    for (const { jid, state } of this.#module.host.sessions.of(user)) {
      const addresses = [...(state.directed ?? [])]
        .flatMap(([, all]) => [...all])
        .filter(textMatches(matches));
      for (const to of addresses) {
        state.directed?.remove(Jid.parse(to).bare, to);
        this.#module.send(xml('presence', { type: 'unavailable', id: newId(), from: `${jid}`, to }));
      }
      count += addresses.length;
    }
    return count;
  }
}

function textMatches(matches: Matches): (text: string) => boolean {
  return (text) => {
    const jid = Jid.tryParse(text);
    return jid !== undefined && matches(jid);
  };
}
