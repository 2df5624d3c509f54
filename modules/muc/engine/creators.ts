// Permissions and limits for creating rooms (XEP-0045 §10.1.1).

import { registeredDomain, type StanzaEvent } from 'enjamb/api';
import type { Room } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';
import type { Service } from './service.ts';

/**
 * Administrators may always create rooms; others as configured, within their limits.
 * @throws StanzaError 'not-allowed', 'resource-constraint'
 */
export function checkMayCreate(service: Service, { from, to, origin }: StanzaEvent): void {
  const { options } = service.module;
  if (service.rooms.size >= options.muc_max_rooms) {
    throw roomError(to.bare, 'resource-constraint', { text: 'This service has too many rooms' });
  }
  if (service.module.adminOf(from) !== undefined) return;
  const restricted = options.restrict_room_creation;
  const isLocal = origin.kind === 'c2s';
  if (restricted !== false && !(restricted === 'local' && isLocal)) {
    throw roomError(to.bare, 'not-allowed', { text: 'You may not create rooms on this service' });
  }
  if (roomsOf(service, from.bare) >= options.muc_max_rooms_per_user) {
    throw roomError(to.bare, 'resource-constraint', {
      text: 'You have created too many rooms on this service',
    });
  }
  if (!isLocal && roomsOf(service, registeredDomain(from.domain)) >= options.muc_max_rooms_per_domain) {
    throw roomError(to.bare, 'resource-constraint', {
      text: 'Users of your server have created too many rooms on this service',
    });
  }
}

/** Counts a room for its creator and for the creator's domain. `step`: 1 for a new room, -1 for one that has ended. */
export function countRoom({ created }: Service, { creator }: Room, step: 1 | -1): void {
  if (creator === undefined) return;
  const domain = registeredDomain(creator.slice(creator.indexOf('@') + 1));
  for (const key of new Set([creator, domain])) {
    const count = (created.get(key) ?? 0) + step;
    if (count > 0) created.set(key, count);
    else created.delete(key);
  }
}

function roomsOf({ created }: Service, key: string): number {
  return created.get(key) ?? 0;
}
