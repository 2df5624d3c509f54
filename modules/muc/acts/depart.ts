// Ways out of a room: leaving (XEP-0045 §7.14), being removed (§8.2, §9.1, §10.2), being gone (§11.1).

import type { Node } from 'enjamb/api';
import { announce, type News, tellOthers, tellOwn } from '../engine/deliver.ts';
import { forgetPresence } from '../engine/presence_payload.ts';
import { closeIfDone } from '../engine/rooms.ts';
import { countSeat } from '../engine/seats.ts';
import type { Service } from '../engine/service.ts';
import { postpone } from '../engine/turn.ts';
import { type Affiliation, isAtLeast } from '../model/ranks.ts';
import { affiliationOf, forgetViews, mainSeat, type Occupant, type Room, type Seat } from '../model/room.ts';
import { destroyRoom } from './destroy.ts';

export interface Departure {
  /** What the client said in going. */
  readonly payload?: readonly Node[];
  readonly codes?: readonly string[];
  readonly affiliation?: Affiliation;
  readonly actor?: string | undefined;
  readonly reason?: string | undefined;
  /** The `id` of the presence by which a client leaves; it gets that back. */
  readonly echo?: NonNullable<News['echo']>;
}

/**
 * Clients go. A nick stays while other clients of its user hold it; then only those that go are told. Nobody who goes
 * hears of the others who do.
 */
export function removeSeats(
  service: Service,
  room: Room,
  seats: readonly Seat[],
  departure: Departure = {},
): void {
  if (room.configuring && seats.length === room.seats.size) {
    // §10.1.3: an owner who goes while configuring a new room is told that it goes too.
    destroyRoom(service, room, {}, departure.echo);
    return;
  }
  const shown = new Map(seats.map(({ occupant }) => [occupant, mainSeat(occupant)]));
  for (const seat of seats) {
    countSeat(service, seat, -1);
    room.seats.delete(seat.jid);
    seat.occupant.seats.delete(seat.jid);
    forgetPresence(service, room, seat);
  }
  for (const seat of seats) tellOwn(service, room, seat.occupant, [seat], farewell(seat, departure));
  for (const [occupant, main] of shown) {
    forgetViews(occupant);
    if (occupant.seats.size === 0) {
      room.occupants.delete(occupant.nick);
      tellOthers(service, room, occupant, farewell(main, departure));
    } else if (!occupant.seats.has(main.jid)) {
      announce(service, room, occupant);
    }
  }
  service.module.notify('muc-departed', { room, seats, codes: departure.codes ?? [] });
  closeIfDone(service, room);
}

/** All clients of an occupant go. */
export function removeOccupant(service: Service, room: Room, occupant: Occupant, departure: Departure): void {
  removeSeats(service, room, [...occupant.seats.values()], departure);
}

/** §10.2, status 322: whoever may not be in a members-only room. */
export function removeStrangers(service: Service, room: Room): void {
  if (!room.config.membersOnly) return;
  const strangers = [...room.seats.values()].filter(
    ({ occupant }) => !isAtLeast(affiliationOf(room, occupant.bare), 'member'),
  );
  if (strangers.length > 0) removeSeats(service, room, strangers, { codes: ['322'] });
}

/**
 * A client has turned out to be gone (§11.1: 333; without 307, nobody has thrown it out). One message may find out many:
 * they go together when the turn is over.
 */
export function markGone(service: Service, room: Room, seat: Seat): void {
  if (service.gone.size === 0) postpone(service, () => removeGone(service));
  service.gone.set(seat, room);
}

function removeGone(service: Service): void {
  // Some may have left by themselves since.
  const gone = [...service.gone].filter(([seat, room]) => room.seats.get(seat.jid) === seat);
  service.gone.clear();
  for (const room of new Set(gone.map(([, room]) => room))) {
    const seats = gone.filter(([, place]) => place === room).map(([seat]) => seat);
    removeSeats(service, room, seats, { codes: ['333'] });
  }
}

function farewell(seat: Seat, departure: Departure): News {
  return { type: 'unavailable', payload: [], role: 'none', jid: seat.jid, ...departure };
}
