// Entering a room (XEP-0045 §7.1, §7.2), which also creates it (§10.1).

import { detach, type Element, NS, type Stanza, StanzaError, type StanzaEvent, xml } from 'enjamb/api';
import { checkMayCreate } from '../engine/creators.ts';
import { announce, sendOccupants, tellOthers, tellOwn } from '../engine/deliver.ts';
import {
  forgetPresence,
  hasChanged,
  type ReceivedPresence,
  readPresence,
  storePresence,
} from '../engine/presence_payload.ts';
import { selectHistory } from '../engine/ring.ts';
import { createRoom, dropRoom, findRoom } from '../engine/rooms.ts';
import { checkSeats, countSeat } from '../engine/seats.ts';
import { type Service, send } from '../engine/service.ts';
import { occupantId } from '../model/occupant_id.ts';
import { defaultRole, isAtLeast } from '../model/ranks.ts';
import {
  affiliationOf,
  forgetViews,
  mainSeat,
  type Occupant,
  type Room,
  type Seat,
  seatOf,
} from '../model/room.ts';
import { roomError } from '../model/room_error.ts';
import { changeNick, checkNickIsFree, echoOf, properNick, rewrittenCodes, writtenNick } from './rename.ts';
import { sendSubject } from './subject.ts';

/** Additional places in a full room for admins and owners (§7.2.9: "up to some reasonable number"). */
const PLACES_FOR_ADMINS = 10;

/** Handles available presence with the muc `x`: a client enters, or enters again after losing its state. */
export function join(service: Service, event: StanzaEvent): void {
  const room = findRoom(service, event.to);
  const seat = seatOf(room, event.from);
  try {
    if (room && seat) sendAgain(service, room, seat, event);
    else enter(service, room, event);
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    refuseEntry(service, event.stanza, error);
  }
}

function enter(service: Service, existing: Room | undefined, event: StanzaEvent): void {
  const { from, to, stanza } = event;
  const nick = properNick(service, to);
  const received = readPresence(stanza, to.bare);
  if (existing) checkEntry(service, existing, event, nick);
  checkSeats(service, to.bare, from.bare);
  const room = existing ?? createRoomFor(service, event);
  const isNew = existing === undefined;
  const allowed = allowedNick(service, room, event, nick, isNew);
  const seat = admit(service, room, detach(from.bare), detach(from.toString()), allowed);
  storePresence(service, room, seat, received);
  tellOthers(service, room, seat.occupant);
  const codes = [...(isNew ? ['201'] : []), ...(allowed === nick ? rewrittenCodes(event) : ['210'])];
  sendRoom(service, room, seat, event, codes);
  service.module.notify('muc-entered', { room, seats: [seat], codes });
}

/** Lets other modules refuse or rename the client. Returns its nick. @throws the errors of handlers */
function allowedNick(
  service: Service,
  room: Room,
  { from, stanza }: StanzaEvent,
  nick: string,
  isNew: boolean,
): string {
  const entering = { room, client: from, affiliation: affiliationOf(room, from.bare), stanza, nick, isNew };
  try {
    service.module.fire('muc-enter', entering);
    if (entering.nick === nick) return nick;
    const other = writtenNick(service, room, entering.nick);
    checkNickIsFree(room, other, from.bare);
    return other;
  } catch (error) {
    if (isNew) dropRoom(service, room);
    throw error;
  }
}

/** Sends a new occupant the state of the room in the order of §7.1. */
function sendRoom(
  service: Service,
  room: Room,
  seat: Seat,
  { stanza }: StanzaEvent,
  codes: readonly string[],
): void {
  sendOccupants(service, room, seat);
  // §7.2.3: 100 warns that every occupant sees the real address.
  const ownCodes = room.config.whois === 'anyone' ? ['100', ...codes] : codes;
  tellOwn(service, room, seat.occupant, [seat], { ownCodes, echo: echoOf(seat, stanza) });
  sendHistory(service, room, seat, stanza.getChild('x', NS.MUC)?.getChild('history'));
  sendSubject(service, room, seat);
}

/** Sends the history within the limits of `wish`, the `<history/>` of the join. */
function sendHistory(service: Service, room: Room, seat: Seat, wish: Element | undefined): void {
  for (const entry of selectHistory(room, seat.jid, wish, service.module.clock.now())) {
    send(service, service.reader.read(entry).with({ to: seat.jid }));
  }
}

/** §7.2.1, §17.3: sends a present occupant the whole state again; others are notified only of changes. */
function sendAgain(service: Service, room: Room, seat: Seat, event: StanzaEvent): void {
  const nick = properNick(service, event.to);
  const received = readPresence(event.stanza, room.jid);
  if (nick !== seat.occupant.nick) {
    checkNickIsFree(room, nick, seat.occupant.bare);
    if (seat.occupant.seats.size === 1) {
      changeNick(service, room, seat, received, event);
    } else {
      // The new nick is for this client only, not for the user's other clients.
      leaveOccupant(service, room, seat);
      const moved = admit(service, room, seat.occupant.bare, seat.jid, nick);
      storePresence(service, room, moved, received);
      tellOthers(service, room, moved.occupant);
      sendRoom(service, room, moved, event, rewrittenCodes(event));
      return;
    }
  } else {
    refresh(service, room, seat, received);
  }
  sendRoom(service, room, seat, event, rewrittenCodes(event));
}

function refresh(service: Service, room: Room, seat: Seat, received: ReceivedPresence): void {
  const isNew = hasChanged(seat, received);
  storePresence(service, room, seat, received);
  if (isNew && mainSeat(seat.occupant) === seat) tellOthers(service, room, seat.occupant);
}

function leaveOccupant(service: Service, room: Room, seat: Seat): void {
  countSeat(service, seat, -1);
  room.seats.delete(seat.jid);
  seat.occupant.seats.delete(seat.jid);
  forgetPresence(service, room, seat);
  forgetViews(seat.occupant);
  announce(service, room, seat.occupant);
}

/** §10.1.1. @throws StanzaError 'not-allowed', 'resource-constraint' */
function createRoomFor(service: Service, event: StanzaEvent): Room {
  checkMayCreate(service, event);
  const creator = detach(event.from.bare);
  return createRoom(service, detach(event.to.local ?? ''), { owner: creator, creator });
}

/** @throws StanzaError with the conditions of §7.2.16 */
function checkEntry(service: Service, room: Room, event: StanzaEvent, nick: string): void {
  const { bare } = event.from;
  checkAffiliation(room, bare);
  checkPassword(room, event.stanza.getChild('x', NS.MUC));
  checkNickIsFree(room, nick, bare);
  const limit = service.module.options.muc_max_occupants;
  const most = room.config.maxOccupants === 0 ? limit : Math.min(room.config.maxOccupants, limit);
  const reserve = isAtLeast(affiliationOf(room, bare), 'admin') ? PLACES_FOR_ADMINS : 0;
  if (room.seats.size >= most + reserve) {
    throw roomError(room.jid, 'service-unavailable', { type: 'wait', text: 'The room is full' });
  }
}

/**
 * Checks that the user's affiliation allows entry. @throws StanzaError 'item-not-found', 'forbidden',
 * 'registration-required'
 */
export function checkAffiliation(room: Room, bare: string): void {
  const affiliation = affiliationOf(room, bare);
  // §7.2.10: until it is configured, the room is locked for all but its owner.
  if (room.lockedSince !== undefined && affiliation !== 'owner') {
    throw roomError(room.jid, 'item-not-found', { text: 'The room is not configured yet' });
  }
  if (affiliation === 'outcast')
    throw roomError(room.jid, 'forbidden', { text: 'You are banned from this room' });
  if (room.config.membersOnly && !isAtLeast(affiliation, 'member')) {
    throw roomError(room.jid, 'registration-required', { text: 'Only members may enter' });
  }
}

/** @throws StanzaError 'not-authorized' (§7.2.5) */
function checkPassword(room: Room, x: Element | undefined): void {
  const { passwordProtected, password } = room.config;
  if (!passwordProtected || x?.getChildText('password') === password) return;
  throw roomError(room.jid, 'not-authorized', {
    text: 'The password of the room is missing or wrong',
  });
}

/** Gives a client its seat, under a nick that is free or that its user already holds. */
function admit(service: Service, room: Room, bare: string, jid: string, nick: string): Seat {
  const occupant = room.occupants.get(nick) ?? newOccupant(room, bare, nick);
  const seat: Seat = { jid, occupant, presence: [], presenceBytes: 0, priority: 0, turn: 0 };
  occupant.seats.set(jid, seat);
  room.seats.set(jid, seat);
  countSeat(service, seat, 1);
  return seat;
}

function newOccupant(room: Room, bare: string, nick: string): Occupant {
  const role = defaultRole(affiliationOf(room, bare), room.config.moderated);
  const occupant: Occupant = { nick, bare, id: occupantId(room, bare), role, seats: new Map(), view: {} };
  room.occupants.set(nick, occupant);
  return occupant;
}

/** Refuses a join, with the `x` that distinguishes it from other errors (XEP-0045 §7.2). */
export function refuseEntry(service: Service, join: Stanza, error: StanzaError): void {
  const { id, from, to } = join.attrs;
  send(
    service,
    xml('presence', { type: 'error', id, from: to, to: from }, xml('x', NS.MUC), error.toElement()),
  );
}
