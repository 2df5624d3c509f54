// Changing affiliations (XEP-0045 §9, §10.3 to §10.8): a request is checked as a whole, then applied.

import { type ByteBudget, Jid } from 'enjamb/api';
import { announce } from '../engine/deliver.ts';
import { roomChanged } from '../engine/rooms.ts';
import type { Service } from '../engine/service.ts';
import { bytesOf, FREE_AFFILIATION_BYTES, maxAffiliationBytes, setEntry } from '../model/affiliations.ts';
import type { MucSettings } from '../model/options.ts';
import { type Affiliation, isAtLeast, refuseAffiliation, roleAfter } from '../model/ranks.ts';
import {
  type AffiliationEntry,
  affiliationOf,
  forgetViews,
  type Occupant,
  occupantsByAddress,
  type Room,
} from '../model/room.ts';
import { roomError } from '../model/room_error.ts';
import { type Departure, removeOccupant } from './depart.ts';
import { sendInvitation } from './invitation.ts';
import { checkNickIsFree } from './rename.ts';

export interface AffiliationChange {
  /** A bare JID, or a domain, which can only be banned. */
  readonly bare: string;
  readonly affiliation: Affiliation;
  /** The nick to reserve; empty: cancels the reservation; absent: no change (§9.5). */
  readonly nick?: string | undefined;
  readonly reason?: string | undefined;
}

/** The most changes in one request. Each is announced to all occupants. */
export const MAX_CHANGES = 500;

/**
 * Checks that all changes are allowed, in this order.
 * @throws StanzaError 'forbidden' or 'not-allowed' if the actor's rank is too low (see ranks.ts); 'conflict' for a ban
 *   of oneself (§9.1), removal of the last owner (§10.4) and another user's nick; 'resource-constraint' for too many
 */
export function checkAffiliations(
  service: Service,
  room: Room,
  actor: string,
  changes: readonly AffiliationChange[],
): void {
  checkNumber(room, changes.length);
  for (const change of changes) checkOne(room, actor, change);
  checkNicks(room, changes);
  checkSpace(service, room, changes);
  checkOwners(room, changes);
}

/** @throws StanzaError 'policy-violation' */
export function checkNumber(room: Room, changes: number): void {
  if (changes <= MAX_CHANGES) return;
  throw roomError(room.jid, 'policy-violation', { text: `At most ${MAX_CHANGES} changes in one request` });
}

function checkOne(room: Room, actor: string, { bare, affiliation }: AffiliationChange): void {
  const rank = affiliationOf(room, actor);
  const refused = refuseAffiliation(rank, room.affiliations.get(bare)?.affiliation ?? 'none', affiliation);
  if (affiliation === 'outcast' && bare === actor && isAtLeast(rank, 'admin')) {
    throw roomError(room.jid, 'conflict', { text: 'You cannot ban yourself' });
  }
  if (refused) throw roomError(room.jid, refused);
  if (!bare.includes('@') && affiliation !== 'outcast' && affiliation !== 'none') {
    throw roomError(room.jid, 'not-acceptable', { text: 'A whole domain can only be banned' });
  }
}

/** Checks that each nick is free or belongs to its user, before the request and after each of its changes. */
function checkNicks(room: Room, changes: readonly AffiliationChange[]): void {
  const wanted = new Map<string, string>();
  for (const { bare, nick = '' } of changes) {
    if (nick === '') continue;
    checkNickIsFree(room, nick, bare);
    if ((wanted.get(nick) ?? bare) !== bare) {
      throw roomError(room.jid, 'conflict', { text: 'The request gives one nickname to two users' });
    }
    wanted.set(nick, bare);
  }
}

/** The options and budgets that bound the affiliations of all rooms. */
interface AffiliationMemory {
  readonly module: { readonly options: MucSettings };
  readonly budgets: { readonly affiliations: ByteBudget };
}

/** Checks the bounds of the room and of all rooms. @throws StanzaError 'resource-constraint' */
export function checkSpace(
  { module: { options }, budgets }: AffiliationMemory,
  room: Room,
  changes: readonly AffiliationChange[],
): void {
  const added = new Set<string>();
  let bytes = 0;
  for (const change of changes) {
    const { bare } = change;
    const entry = entryAfter(room, change);
    const old = room.affiliations.get(bare);
    if (entry && !old) added.add(bare);
    bytes += (entry ? bytesOf(bare, entry) : 0) - (old ? bytesOf(bare, old) : 0);
  }
  const isTooMany = added.size > 0 && room.affiliations.size + added.size > options.muc_max_affiliations;
  if (isTooMany || (bytes > 0 && room.affiliationBytes + bytes > maxAffiliationBytes(options))) {
    throw roomError(room.jid, 'resource-constraint', {
      text: 'The room has too many users with an affiliation',
    });
  }
  const isFree = room.affiliationBytes + bytes <= FREE_AFFILIATION_BYTES;
  if (bytes > 0 && !isFree && budgets.affiliations.used + bytes > budgets.affiliations.max) {
    throw roomError(room.jid, 'resource-constraint', {
      text: 'The rooms of this service have too many users with an affiliation',
    });
  }
}

/** §10: "Every room MUST have at least one owner". */
function checkOwners(room: Room, changes: readonly AffiliationChange[]): void {
  const takesAway = ({ bare, affiliation }: AffiliationChange) =>
    affiliation !== 'owner' && room.affiliations.get(bare)?.affiliation === 'owner';
  if (!changes.some(takesAway)) return;
  const owners = new Set(
    [...room.affiliations].filter(([, { affiliation }]) => affiliation === 'owner').map(([jid]) => jid),
  );
  for (const { bare, affiliation } of changes) {
    if (affiliation === 'owner') owners.add(bare);
    else owners.delete(bare);
  }
  if (owners.size === 0) throw roomError(room.jid, 'conflict', { text: 'The room needs an owner' });
}

/** Makes checked changes in a draft of the room, without announcing them. */
export function stageAffiliations(draft: Room, changes: readonly AffiliationChange[]): void {
  for (const change of changes) setEntry(draft, change.bare, entryAfter(draft, change));
}

/** Applies checked changes and notifies the occupants. `actor`: the nick of the user who made them, if in the room. */
export function applyAffiliations(
  service: Service,
  room: Room,
  by: Actor,
  changes: readonly AffiliationChange[],
): void {
  if (changes.length === 0) return;
  const present = occupantsByAddress(room);
  for (const change of changes) {
    const affected = (present.get(change.bare) ?? []).filter(
      (occupant) => room.occupants.get(occupant.nick) === occupant,
    );
    applyOne(service, room, by, change, affected);
  }
  roomChanged(service, room);
}

export interface Actor {
  readonly bare: string;
  readonly actor: string | undefined;
}

function applyOne(
  service: Service,
  room: Room,
  by: Actor,
  change: AffiliationChange,
  affected: readonly Occupant[],
): void {
  const { bare, affiliation, reason } = change;
  const before = new Map(affected.map((occupant) => [occupant, affiliationOf(room, occupant.bare)]));
  const wasUnknown = !room.affiliations.has(bare);
  const former = room.affiliations.get(bare)?.affiliation ?? 'none';
  setEntry(room, bare, entryAfter(room, change), service.budgets.affiliations);
  for (const [occupant, old] of before) {
    const now = affiliationOf(room, occupant.bare);
    const departure = departureOf(room, now);
    if (departure) removeOccupant(service, room, occupant, { ...departure, actor: by.actor, reason });
    else if (now !== old || affiliation === now) {
      occupant.role = roleAfter(occupant.role, old, now, room.config.moderated);
      forgetViews(occupant);
      announce(service, room, occupant, { actor: by.actor, reason });
    }
  }
  if (former !== affiliation) {
    service.module.notify('muc-affiliation', {
      room,
      bare,
      before: former,
      after: affiliation,
      actor: by.bare,
    });
  }
  // §9.5: a new member of a members-only room gets an invitation.
  const invited = affiliation === 'member' && room.config.membersOnly && wasUnknown && affected.length === 0;
  if (invited) sendInvitation(service, room, { invitee: Jid.parse(bare), inviter: by.bare, reason });
}

/** The status codes of the removal, if users with this affiliation must leave the room (§9.1, §9.4). */
function departureOf(room: Room, affiliation: Affiliation): Departure | undefined {
  if (affiliation === 'outcast') return { codes: ['301'] };
  if (room.config.membersOnly && !isAtLeast(affiliation, 'member')) return { codes: ['321'] };
  return undefined;
}

/** The user's entry after a change; `undefined` if there is none. */
function entryAfter(
  room: Room,
  { bare, affiliation, nick, reason }: AffiliationChange,
): AffiliationEntry | undefined {
  if (affiliation === 'none') return undefined;
  // §9.1: outcasts have no reserved nick.
  const reserved = affiliation === 'outcast' ? '' : (nick ?? room.affiliations.get(bare)?.nick ?? '');
  return {
    affiliation,
    ...(reserved === '' ? {} : { nick: reserved }),
    ...(reason === undefined ? {} : { reason }),
  };
}
