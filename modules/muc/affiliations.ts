// Changing who belongs to a room and how (XEP-0045 §9, §10.3 to §10.8): first all of a request is checked, then applied.

import { detach, Jid } from 'enjamb/api';
import { announce, repaint } from './broadcast.ts';
import { sendInvitation } from './invite.ts';
import { type Departure, removeOccupant } from './leave.ts';
import { checkNickIsFree } from './nick.ts';
import { type Affiliation, isAtLeast, refuseAffiliation, roleAfter } from './ranks.ts';
import { refusal } from './refusal.ts';
import { affiliationOf, type Occupant, occupantsOf, type Room, type Standing } from './room.ts';
import { roomChanged } from './rooms.ts';
import type { Service } from './service.ts';

export interface AffiliationChange {
  /** A bare JID, or the domain of all who are banned. */
  readonly bare: string;
  readonly affiliation: Affiliation;
  /** The nick to be reserved; empty: no more; absent: as before (§9.5). */
  readonly nick?: string | undefined;
  readonly reason?: string | undefined;
}

/** Whether there is room for one more, or for `more`, in the memory of a room. */
export function canStillRemember(service: Service, room: Room, more = 1): boolean {
  return room.standings.size + more <= service.module.options.muc_max_affiliations;
}

/**
 * @throws StanzaError 'forbidden' or 'not-allowed' where the actor may not (see ranks.ts), 'conflict' for a ban of
 *   oneself (§9.1), for the last owner (§10.4) and for a nick that is another's; 'resource-constraint' for too many
 */
export function checkAffiliations(
  service: Service,
  room: Room,
  actor: string,
  changes: readonly AffiliationChange[],
): void {
  for (const change of changes) checkOne(room, actor, change);
  const added = changes.filter(
    ({ bare, affiliation }) => affiliation !== 'none' && !room.standings.has(bare),
  );
  if (added.length > 0 && !canStillRemember(service, room, added.length)) {
    throw refusal(room.jid, 'resource-constraint', { text: 'The room remembers too many people' });
  }
  // §10: "Every room MUST have at least one owner".
  const owners = new Set(
    [...room.standings].filter(([, { affiliation }]) => affiliation === 'owner').map(([jid]) => jid),
  );
  for (const { bare, affiliation } of changes) {
    if (affiliation === 'owner') owners.add(bare);
    else owners.delete(bare);
  }
  if (owners.size === 0) throw refusal(room.jid, 'conflict', { text: 'The room needs an owner' });
}

function checkOne(room: Room, actor: string, { bare, affiliation, nick }: AffiliationChange): void {
  const rank = affiliationOf(room, actor);
  const refused = refuseAffiliation(rank, room.standings.get(bare)?.affiliation ?? 'none', affiliation);
  if (affiliation === 'outcast' && bare === actor && isAtLeast(rank, 'admin')) {
    throw refusal(room.jid, 'conflict', { text: 'You cannot ban yourself' });
  }
  if (refused) throw refusal(room.jid, refused);
  if (!bare.includes('@') && affiliation !== 'outcast' && affiliation !== 'none') {
    throw refusal(room.jid, 'not-acceptable', { text: 'A whole domain can only be banned' });
  }
  if (nick !== undefined && nick !== '') checkNickIsFree(room, nick, bare);
}

/** Puts checked changes into force and tells the room. `actor`: the nick of whoever did it, if known there. */
export function applyAffiliations(
  service: Service,
  room: Room,
  by: { readonly bare: string; readonly actor: string | undefined },
  changes: readonly AffiliationChange[],
): void {
  for (const change of changes) applyOne(service, room, by, change);
  if (changes.length > 0) roomChanged(service, room);
}

function applyOne(
  service: Service,
  room: Room,
  by: { readonly bare: string; readonly actor: string | undefined },
  change: AffiliationChange,
): void {
  const { bare, affiliation, reason } = change;
  const affected = bare.includes('@') ? occupantsOf(room, bare) : occupantsFrom(room, bare);
  const before = new Map(affected.map((occupant) => [occupant, affiliationOf(room, occupant.bare)]));
  const wasUnknown = !room.standings.has(bare);
  setStanding(room, change);
  for (const [occupant, old] of before) {
    const now = affiliationOf(room, occupant.bare);
    const departure = departureOf(room, now);
    if (departure) removeOccupant(service, room, occupant, { ...departure, actor: by.actor, reason });
    else if (now !== old || affiliation === now) {
      occupant.role = roleAfter(occupant.role, old, now, room.config.moderated);
      repaint(occupant);
      announce(service, room, occupant, { actor: by.actor, reason });
    }
  }
  // §9.5: whoever becomes a member of a members-only room hears of it by an invitation.
  const invited = affiliation === 'member' && room.config.membersOnly && wasUnknown && affected.length === 0;
  if (invited) sendInvitation(service, room, { invitee: Jid.parse(bare), inviter: by.bare, reason });
}

/** With what status codes an affiliation leads out of the room, if it does (§9.1, §9.4). */
function departureOf(room: Room, affiliation: Affiliation): Departure | undefined {
  if (affiliation === 'outcast') return { codes: ['301'] };
  if (room.config.membersOnly && !isAtLeast(affiliation, 'member')) return { codes: ['321'] };
  return undefined;
}

function setStanding(room: Room, { bare, affiliation, nick, reason }: AffiliationChange): void {
  if (affiliation === 'none') {
    room.standings.delete(bare);
    return;
  }
  // §9.1: outcasts have no reserved nick.
  const reserved = affiliation === 'outcast' ? '' : (nick ?? room.standings.get(bare)?.nick ?? '');
  const standing: Standing = {
    affiliation,
    ...(reserved === '' ? {} : { nick: detach(reserved) }),
    ...(reason === undefined ? {} : { reason: detach(reason) }),
  };
  room.standings.set(detach(bare), standing);
}

function occupantsFrom(room: Room, domain: string): Occupant[] {
  return [...room.occupants.values()].filter(({ bare }) => bare.endsWith(`@${domain}`) || bare === domain);
}
