// What goes wrong at a room service. The link with our server is broken by `service.peer.cut()`, not here.

import { xml } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { asHistory } from './entering.ts';
import type { Room } from './room.ts';
import type { RoomService } from './service.ts';

export interface Restart {
  /**
   * `all`: occupants too, as Prosody does when it stops in order. `rooms`: the persistent ones, with archive. `nothing`: a
   * room begins anew with its next occupant.
   */
  readonly keeps: 'all' | 'rooms' | 'nothing';
  /** Messages for new occupants are in the archive, so they survive. */
  readonly keepsHistory?: boolean;
  /** Unless it keeps the occupants. */
  readonly renewsOccupantIds?: boolean;
  readonly renewsStanzaIds?: boolean;
}

/** Nobody is told. */
export function restart(service: RoomService, how: Restart): void {
  if (how.renewsStanzaIds) for (const room of service.rooms.values()) room.archive.renewIds();
  if (how.keeps === 'all') return;
  if (how.renewsOccupantIds) service.renewOccupantIds();
  for (const room of [...service.rooms.values()]) {
    room.occupants.clear();
    if (!how.keepsHistory) room.history.length = 0;
    if (how.keeps === 'nothing' || !room.config.persistent) service.close(room);
  }
}

/** §11.2: the service is shut down, and everybody is told so. The rooms are empty then. */
export function shutDown(service: RoomService): void {
  for (const room of [...service.rooms.values()]) {
    const everybody = [...room.occupants.everybody()];
    room.occupants.clear();
    for (const [full, occupant] of everybody)
      room.showTo(full, occupant, { type: 'unavailable', codes: ['332'] }, true);
    service.closeIfEmpty(room);
  }
}

/** The room loses one client. `codes`: what it is told, if it is told anything; the others see it leave with the same. */
export function drop(room: Room, full: string, { isTold = true, codes = ['333'] } = {}): void {
  room.remove(full, { codes }, isTold);
}

/** ejabberd, for one of several clients on a nick: an error with 110, and nothing to the others. */
export function dropByError(room: Room, full: string): void {
  const occupant = room.occupants.of(full);
  if (occupant === undefined) return;
  room.remove(full, {}, false);
  const item = xml('item', { affiliation: room.affiliation(occupant.account), role: 'none' });
  room.send(
    xml(
      'presence',
      { type: 'error', from: `${room.jid}/${occupant.nick}`, to: full },
      xml('error', { type: 'cancel' }, xml('service-unavailable', NS.STANZAS)),
      xml('x', NS.MUC_USER, item, xml('status', { code: '110' })),
    ),
  );
}

/** The room shows a client this number of people who are not there. */
export function floodPeople(room: Room, full: string, count: number): void {
  for (let i = 0; i < count; i++) {
    const item = xml('item', { affiliation: 'none', role: 'participant' });
    room.send(xml('presence', { from: `${room.jid}/nobody ${i}`, to: full }, xml('x', NS.MUC_USER, item)));
  }
}

/** History that does not end: this number of messages that were never said. */
export function floodHistory(room: Room, full: string, count: number): void {
  for (let i = 0; i < count; i++) {
    const children = [xml('body', {}, `never said ${i}`)];
    const stanzaId = room.service.newId();
    const spoken = {
      stanzaId,
      nick: 'nobody',
      id: stanzaId,
      body: '',
      at: room.now(),
      children,
      occupantId: undefined,
    };
    room.send(asHistory(room, spoken).with({ to: full }));
  }
}
