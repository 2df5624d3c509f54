// A client goes offline, or its session ends: every room it is in hears of it, whether the roster knows the room or
// not (RFC 6121 §4.5.2, §4.6.3; XEP-0045 §7.14).

import type { C2SSession, Exports } from 'enjamb/api';
import type { Departures } from './departures.ts';
import type { JoinIndex } from './entries.ts';
import type { Join } from './join.ts';
import type { Outgoing } from './outgoing.ts';

export class Farewells {
  readonly #index: JoinIndex;
  readonly #outgoing: Outgoing;
  readonly #departures: Departures;
  readonly #presence: Exports['presence'];

  constructor(index: JoinIndex, outgoing: Outgoing, departures: Departures, presence: Exports['presence']) {
    this.#index = index;
    this.#outgoing = outgoing;
    this.#departures = departures;
    this.#presence = presence;
  }

  /**
   * The client leaves everything at once. The presence module is about to tell whoever has directed presence, with
   * the client's own words; the rooms that it does not know of are told here.
   */
  leaveAll({ state }: C2SSession, id: string | undefined): void {
    for (const join of joinsOf(state)) {
      if (join.state === 'leaving') continue;
      this.#outgoing.leave(join, id);
      if (!state.directed?.has(join.room.jid)) this.#departures.leave(join, { quiet: false });
    }
  }

  /**
   * The session is over, and perhaps replaced by another one with the same address: what rooms answer is not for that.
   * The presence module has nothing left to tell them.
   */
  end(session: C2SSession): void {
    const { state } = session;
    for (const join of joinsOf(state)) {
      if (join.state === 'leaving') this.#departures.hush(join);
      else this.#departures.leave(join);
      this.#presence.forget(session, join.room.jid);
      this.#index.remove(join);
    }
    delete state.mucAddressed;
  }
}

function joinsOf({ mucJoins }: C2SSession['state']): readonly Join[] {
  return [...(mucJoins?.values() ?? [])];
}
