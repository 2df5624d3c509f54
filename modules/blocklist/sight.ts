// What blocked users see of the user, and what the user has with them, when the list changes (XEP-0191 §3.3, §3.4).

import { type Exports, Jid, type Module } from 'enjamb/api';
import type { Change, Matches } from './lists.ts';

export class Sight {
  readonly #module: Module;
  readonly #presence: Exports['presence'];
  readonly #roster: Exports['roster'];

  constructor(module: Module) {
    this.#module = module;
    this.#presence = module.use('presence');
    this.#roster = module.use('roster');
  }

  /** Returns the number of stanzas sent. */
  update({ user, wasBlocked, isBlockedNow }: Change): number {
    const isNewlyBlocked: Matches = (jid) => isBlockedNow(jid) && !wasBlocked(jid);
    const isUnblocked: Matches = (jid) => wasBlocked(jid) && !isBlockedNow(jid);
    // Rooms first: their addresses have directed presence, too.
    const left = this.#leaveRooms(user, isNewlyBlocked);
    const hidden = this.#presence.hide(user, isNewlyBlocked);
    this.#forgetRequests(user, isNewlyBlocked);
    return left + hidden + this.#presence.show(user, isUnblocked);
  }

  /** The client gets the answer of the room, and so knows that it is out. */
  #leaveRooms(user: string, matches: Matches): number {
    const tracker = this.#module.find('track_muc_joins');
    const sessions = tracker ? this.#module.host.sessions.of(user) : [];
    const joins = sessions
      .flatMap(({ state }) => [...(state.mucJoins?.values() ?? [])])
      .filter(({ room, nick, state }) => state !== 'leaving' && matches(Jid.parse(`${room.jid}/${nick}`)));
    for (const join of joins) {
      tracker?.quit(join);
      this.#presence.forget(join.session, join.room.jid);
    }
    return joins.length;
  }

  /** The sender of a request that waits for an answer does not notice. */
  #forgetRequests(user: string, matches: Matches): void {
    for (const { contact } of this.#roster.requests(user)) {
      const jid = Jid.tryParse(contact);
      if (!jid || !matches(jid)) continue;
      // As if the sender had withdrawn the request (RFC 6121 §3.3.3), but no client is told.
      const transition = this.#roster.transition(user, contact, 'inbound', 'unsubscribe');
      this.#module.spawn(this.#roster.settle(transition));
    }
  }
}
