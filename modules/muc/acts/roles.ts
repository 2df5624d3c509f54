// Changing an occupant's role (XEP-0045 §8.2 to §8.5, §9.6 to §9.8).

import type { Jid } from 'enjamb/api';
import { announce } from '../engine/deliver.ts';
import type { Service } from '../engine/service.ts';
import { type Role, refuseRole } from '../model/ranks.ts';
import { affiliationOf, forgetViews, moderatorOf, type Occupant, type Room } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';
import { removeOccupant } from './depart.ts';

export interface RoleChange {
  readonly occupant: Occupant;
  /** `none`: a kick. */
  readonly role: Role | 'none';
  readonly reason?: string | undefined;
}

/** @throws StanzaError 'forbidden' or 'not-allowed', see ranks.ts */
export function checkRole(room: Room, actor: Jid, { occupant, role }: RoleChange): void {
  const refused = refuseRole(
    { affiliation: affiliationOf(room, actor.bare), moderates: moderatorOf(room, actor) !== undefined },
    { affiliation: affiliationOf(room, occupant.bare), role: occupant.role },
    role,
  );
  if (refused) throw roomError(room.jid, refused);
}

/** Applies a checked change and notifies the occupants. `actor`: the nick of the user who made it, if in the room. */
export function applyRole(
  service: Service,
  room: Room,
  actor: string | undefined,
  { occupant, role, reason }: RoleChange,
): void {
  if (room.occupants.get(occupant.nick) !== occupant) return; // removed by an earlier change of the same request
  if (role === 'none') {
    removeOccupant(service, room, occupant, { codes: ['307'], actor, reason });
    return;
  }
  occupant.role = role;
  forgetViews(occupant);
  announce(service, room, occupant, { actor, reason });
}
