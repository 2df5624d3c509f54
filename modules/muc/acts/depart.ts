// Departures from a room: leaving (XEP-0045 §7.14), removal (§8.2, §9.1, §10.2), lost clients (§11.1).

import type { Node } from 'enjamb/api';
import { announce, type PresenceUpdate, tellOthers, tellOwn } from '../engine/deliver.ts';
import { forgetPresence } from '../engine/presence_payload.ts';
import { closeIfDone } from '../engine/rooms.ts';
import { countSeat } from '../engine/seats.ts';
import type { Service } from '../engine/service.ts';
import { postpone } from '../engine/turn.ts';
import { type Affiliation, isAtLeast } from '../model/ranks.ts';
import { affiliationOf, forgetViews, mainSeat, type Occupant, type Room, type Seat } from '../model/room.ts';
import { destroyRoom } from './destroy.ts';

export interface Departure {
  /** The children of the client's unavailable presence. */
  readonly payload?: readonly Node[];
  readonly codes?: readonly string[];
  readonly affiliation?: Affiliation;
  readonly actor?: string | undefined;
  readonly reason?: string | undefined;
  /** The `id` of the presence by which a client leaves, which is returned to it. */
  readonly echo?: NonNullable<PresenceUpdate['echo']>;
}

/**
 * Removes clients. A nick stays while other clients of its user hold it; then only the removed clients are notified.
 * Removed clients are not notified of each other.
 */
export function removeSeats(
  service: Service,
  room: Room,
  seats: readonly Seat[],
  departure: Departure = {},
): void {
  if (room.configuring && seats.length === room.seats.size) {
    // §10.1.3: if the owner leaves while configuring a new room, the room is destroyed.
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
  for (const seat of seats) tellOwn(service, room, seat.occupant, [seat], unavailable(seat, departure));
  for (const [occupant, main] of shown) {
    forgetViews(occupant);
    if (occupant.seats.size === 0) {
      room.occupants.delete(occupant.nick);
      tellOthers(service, room, occupant, unavailable(main, departure));
    } else if (!occupant.seats.has(main.jid)) {
      announce(service, room, occupant);
    }
  }
  service.module.notify('muc-departed', { room, seats, codes: departure.codes ?? [] });
  closeIfDone(service, room);
}

/** Removes all clients of an occupant. */
export function removeOccupant(service: Service, room: Room, occupant: Occupant, departure: Departure): void {
  removeSeats(service, room, [...occupant.seats.values()], departure);
}

/** Removes occupants who are not members from a members-only room (§10.2, status 322). */
export function removeNonMembers(service: Service, room: Room): void {
  if (!room.config.membersOnly) return;
  const nonMembers = [...room.seats.values()].filter(
    ({ occupant }) => !isAtLeast(affiliationOf(room, occupant.bare), 'member'),
  );
  if (nonMembers.length > 0) removeSeats(service, room, nonMembers, { codes: ['322'] });
}

/**
 * Marks a client as lost (§11.1: status 333 without 307, since it was not kicked). One message may reveal many lost
 * clients, which are removed together at the end of the turn.
 */
export function markGone(service: Service, room: Room, seat: Seat): void {
  if (service.gone.size === 0) postpone(service, () => removeGone(service));
  service.gone.set(seat, room);
}

function removeGone(service: Service): void {
  // Some clients may have left since.
  const gone = [...service.gone].filter(([seat, room]) => room.seats.get(seat.jid) === seat);
  service.gone.clear();
  for (const room of new Set(gone.map(([, room]) => room))) {
    const seats = gone.filter(([, place]) => place === room).map(([seat]) => seat);
    removeSeats(service, room, seats, { codes: ['333'] });
  }
}

function unavailable(seat: Seat, departure: Departure): PresenceUpdate {
  return { type: 'unavailable', payload: [], role: 'none', jid: seat.jid, ...departure };
}
