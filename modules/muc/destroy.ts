// The end of a room (XEP-0045 §10.9).

import { type Element, NS, share, xml } from 'enjamb/api';
import { occupantIdElement } from './occupant_id.ts';
import type { Room } from './room.ts';
import { dropRoom } from './rooms.ts';
import { type Service, send } from './service.ts';

export interface Destruction {
  /** Where to go instead. */
  readonly venue?: string | undefined;
  readonly password?: string | undefined;
  readonly reason?: string | undefined;
}

/** Removes everybody, each hearing of nobody's going but its own, and the room for good, persistent or not. */
export function destroyRoom(service: Service, room: Room, destruction: Destruction): void {
  dropRoom(service, room);
  for (const occupant of room.occupants.values()) {
    const farewell = share(
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
    for (const seat of occupant.seats.values()) send(service, farewell.with({ to: seat.jid }));
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
