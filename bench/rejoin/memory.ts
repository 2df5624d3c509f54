// The memory that is freed when what is remembered of rooms is removed, without the data of other modules.

import { setTimeout } from 'node:timers/promises';
import type { RoomMemory } from '../../modules/muc_autorejoin/memory/memory.ts';
import { RING_SIZE } from '../../modules/muc_autorejoin/memory/ring.ts';
import { xml } from '../../src/xml/element.ts';
import { NS } from '../../src/xml/namespaces.ts';
import { HOST } from '../../test/support/module-harness.ts';
import { heapUsed } from '../apart.ts';
import { FastClock } from '../fast-clock.ts';
import type { Table } from '../limits-table.ts';
import { Crowd, type Size } from './crowd.ts';

export async function measureMemory(table: Table, size: Size): Promise<void> {
  const alone = await freed({ ...size, users: 1 });
  const all = await freed(size);
  const place = (all.rest - alone.rest) / (size.rooms * (size.users - 1));
  table.add('memory of an occupant in a roll', all.rolls / (size.rooms * size.people), 'bytes', {
    most: 128,
  });
  table.add('memory of a room', alone.rest / size.rooms - place, 'bytes', { most: 3 * 1024 });
  table.add('memory of a place', place, 'bytes', { most: 250 });
}

/** In bytes: the people of all rooms, and the rest of what the module keeps of rooms and places. */
async function freed(size: Size): Promise<{ readonly rolls: number; readonly rest: number }> {
  const crowd = await Crowd.in(new FastClock(50), size);
  const { harness, clients } = crowd;
  const rooms = new Set<RoomMemory>();
  for (const { state } of clients)
    for (const place of state.mucPlaces?.values() ?? []) {
      if (place.self === undefined) throw new Error(`${place.session.jid} is not in ${place.room.jid}`);
      rooms.add(place.room);
    }
  for (const { jid } of rooms) talk(crowd, jid);
  // The server asks each room about itself, one in a second.
  while ([...rooms].some(({ facts }) => facts === undefined)) await setTimeout(100);
  const before = await heapUsed();
  for (const { views } of rooms) {
    if (views.masked.roll.size !== size.people) throw new Error(`${views.masked.roll.size} people in a room`);
    views.masked.roll.clear();
  }
  const withoutRolls = await heapUsed();
  rooms.clear();
  await harness.command('module unload', { name: 'muc_autorejoin', host: HOST });
  for (const { state } of clients) delete state.mucPlaces;
  const without = await heapUsed();
  await harness.server.stop();
  return { rolls: before - withoutRolls, rest: withoutRolls - without };
}

/** As many messages as are remembered, to all of ours in a room. */
function talk({ harness, service, clients }: Crowd<FastClock>, room: string): void {
  const link = service.peer.openIn();
  for (let i = 0; i < RING_SIZE; i++) {
    const id = `${room} 1234567890 ${i}`.slice(-36);
    for (const { jid } of clients)
      harness.server.router.route(
        xml(
          'message',
          { type: 'groupchat', id: `m${i}`, from: `${room}/Person 1 of many`, to: `${jid}` },
          xml('body', {}, 'hello'),
          xml('stanza-id', { xmlns: NS.STANZA_ID, by: room, id }),
        ),
        link,
      );
  }
}
