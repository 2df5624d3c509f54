// What a room remembers of people across visits: who belongs to it, reserved nicks, reasons. The one place that changes
// it, so that the look-up of nicks and the bound on memory are always right.

import { type ByteBudget, detach } from 'enjamb/api';
import type { MucSettings } from './options.ts';
import type { Room, Standing } from './room.ts';

/** Of one entry beside its texts, in memory and on disk. In bytes. */
const ENTRY_BYTES = 100;
/** What the entries of a room may take on average, so that its row can always be written. In bytes. */
const BYTES_PER_ENTRY = 200;
/** A room may have as much in any case, however few entries it may have. */
const LEAST_BYTES = 64 * 1024;
/** All rooms of a service together. */
export const MAX_STANDING_BYTES = 128 * 1024 * 1024;
/** A room may have so much even when others use up the whole, or nobody could be banned any more. In bytes. */
export const FREE_STANDING_BYTES = 8 * 1024;

/**
 * Stores what a room remembers of a person, or with `undefined` removes it. No text is kept alive by the stanza it came in.
 * `total`: where the memory counts; absent for drafts.
 */
export function setStanding(
  room: Room,
  bare: string,
  standing: Standing | undefined,
  total?: ByteBudget,
): void {
  const old = room.standings.get(bare);
  const bytes = (standing ? bytesOf(bare, standing) : 0) - (old ? bytesOf(bare, old) : 0);
  room.standingBytes += bytes;
  total?.force(bytes);
  if (old?.nick !== undefined && room.reserved.get(old.nick) === bare) room.reserved.delete(old.nick);
  if (standing === undefined) {
    room.standings.delete(bare);
    return;
  }
  const kept = detached(standing);
  room.standings.set(detach(bare), kept);
  if (kept.nick !== undefined) room.reserved.set(kept.nick, bare);
}

/** Who holds a nick for itself, there or not. */
export function reserverOf(room: Room, nick: string): string | undefined {
  return room.reserved.get(nick);
}

/** In bytes. */
export function bytesOf(bare: string, { nick = '', reason = '' }: Standing): number {
  return ENTRY_BYTES + Buffer.byteLength(bare) + Buffer.byteLength(nick) + Buffer.byteLength(reason);
}

/** Of one room, in bytes. */
export function maxStandingBytes({ muc_max_affiliations }: MucSettings): number {
  return Math.max(LEAST_BYTES, muc_max_affiliations * BYTES_PER_ENTRY);
}

function detached({ affiliation, nick, reason }: Standing): Standing {
  return {
    affiliation,
    ...(nick === undefined ? {} : { nick: detach(nick) }),
    ...(reason === undefined ? {} : { reason: detach(reason) }),
  };
}
