// IQ requests from one occupant to another (XEP-0045 §17.4), and pings to oneself (XEP-0410 §3.3).

import { detach, type Element, type Node, NS, newId, type StanzaEvent, xml } from 'enjamb/api';
import { findRoom } from '../engine/rooms.ts';
import { holderOf } from '../engine/seats.ts';
import { type Relay, type Service, send } from '../engine/service.ts';
import { affiliationOf, mainSeat, type Occupant, type Room, seatOf } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';

/** Answers that take longer are not waited for. */
const PATIENCE_MS = 5 * 60_000;
/** Requests under way of one client. */
const MAX_PER_CLIENT = 50;
/** Requests under way on the service. */
export const MAX_RELAYS = 10_000;
/** In characters. Bounded because the id is kept until the answer arrives. */
const MAX_ID_LENGTH = 1024;

/**
 * Relays a request to an occupant JID.
 * @throws StanzaError 'not-acceptable' if the sender is not in the room (XEP-0410 §3.3), 'item-not-found' if no occupant
 *   has the nick, 'resource-constraint' for too many requests under way, 'policy-violation' for an id that is too long
 */
export function relayRequest(service: Service, event: StanzaEvent): void {
  const { stanza, from, to } = event;
  const room = visibleRoom(service, event);
  const seat = seatOf(room, from);
  // Before any look at nicks: who is not in the room learns nothing of who is.
  if (!room || !seat) throw strangerRefusal(room ? room.jid : service.domain, stanza);
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
  const asked = addressFor(stanza, target);
  const id = remember(service, room, {
    room: room.name,
    requester: seat,
    id: stanza.attrs.id === undefined ? undefined : detach(stanza.attrs.id),
    address: to.toString(),
    asked,
    at: service.module.clock.elapsed(),
  });
  send(
    service,
    xml('iq', {
      type: stanza.attrs.type,
      id,
      from: `${room.jid}/${seat.occupant.nick}`,
      to: asked,
      'xml:lang': stanza.attrs['xml:lang'],
    }).withChildren(stanza.children),
  );
}

/** A result or error that came to an occupant JID: it goes to whoever asked, under the id and name known there. */
export function relayAnswer(service: Service, { stanza, from }: StanzaEvent): void {
  const { id, type } = stanza.attrs;
  const relay = id === undefined ? undefined : service.relays.get(id);
  if (id === undefined || !relay || relay.asked !== from.toString()) return;
  forget(service, id, relay);
  const { requester } = relay;
  if (service.rooms.get(relay.room)?.seats.get(requester.jid) !== requester) return;
  send(
    service,
    xml('iq', { type, id: relay.id, from: relay.address, to: requester.jid }).withChildren(
      stanza.children.map(withoutSource),
    ),
  );
}

/** §17.2: a room that is not configured yet is there for its owner alone. */
function visibleRoom(service: Service, { from, to }: StanzaEvent): Room | undefined {
  const room = findRoom(service, to);
  if (room?.lockedSince !== undefined && affiliationOf(room, from.bare) !== 'owner') return undefined;
  return room;
}

/**
 * For a room that does not exist it is the same answer: `item-not-found` would tell a client that it is in the room
 * under another nick (XEP-0410 §3.2).
 */
function strangerRefusal(by: string, stanza: Element) {
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

function isPing(stanza: Element): boolean {
  return stanza.attrs.type === 'get' && stanza.getChild('ping', NS.PING) !== undefined;
}

/** What belongs to the account rather than to one client of it goes to the bare JID: vCards, and PEP. */
function addressFor(stanza: Element, target: Occupant): string {
  const concernsAccount = stanza.getChild('vCard', NS.VCARD) ?? stanza.getChild('pubsub', NS.PUBSUB);
  return concernsAccount ? target.bare : mainSeat(target).jid;
}

function remember(service: Service, room: Room, relay: Relay): string {
  for (const [id, oldest] of service.relays) {
    if (relay.at - oldest.at < PATIENCE_MS) break;
    forget(service, id, oldest);
  }
  const { requester } = relay;
  const isFull = service.budgets.relays.obstacle(holderOf(service, requester.occupant.bare), 1) !== undefined;
  if (isFull || requester.asking >= MAX_PER_CLIENT) {
    throw roomError(room.jid, 'resource-constraint', { text: 'Too many requests are under way' });
  }
  const id = newId();
  requester.asking++;
  countRelay(service, relay);
  service.relays.set(id, relay);
  return id;
}

function forget(service: Service, id: string, relay: Relay): void {
  service.relays.delete(id);
  relay.requester.asking--;
  service.budgets.relays.give(holderOf(service, relay.requester.occupant.bare), 1);
}

/** A request is under way; counts for who has made it. */
export function countRelay(service: Service, { requester }: Relay): void {
  service.budgets.relays.force(holderOf(service, requester.occupant.bare), 1);
}

/** `by` would give away a real address (§17.4). */
function withoutSource(node: Node): Node {
  if (typeof node === 'string' || node.name !== 'error' || node.attrs.by === undefined) return node;
  return node.with({ by: undefined });
}
