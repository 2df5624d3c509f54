// Ways out of a room: leaving (XEP-0045 §7.14), being removed (§8.2, §9.1, §10.2), being gone (§11.1).

import type { Node } from 'enjamb/api';
import { announce, repaint, tellOthers, tellOwn } from './broadcast.ts';
import { destroyRoom } from './destroy.ts';
import { type Affiliation, isAtLeast } from './ranks.ts';
import { affiliationOf, mainSeat, type Occupant, type Room, type Seat } from './room.ts';
import { closeIfDone } from './rooms.ts';
import type { Service } from './service.ts';

export interface Departure {
  /** What the client said in going. */
  readonly payload?: readonly Node[];
  readonly codes?: readonly string[];
  readonly affiliation?: Affiliation;
  readonly actor?: string | undefined;
  readonly reason?: string | undefined;
}

/** One client goes. The nick stays while other clients of the user hold it; then only the one that goes is told. */
export function removeSeat(service: Service, room: Room, seat: Seat, departure: Departure = {}): void {
  if (room.lockedSince !== undefined && room.seats.size === 1) {
    // §10.1.3: an owner who goes before the room is configured takes it along.
    destroyRoom(service, room, {});
    return;
  }
  const { occupant } = seat;
  const wasMain = mainSeat(occupant) === seat;
  room.seats.delete(seat.jid);
  occupant.seats.delete(seat.jid);
  const news = { type: 'unavailable', payload: [], role: 'none', jid: seat.jid, ...departure } as const;
  tellOwn(service, room, occupant, [seat], news);
  repaint(occupant);
  if (occupant.seats.size === 0) {
    room.occupants.delete(occupant.nick);
    tellOthers(service, room, occupant, news);
  } else if (wasMain) {
    announce(service, room, occupant);
  }
  closeIfDone(service, room);
}

/** All clients of an occupant go. */
export function removeOccupant(service: Service, room: Room, occupant: Occupant, departure: Departure): void {
  for (const seat of [...occupant.seats.values()]) {
    if (occupant.seats.size > 1) dismissSibling(service, room, seat, departure);
    else removeSeat(service, room, seat, departure);
  }
}

/** §10.2, status 322: whoever may not be in a members-only room. */
export function removeStrangers(service: Service, room: Room): void {
  if (!room.config.membersOnly) return;
  for (const occupant of [...room.occupants.values()]) {
    if (isAtLeast(affiliationOf(room, occupant.bare), 'member')) continue;
    removeOccupant(service, room, occupant, { codes: ['322'] });
  }
}

/** A client of an occupant that is being removed as a whole: nobody hears of it but the client. */
function dismissSibling(service: Service, room: Room, seat: Seat, departure: Departure): void {
  room.seats.delete(seat.jid);
  seat.occupant.seats.delete(seat.jid);
  tellOwn(service, room, seat.occupant, [seat], {
    type: 'unavailable',
    payload: [],
    role: 'none',
    jid: seat.jid,
    ...departure,
  });
}
