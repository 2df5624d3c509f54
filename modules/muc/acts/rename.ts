// Nicknames: their validity (XEP-0045 §7.2.8, §17.1), and changing them (§7.6).

import { detach, Jid, type Stanza, type StanzaEvent } from 'enjamb/api';
import { announce } from '../engine/deliver.ts';
import { type ReceivedPresence, storePresence } from '../engine/presence_payload.ts';
import type { Service } from '../engine/service.ts';
import { reserverOf } from '../model/affiliations.ts';
import type { Occupant, Room, Seat } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';

/** White space and invisible characters only. */
const INVISIBLE = /^[\p{Z}\p{C}\s]*$/u;

/**
 * The nick in an occupant JID.
 * @throws StanzaError 'jid-malformed' for an invisible one (§17.1), 'policy-violation' for one that is too long
 */
export function properNick(service: Service, address: Jid): string {
  const nick = address.resource ?? '';
  if (INVISIBLE.test(nick))
    throw roomError(address.bare, 'jid-malformed', { text: 'The nickname has no visible character' });
  if (nick.length > service.module.options.muc_max_nick_length) {
    throw roomError(address.bare, 'policy-violation', { text: 'The nickname is too long' });
  }
  return detach(nick);
}

/**
 * The nick in a request, prepared as a resourcepart.
 * @throws StanzaError as `properNick` does
 */
export function writtenNick(service: Service, room: Room, text: string): string {
  const address = Jid.tryParse(`${room.jid}/${text}`);
  if (!address)
    throw roomError(room.jid, 'jid-malformed', {
      text: 'The nickname has characters that are not allowed in an address',
    });
  return properNick(service, address);
}

/** @throws StanzaError 'conflict' if another user holds or has reserved the nick (§7.2.8) */
export function checkNickIsFree(room: Room, nick: string, bare: string): void {
  const holder = room.occupants.get(nick)?.bare ?? reserverOf(room, nick);
  if (holder === undefined || holder === bare) return;
  throw roomError(room.jid, 'conflict', { text: 'Another user holds or has reserved this nickname' });
}

/** Status 210 (§7.2.2) if preparing the address has changed the client's nick. */
export function rewrittenCodes(event: StanzaEvent): string[] {
  const written = event.stanza.attrs.to ?? '';
  return written.slice(written.indexOf('/') + 1) === event.to.resource ? [] : ['210'];
}

/**
 * Renames an occupant with all its clients. A client that takes another nick of its user joins that occupant.
 * @throws StanzaError as for entering
 */
export function changeNick(
  service: Service,
  room: Room,
  seat: Seat,
  received: ReceivedPresence,
  event: StanzaEvent,
): void {
  const { occupant } = seat;
  const nick = properNick(service, event.to);
  checkNickIsFree(room, nick, occupant.bare);
  announce(service, room, occupant, { type: 'unavailable', nick, codes: ['303'] });
  room.occupants.delete(occupant.nick);
  const renamed = takeNick(room, occupant, nick);
  storePresence(service, room, seat, received);
  announce(service, room, renamed, { ownCodes: rewrittenCodes(event), echo: echoOf(seat, event.stanza) });
}

function takeNick(room: Room, occupant: Occupant, nick: string): Occupant {
  const sibling = room.occupants.get(nick);
  if (!sibling) {
    occupant.nick = nick;
    room.occupants.set(nick, occupant);
    return occupant;
  }
  for (const seat of occupant.seats.values()) {
    seat.occupant = sibling;
    sibling.seats.set(seat.jid, seat);
  }
  return sibling;
}

export function echoOf(client: Seat, stanza: Stanza): { client: Seat; id: string | undefined } {
  return { client, id: stanza.attrs.id };
}
