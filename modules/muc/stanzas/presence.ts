// Presence to a room or to one of its occupants (XEP-0045 §7.2, §7.6, §7.7, §7.14).

import { NS, StanzaError, type StanzaEvent, xml } from 'enjamb/api';
import { removeSeats } from '../acts/depart.ts';
import { join, refuseEntry } from '../acts/enter.ts';
import { changeNick, echoOf } from '../acts/rename.ts';
import { announce, tellOwn } from '../engine/deliver.ts';
import { readPresence, storePresence } from '../engine/presence_payload.ts';
import { findRoom } from '../engine/rooms.ts';
import { type Service, send } from '../engine/service.ts';
import { withoutForgeries } from '../model/payload.ts';
import { mainSeat, type Room, type Seat, seatOf } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';
import { handleBounce } from './bounce.ts';

/** Handles presence to an occupant JID. */
export function presenceToOccupant(service: Service, event: StanzaEvent): void {
  const { type } = event.stanza.attrs;
  if (type === 'error') handleBounce(service, event);
  else if (type === 'unavailable') leave(service, event);
  // §17.3: presence of other types is ignored.
  else if (type === undefined) available(service, event);
}

/**
 * Handles presence to the room itself, which cannot be entered without a nick (§7.2.1).
 * COMPAT(aioxmpp 0.13): leaves by presence to the room's bare JID (§7.14).
 */
export function presenceToRoom(service: Service, event: StanzaEvent): void {
  const { type } = event.stanza.attrs;
  if (type === 'error') handleBounce(service, event);
  else if (type === 'unavailable') leave(service, event);
  else if (type === undefined) {
    refuseEntry(
      service,
      event.stanza,
      roomError(event.to.bare, 'jid-malformed', {
        text: 'Enter the room with a nickname: room@service/nickname',
      }),
    );
  }
}

function available(service: Service, event: StanzaEvent): void {
  const room = findRoom(service, event.to);
  const seat = seatOf(room, event.from);
  if (event.stanza.getChild('x', NS.MUC)) join(service, event);
  else if (room && seat) update(service, room, seat, event);
  else notInRoom(service, event);
}

/** Updates presence (§7.7) or changes the nick (§7.6). */
function update(service: Service, room: Room, seat: Seat, event: StanzaEvent): void {
  try {
    const received = readPresence(event.stanza, room.jid);
    if (event.to.resource !== seat.occupant.nick) {
      changeNick(service, room, seat, received, event);
      return;
    }
    storePresence(service, room, seat, received);
    const update = { echo: echoOf(seat, event.stanza) };
    // Others see only the user's main client.
    if (mainSeat(seat.occupant) === seat) announce(service, room, seat.occupant, update);
    else tellOwn(service, room, seat.occupant, [seat], update);
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    refuseEntry(service, event.stanza, error);
  }
}

/** §17.3: "A room MUST silently ignore unavailable presence received from a user who has a role of 'none'." */
function leave(service: Service, { stanza, from, to }: StanzaEvent): void {
  const room = findRoom(service, to);
  const seat = seatOf(room, from);
  if (!room || !seat) return;
  // COMPAT(Smack 4.5): if `id`s are stable, it waits for its own id to be sure that it has left.
  removeSeats(service, room, [seat], {
    payload: withoutForgeries(stanza, room.jid),
    echo: echoOf(seat, stanza),
  });
}

/** §7.2.17: immediately notifies a client that it is not in the room. */
function notInRoom(service: Service, { stanza }: StanzaEvent): void {
  const { from, to } = stanza.attrs;
  send(
    service,
    xml(
      'presence',
      { type: 'unavailable', from: to, to: from },
      xml(
        'x',
        NS.MUC_USER,
        xml('item', { affiliation: 'none', role: 'none' }, xml('reason', {}, 'You are not in the room.')),
        ...['110', '307', '333'].map((code) => xml('status', { code })),
      ),
    ),
  );
}
