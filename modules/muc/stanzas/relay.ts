// IQ requests from one occupant to another (XEP-0045 §17.4), and pings to oneself (XEP-0410 §3.3).

import {
  detach,
  type Element,
  type Node,
  NS,
  type Stanza,
  StanzaError,
  type StanzaEvent,
  xml,
} from 'enjamb/api';
import { isPing } from 'enjamb/xep';
import { findVisibleRoom } from '../engine/rooms.ts';
import { holderOf } from '../engine/seats.ts';
import { type Service, send } from '../engine/service.ts';
import { turn } from '../engine/turn.ts';
import { mainSeat, type Occupant, type Room, type Seat, seatOf } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';

/** The time within which an occupant must answer. */
const ANSWER_TIMEOUT_MS = 5 * 60_000;
/** Requests of one client that are not answered yet. */
const MAX_PER_CLIENT = 50;
/** Requests of all clients that are not answered yet. */
export const MAX_RELAYS = 10_000;
/** The most characters of an id, bounded because it is kept until the answer arrives. */
const MAX_ID_LENGTH = 1024;

/**
 * Relays a request to an occupant JID.
 * @throws StanzaError 'not-acceptable' if the sender is not in the room (XEP-0410 §3.3), 'item-not-found' for an unknown
 *   nick, 'resource-constraint' for too many pending requests, 'policy-violation' for an id that is too long
 */
export function relayRequest(service: Service, event: StanzaEvent): void {
  const { stanza, from, to } = event;
  const room = findVisibleRoom(service, event);
  const seat = seatOf(room, from);
  // Before any look-up of nicks, so that users outside the room learn nothing about occupants.
  if (!room || !seat) throw notInRoom(room ? room.jid : service.domain, stanza);
  const target = room.occupants.get(to.resource ?? '');
  if (!target) throw roomError(room.jid, 'item-not-found', { text: 'No occupant has this nickname' });
  if (target === seat.occupant && isPing(stanza)) {
    send(
      service,
      xml('iq', { type: 'result', id: stanza.attrs.id, from: to.toString(), to: from.toString() }),
    );
    return;
  }
  checkId(room, stanza.attrs.id);
  ask(service, room, {
    room: room.name,
    requester: seat,
    id: stanza.attrs.id === undefined ? undefined : detach(stanza.attrs.id),
    address: to.toString(),
    request: xml('iq', {
      type: stanza.attrs.type,
      from: `${room.jid}/${seat.occupant.nick}`,
      to: addressFor(stanza, target),
      'xml:lang': stanza.attrs['xml:lang'],
    }).withChildren(stanza.children),
  });
}

/** A relayed request, and the data for relaying its answer. */
interface Relay {
  /** The room's localpart. */
  readonly room: string;
  readonly requester: Seat;
  /** The requester's id and `to`. */
  readonly id: string | undefined;
  readonly address: string;
  readonly request: Stanza;
}

/** @throws StanzaError 'resource-constraint' */
function ask(service: Service, room: Room, { request, ...relay }: Relay): void {
  const { budgets, module } = service;
  const holder = holderOf(service, relay.requester.occupant.bare);
  if (budgets.relays.obstacle(holder, 1) !== undefined) throw tooMany(room);
  budgets.relays.force(holder, 1);
  try {
    module.askIq(request, {
      timeoutMs: ANSWER_TIMEOUT_MS,
      quota: { of: relay.requester, max: MAX_PER_CLIENT },
      onAnswer(answer) {
        budgets.relays.give(holder, 1);
        if (answer.kind === 'answer')
          turn(service, undefined, () => relayAnswer(service, relay, answer.stanza));
      },
    });
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    budgets.relays.give(holder, 1); // Refused: nothing was sent.
    throw tooMany(room);
  }
}

/** Sends the result or error to the requester, if it is still in the room, with the request's own id and address. */
function relayAnswer(service: Service, relay: Omit<Relay, 'request'>, { attrs, children }: Stanza): void {
  const { requester, id, address } = relay;
  if (service.rooms.get(relay.room)?.seats.get(requester.jid) !== requester) return;
  send(
    service,
    xml('iq', { type: attrs.type, id, from: address, to: requester.jid }).withChildren(
      children.map(withoutErrorSource),
    ),
  );
}

function tooMany(room: Room): StanzaError {
  return roomError(room.jid, 'resource-constraint', { text: 'Too many pending requests' });
}

/**
 * The same error as for a room that does not exist: `item-not-found` would mean that the client is in the room under
 * another nick (XEP-0410 §3.2).
 */
function notInRoom(by: string, stanza: Element) {
  const isDisco = stanza.getChild('query', NS.DISCO_INFO) ?? stanza.getChild('query', NS.DISCO_ITEMS);
  if (isDisco) return roomError(by, 'bad-request', { text: 'You are not in the room' }); // XEP-0045 §6.6
  return roomError(by, 'not-acceptable', { type: 'cancel', text: 'You are not in the room' });
}

function checkId(room: Room, id = ''): void {
  if (id.length <= MAX_ID_LENGTH) return;
  throw roomError(room.jid, 'policy-violation', {
    text: `The id is longer than ${MAX_ID_LENGTH} characters`,
  });
}

/** Requests for vCards and PEP go to the bare JID, since they concern the account. */
function addressFor(stanza: Element, target: Occupant): string {
  const concernsAccount = stanza.getChild('vCard', NS.VCARD) ?? stanza.getChild('pubsub', NS.PUBSUB);
  return concernsAccount ? target.bare : mainSeat(target).jid;
}

/** Removes `by`, which would reveal a real address (§17.4). */
function withoutErrorSource(node: Node): Node {
  if (typeof node === 'string' || node.name !== 'error' || node.attrs.by === undefined) return node;
  return node.with({ by: undefined });
}
