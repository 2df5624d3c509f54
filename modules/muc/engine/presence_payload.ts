// The children of clients' presence that a room keeps.

import { type Node, nodesBytes, type Stanza } from 'enjamb/api';
import { detachedCopies } from '../model/copy.ts';
import { withoutForgeries } from '../model/payload.ts';
import { forgetViews, type Room, type Seat } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';
import type { Service } from './service.ts';

/** The most characters of one presence, which is sent to every new occupant. */
const MAX_PRESENCE_LENGTH = 16 * 1024;
/** The most memory of one client's presence. */
const MAX_PRESENCE_BYTES = 48 * 1024;
/** The most memory of the presence of all clients in one room. */
const MAX_ROOM_PRESENCE_BYTES = 32 * 1024 * 1024;
/** The most memory of the presence in all rooms of a service. */
export const MAX_ALL_PRESENCE_BYTES = 128 * 1024 * 1024;
/** The bytes that each client may use even when the rooms are at their bound; its seat takes about as much. */
const FREE_PRESENCE_BYTES = 4 * 1024;
/** The bytes of one character, which is kept in the elements and in the two views of other occupants. */
const CHARACTER = 4;

type Memory = { readonly budgets: Pick<Service['budgets'], 'presence'> };

/** What a room keeps of a presence. */
export interface ReceivedPresence {
  readonly payload: readonly Node[];
  readonly priority: number;
  /** The memory of the payload. */
  readonly bytes: number;
}

/** Reads a presence; the result shares no memory with it. @throws StanzaError 'policy-violation' if it is too large */
export function readPresence(stanza: Stanza, room: string): ReceivedPresence {
  const payload = withoutForgeries(stanza, room);
  const { length } = stanza.toString();
  const bytes = payload.length === 0 ? 0 : nodesBytes(payload) + CHARACTER * length;
  if (length > MAX_PRESENCE_LENGTH || nodesBytes(payload) > MAX_PRESENCE_BYTES) {
    throw roomError(room, 'policy-violation', { text: 'The presence is too large' });
  }
  const priority = Number(stanza.getChildText('priority') ?? 0);
  return {
    payload: detachedCopies(payload),
    priority: Number.isInteger(priority) ? Math.max(-128, Math.min(127, priority)) : 0,
    bytes,
  };
}

/**
 * Stores the payload of a client's presence. If the room or the service is at its bound, it keeps only the priority of
 * a large presence, so that the presence of others never keeps a client out.
 */
export function storePresence(service: Memory, room: Room, seat: Seat, received: ReceivedPresence): void {
  forgetPresence(service, room, seat);
  const { presence } = service.budgets;
  const isTooMuch =
    room.presenceBytes + received.bytes > MAX_ROOM_PRESENCE_BYTES ||
    presence.used + received.bytes > presence.max;
  const hasSpace = !isTooMuch || received.bytes <= FREE_PRESENCE_BYTES;
  if (hasSpace) presence.force(received.bytes);
  seat.presence = hasSpace ? received.payload : [];
  seat.presenceBytes = hasSpace ? received.bytes : 0;
  room.presenceBytes += seat.presenceBytes;
  seat.priority = received.priority;
  seat.turn = room.turn++;
  forgetViews(seat.occupant);
}

/** Releases the memory of a client's presence, since the client leaves or replaces it. */
export function forgetPresence({ budgets }: Memory, room: Room, seat: Seat): void {
  budgets.presence.give(seat.presenceBytes);
  room.presenceBytes -= seat.presenceBytes;
  seat.presenceBytes = 0;
}

/** Whether the payload differs from the client's stored one. */
export function hasChanged(seat: Seat, received: ReceivedPresence): boolean {
  return seat.presence.join('') !== received.payload.join('');
}
