// Presence from clients to rooms, before it is routed.

import { type C2SSession, NS, type StanzaEvent } from 'enjamb/api';
import type { Departures } from './departures.ts';
import type { JoinIndex } from './entries.ts';
import type { Join } from './join.ts';

type Sent = Readonly<StanzaEvent<C2SSession>>;

/** Updates joins by the joins, nick changes and leaves that clients send. */
export class Outgoing {
  readonly #index: JoinIndex;
  readonly #departures: Departures;

  constructor(index: JoinIndex, departures: Departures) {
    this.#index = index;
    this.#departures = departures;
  }

  /** Presence to `room/nick`. */
  toOccupant({ stanza, to, origin: session }: Sent): void {
    const { type } = stanza.attrs;
    const join = this.#index.get(session, to.bare);
    if (type === 'unavailable') {
      if (join) this.leave(join, stanza.attrs.id);
      return;
    }
    if (type !== undefined) return;
    if (stanza.getChild('x', NS.MUC)) this.#enter({ stanza, to, session });
    else if (join === undefined || join.state === 'leaving') this.#index.address(session, to.bare);
    else if (join.state !== 'joining' && join.nick !== to.resource) {
      this.#index.rename(join, to.resource ?? '');
    }
  }

  /** Presence to a bare JID, by which some clients leave a room. */
  toBare({ stanza, to, origin: session }: Sent): void {
    if (stanza.attrs.type !== 'unavailable') return;
    const join = this.#index.get(session, to.bare);
    if (join) this.leave(join, stanza.attrs.id);
  }

  /** The client leaves by a presence with this id. */
  leave(join: Join, id: string | undefined): void {
    if (join.state === 'leaving') return;
    this.#index.leave(join);
    this.#departures.sent(join, id);
  }

  #enter({ stanza, to, session }: Pick<Sent, 'stanza' | 'to'> & { session: C2SSession }): void {
    const join = this.#index.begin(session, to, stanza.attrs.id);
    if (join === undefined)
      session.log.debug('room not tracked: too many rooms, or its address is too long', { room: to.bare });
  }
}
