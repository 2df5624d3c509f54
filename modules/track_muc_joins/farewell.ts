// A client goes offline, or its session ends: every room it is in hears of it, whether the roster knows the room or
// not (RFC 6121 §4.5.2, §4.6.3; XEP-0045 §7.14).

import type { C2SSession } from 'enjamb/api';
import type { Departures } from './departures.ts';
import type { JoinIndex } from './entries.ts';
import type { Join } from './join.ts';
import type { Outgoing } from './outgoing.ts';

export class Farewells {
  readonly #index: JoinIndex;
  readonly #outgoing: Outgoing;
  readonly #departures: Departures;

  constructor(index: JoinIndex, outgoing: Outgoing, departures: Departures) {
    this.#index = index;
    this.#outgoing = outgoing;
    this.#departures = departures;
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
  end({ state }: C2SSession): void {
    for (const join of joinsOf(state)) {
      if (join.state === 'leaving') this.#departures.hush(join);
      else this.#departures.leave(join);
      state.directed?.delete(join.room.jid);
      this.#index.remove(join);
    }
    delete state.mucAddressed;
  }
}

function joinsOf({ mucJoins }: C2SSession['state']): readonly Join[] {
  return [...(mucJoins?.values() ?? [])];
}
