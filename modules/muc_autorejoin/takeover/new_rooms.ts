// Handles rooms that a join of the server has created (status 201, XEP-0045 §10.1.1).

import type { Element, StanzaEvent } from 'enjamb/api';
import type { Rejoining } from '../answer/rejoining.ts';
import type { AssistedRejoins } from '../assisted/assisted.ts';
import { type Founding, mayBeMadeAnew } from '../founding/founding.ts';
import type { Rejoins } from '../join/rejoins.ts';
import { codesIn, hasCode, mucUserIn } from '../memory/losses.ts';
import type { Place } from '../memory/memory.ts';
import type { Places } from '../memory/places.ts';
import { affiliationIn } from '../memory/rooms.ts';
import type { Inquiries } from '../settings/inquiries.ts';
import type { Context } from '../shared/context.ts';
import type { Comparisons } from './comparisons.ts';

interface Parts {
  readonly founding: Founding;
  readonly comparisons: Comparisons;
  readonly inquiries: Inquiries;
}

/** In silent mode. */
export class NewRooms {
  readonly #rejoins: Rejoins;
  readonly #parts: Parts;

  constructor(rejoins: Rejoins, parts: Parts) {
    this.#rejoins = rejoins;
    this.#parts = parts;
  }

  /** A room has let a client in. Returns false if the client must not be in it. */
  entered(place: Place, rejoining: Rejoining, x: Element): boolean {
    const { room } = place;
    const isUnfinished = room.making !== undefined && affiliationIn(x) === 'owner';
    if (!isUnfinished && !codesIn(x).includes('201')) {
      this.#parts.comparisons.begin(place, rejoining);
      return true;
    }
    if (!isUnfinished && !mayBeMadeAnew(room.facts)) {
      this.#rejoins.leaveRoom(place, 'room-gone');
      return false;
    }
    this.#make(place, rejoining);
    return true;
  }

  #make(place: Place, rejoining: Rejoining): void {
    const { founding, comparisons, inquiries } = this.#parts;
    const { active, catchUp } = this.#rejoins;
    const { id } = rejoining;
    const goOn = catchUp.wait(place, rejoining);
    founding.made(place, {
      isIn: () => active.get(place) === rejoining && rejoining.id === id && place.state === 'catching-up',
      onEnd: (isRight, info) => {
        if (!isRight) return this.#rejoins.leaveRoom(place, 'room-gone');
        if (info) inquiries.learn(place.room, info);
        comparisons.skip(place);
        goOn();
      },
    });
  }
}

/** In assisted mode: the client gets the answer unchanged, and the room is unlocked for others. */
export function watchNewRooms(
  context: Context,
  { founding, assisted, places }: { founding: Founding; assisted: AssistedRejoins; places: Places },
): void {
  const { joins, module } = context;
  module.observe('presence/full', ({ stanza, from, to }: Readonly<StanzaEvent>) => {
    const x = stanza.attrs.type === undefined ? mucUserIn(stanza) : undefined;
    if (x === undefined || !hasCode(x, '201')) return;
    const session = module.host.sessions.get(to);
    const place = session?.state.mucPlaces?.get(from.bare);
    if (place === undefined || !assisted.hasMade(place.session, from.bare)) return;
    if (place.room.facts === undefined) return founding.accept(place);
    founding.made(place, {
      isIn: () => isCurrent(place),
      onEnd: (isRight) => {
        if (isRight) return;
        places.setPayload(place, undefined);
        joins.withdraw(place.join);
        context.pingMuc()?.tell(place.join, 'room-gone');
      },
    });
  });
}

function isCurrent({ session, room, join }: Place): boolean {
  return session.state.mucPlaces?.get(room.jid)?.join === join;
}
