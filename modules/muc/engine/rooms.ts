// Creates and deletes the rooms of a service.

import type { Jid, StanzaEvent } from 'enjamb/api';
import { setEntry } from '../model/affiliations.ts';
import { affiliationOf, type Room } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';
import { countRoom } from './creators.ts';
import { forgetInvitations } from './invitations.ts';
import { isListed } from './listing.ts';
import { clearHistory } from './ring.ts';
import type { Service } from './service.ts';
import { makeRoom } from './store.ts';
import { replaceSubject } from './subjects.ts';

export function findRoom(service: Service, address: Jid): Room | undefined {
  return address.local === undefined ? undefined : service.rooms.get(address.local);
}

/** The room that an event is addressed to. Until a room is configured, only its owner may see it (§17.2). */
export function findVisibleRoom(service: Service, { from, to }: StanzaEvent): Room | undefined {
  const room = findRoom(service, to);
  if (room?.lockedSince !== undefined && affiliationOf(room, from.bare) !== 'owner') return undefined;
  return room;
}

/** The same. @throws StanzaError 'item-not-found' if there is no room that the sender may see */
export function visibleRoom(service: Service, event: StanzaEvent): Room {
  const room = findVisibleRoom(service, event);
  if (room) return room;
  throw roomError(event.to.bare, 'item-not-found', { text: 'The room does not exist', type: 'cancel' });
}

/** Creates a room with the default configuration and one owner (XEP-0045 §10.1.1). Owner and creator are bare JIDs. */
export function createRoom(
  service: Service,
  name: string,
  { owner, creator }: { readonly owner: string; readonly creator: string | undefined },
): Room {
  const { module } = service;
  const room = makeRoom(service, name, { creator });
  countRoom(service, room, 1);
  setEntry(room, owner, { affiliation: 'owner' }, service.budgets.affiliations);
  if (module.options.muc_room_locking) room.lockedSince = module.clock.elapsed();
  service.rooms.set(name, room);
  roomChanged(service, room);
  module.notify('muc-room', { room, change: 'created' });
  module.log.info('room created', { room: room.jid, owner, locked: room.lockedSince !== undefined });
  return room;
}

/** Call this after a change of listed or stored data. The room's row is written at the end of the turn. */
export function roomChanged(service: Service, room: Room): void {
  service.listing.update(room, service.rooms.get(room.name) === room && isListed(room));
  service.changed.add(room.name);
}

/** Unlocks a new room for other users (§10.1.2). */
export function unlockRoom(service: Service, room: Room): void {
  if (room.lockedSince === undefined) return;
  room.lockedSince = undefined;
  room.configuring = false;
  roomChanged(service, room);
}

/** Deletes a room; the caller notifies its occupants. */
export function dropRoom(service: Service, room: Room): void {
  if (service.rooms.get(room.name) !== room) return;
  service.rooms.delete(room.name);
  service.budgets.affiliations.give(room.affiliationBytes);
  clearHistory(service, room);
  forgetInvitations(service, room);
  replaceSubject(service, room, undefined);
  countRoom(service, room, -1);
  roomChanged(service, room);
  service.module.notify('muc-room', { room, change: 'destroyed' });
  service.module.log.info('room removed', { room: room.jid });
}

/** Deletes an empty room that is temporary (§7.14) or was never configured. */
export function closeIfDone(service: Service, room: Room): void {
  const isKept = room.config.persistent && room.lockedSince === undefined;
  if (room.seats.size === 0 && !isKept) dropRoom(service, room);
}
