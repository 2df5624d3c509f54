// The entries of users in a room: affiliation, reserved nick, reason. Only this file changes them, to keep the look-up
// of nicks and the bounds on memory consistent.

import { type ByteBudget, detach } from 'enjamb/api';
import type { MucSettings } from './options.ts';
import type { AffiliationEntry, Room } from './room.ts';

/** The bytes of one entry without its texts, in memory or on disk. */
const ENTRY_BYTES = 100;
/** The average size that entries may have, which bounds the row of a room. */
const BYTES_PER_ENTRY = 200;
/** The bytes that a room may use even if `muc_max_affiliations` is small. */
const LEAST_BYTES = 64 * 1024;
/** The most bytes of entries in all rooms of a service. */
export const MAX_ALL_AFFILIATION_BYTES = 128 * 1024 * 1024;
/** The bytes that each room may use even when all rooms together are at their bound, so that it can still ban. */
export const FREE_AFFILIATION_BYTES = 8 * 1024;

/**
 * Stores the entry of a user; `undefined` removes it. Copies the texts, which would keep their stanza alive.
 * @param total the budget of all rooms; absent for drafts
 */
export function setEntry(
  room: Room,
  bare: string,
  entry: AffiliationEntry | undefined,
  total?: ByteBudget,
): void {
  const old = room.affiliations.get(bare);
  const bytes = (entry ? bytesOf(bare, entry) : 0) - (old ? bytesOf(bare, old) : 0);
  room.affiliationBytes += bytes;
  total?.force(bytes);
  if (old?.nick !== undefined && room.reserved.get(old.nick) === bare) room.reserved.delete(old.nick);
  if (entry === undefined) {
    room.affiliations.delete(bare);
    return;
  }
  const kept = detached(entry);
  room.affiliations.set(detach(bare), kept);
  if (kept.nick !== undefined) room.reserved.set(kept.nick, bare);
}

/** The bare JID of the user who has reserved a nick. */
export function reserverOf(room: Room, nick: string): string | undefined {
  return room.reserved.get(nick);
}

/** The size of one entry, in memory or on disk. */
export function bytesOf(bare: string, { nick = '', reason = '' }: AffiliationEntry): number {
  return ENTRY_BYTES + Buffer.byteLength(bare) + Buffer.byteLength(nick) + Buffer.byteLength(reason);
}

/** The most bytes of all entries of one room. */
export function maxAffiliationBytes({ muc_max_affiliations }: MucSettings): number {
  return Math.max(LEAST_BYTES, muc_max_affiliations * BYTES_PER_ENTRY);
}

function detached({ affiliation, nick, reason }: AffiliationEntry): AffiliationEntry {
  return {
    affiliation,
    ...(nick === undefined ? {} : { nick: detach(nick) }),
    ...(reason === undefined ? {} : { reason: detach(reason) }),
  };
}
