// The stored form of a room.

import type { AffiliationEntry, Room, Subject } from './room.ts';
import type { RoomConfig } from './settings.ts';

export interface StoredRoom {
  readonly config: Partial<RoomConfig>;
  /** `affiliations` of the room, under the name that stored rows have always had. */
  readonly standings: Readonly<Record<string, AffiliationEntry>>;
  readonly subject?: Subject;
  readonly secret: string;
  /** Absent in rows of older versions. */
  readonly creator?: string;
}

/** Whether a room has a row in the store. */
export function isKept(room: Room | undefined): room is Room {
  return room?.config.persistent === true && room.lockedSince === undefined;
}

export function rowOf(room: Room): StoredRoom {
  return {
    config: room.config,
    standings: Object.fromEntries(room.affiliations),
    secret: room.secret,
    ...(room.creator === undefined ? {} : { creator: room.creator }),
    ...(room.subject === undefined ? {} : { subject: room.subject }),
  };
}
