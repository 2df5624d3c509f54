// The end of a room (XEP-0045 §10.9).

import { type Element, NS, share, xml } from 'enjamb/api';
import type { PresenceUpdate } from '../engine/deliver.ts';
import { forgetPresence } from '../engine/presence_payload.ts';
import { dropRoom } from '../engine/rooms.ts';
import { countSeat } from '../engine/seats.ts';
import { type Service, send } from '../engine/service.ts';
import { occupantIdElement } from '../model/occupant_id.ts';
import type { Room } from '../model/room.ts';

export interface Destruction {
  /** The alternative room. */
  readonly venue?: string | undefined;
  readonly password?: string | undefined;
  readonly reason?: string | undefined;
}

/**
 * Removes all occupants, each notified only of its own removal, and deletes the room, persistent or not. `echo`: the
 * `id` of the presence that caused it, for the client that sent it.
 */
export function destroyRoom(
  service: Service,
  room: Room,
  destruction: Destruction,
  echo?: PresenceUpdate['echo'],
): void {
  dropRoom(service, room);
  for (const occupant of room.occupants.values()) {
    const unavailable = share(
      xml(
        'presence',
        { type: 'unavailable', from: `${room.jid}/${occupant.nick}` },
        xml(
          'x',
          NS.MUC_USER,
          xml('item', { affiliation: 'none', role: 'none' }),
          destroyElement(destruction),
          xml('status', { code: '110' }),
        ),
        occupantIdElement(occupant.id),
      ),
    );
    for (const seat of occupant.seats.values()) {
      countSeat(service, seat, -1);
      forgetPresence(service, room, seat);
      const id = echo?.client === seat ? echo.id : undefined;
      send(service, unavailable.with({ to: seat.jid, id }));
    }
  }
  room.occupants.clear();
  room.seats.clear();
}

function destroyElement({ venue, password, reason }: Destruction): Element {
  return xml(
    'destroy',
    { jid: venue },
    password === undefined ? undefined : xml('password', {}, password),
    reason === undefined ? undefined : xml('reason', {}, reason),
  );
}
