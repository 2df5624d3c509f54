// Stores rooms: one row per persistent room. Changes that the room acknowledges with an answer are written first
// (commit.ts). All others are applied in memory, and the row is written at the end of the turn.

import { randomBytes } from 'node:crypto';
import type { StanzaEvent } from 'enjamb/api';
import { setEntry } from '../model/affiliations.ts';
import type { Room } from '../model/room.ts';
import { isKept, rowOf, type StoredRoom } from '../model/row.ts';
import { initialConfig } from '../model/settings.ts';
import { countRoom } from './creators.ts';
import { invitationBytes } from './invitations.ts';
import { isListed } from './listing.ts';
import { countSeat } from './seats.ts';
import type { Service } from './service.ts';
import { subjectBytes } from './subjects.ts';

/** Makes a room without occupants: a stored one, or a new one if the row has only a creator. */
export function makeRoom(
  service: Service,
  name: string,
  row: Omit<Partial<StoredRoom>, 'creator'> & Pick<Room, 'creator'>,
): Room {
  const room: Room = {
    name,
    jid: `${name}@${service.domain}`,
    config: initialConfig(service.module.options, row.config),
    creator: row.creator,
    affiliations: new Map(),
    reserved: new Map(),
    affiliationBytes: 0,
    occupants: new Map(),
    seats: new Map(),
    presenceBytes: 0,
    history: [],
    historyBytes: 0,
    subject: row.subject,
    secret: row.secret ?? randomBytes(32).toString('base64url'),
    lockedSince: undefined,
    configuring: false,
    invitations: new Map(),
    turn: 0,
  };
  for (const [bare, entry] of Object.entries(row.standings ?? {})) setEntry(room, bare, entry);
  return room;
}

/** Larger rows are written one at a time over all rooms, so that they do not fill the queue of the store. */
const LARGE_BYTES = 64 * 1024;

/** Reads all persistent rooms into memory. */
export async function loadRooms(service: Service): Promise<void> {
  for await (const [name, row] of service.store.entries()) {
    service.stored.add(name);
    // After a reload of the module the live room still exists, and is newer.
    if (!service.rooms.has(name))
      service.rooms.set(name, makeRoom(service, name, { ...row, creator: row.creator }));
  }
  for (const room of service.rooms.values()) {
    service.listing.update(room, isListed(room));
    countRoom(service, room, 1);
    service.budgets.affiliations.force(room.affiliationBytes);
    service.budgets.history.force(room.historyBytes);
    service.budgets.presence.force(room.presenceBytes);
    service.budgets.invitations.force(invitationBytes(room));
    service.budgets.subjects.force(subjectBytes(room));
    for (const seat of room.seats.values()) countSeat(service, seat, 1);
  }
}

/** Starts to write the rooms that have changed in this turn. The event waits for it; failures are logged. */
export function writeChanges(service: Service, event: StanzaEvent | undefined): void {
  for (const name of service.changed) {
    if (!service.stored.has(name) && !isKept(service.rooms.get(name))) continue;
    const written = write(service, name);
    if (event) event.waitUntil(written);
    else service.module.spawn(written);
  }
  service.changed.clear();
}

/** Writes of one room run in sequence; a write that has not begun includes later changes. */
function write(service: Service, name: string): Promise<void> {
  const waiting = service.writing.get(name);
  if (waiting) return waiting;
  const work = service.module.serial(`room ${name}`, async () => {
    await Promise.resolve(); // `writing` must contain it before it begins.
    service.writing.delete(name);
    await bringUpToDate(service, name);
  });
  service.writing.set(name, work);
  return work;
}

async function bringUpToDate(service: Service, name: string): Promise<void> {
  await saveDraft(service, name, service.rooms.get(name));
}

type Saver = Pick<Service, 'stored' | 'store'> & { readonly module: Pick<Service['module'], 'serial'> };

/** Writes a room or a draft of it. Removes the row if the room is not persistent, or `undefined`. */
export async function saveDraft(service: Saver, name: string, room: Room | undefined): Promise<void> {
  if (isKept(room)) {
    service.stored.add(name); // Before the write, so that the row of a room that ends meanwhile is removed.
    const write = () => service.store.set(name, rowOf(room));
    await (room.affiliationBytes > LARGE_BYTES ? service.module.serial('large rooms', write) : write());
  } else {
    await service.store.delete(name);
    service.stored.delete(name);
  }
}
