// Leaves all rooms of a client that goes offline or whose session ends, including rooms that are in the roster (RFC
// 6121 §4.5.2, §4.6.3; XEP-0045 §7.14).

import type { C2SSession, Exports } from 'enjamb/api';
import type { Departures } from './departures.ts';
import type { JoinIndex } from './entries.ts';
import type { Join } from './join.ts';
import type { Outgoing } from './outgoing.ts';

export class GoingOffline {
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
   * Call this when the client sends unavailable presence to all, with this id. The presence module sends it to
   * addresses with directed presence; this sends a leave to the other rooms.
   */
  leaveAll({ state }: C2SSession, id: string | undefined): void {
    for (const join of joinsOf(state)) {
      if (join.state === 'leaving') continue;
      this.#outgoing.leave(join, id);
      if (!state.directed?.has(join.room.jid)) this.#departures.leave(join, { hidden: false });
    }
  }

  /**
   * Call this when the session ends. Its leaves are hidden: another session may have the same full JID, and must not
   * get their answers. The presence module sends nothing more to these rooms.
   */
  end(session: C2SSession): void {
    const { state } = session;
    for (const join of joinsOf(state)) {
      if (join.state === 'leaving') this.#departures.hide(join);
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
