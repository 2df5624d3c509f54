// How often the queue of a remote looks at the clients that wait in it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Queues } from '../../../modules/muc_autorejoin/join/queue.ts';
import type { Place } from '../../../modules/muc_autorejoin/memory/memory.ts';
import { Rooms } from '../../../modules/muc_autorejoin/memory/rooms.ts';
import { HandClock } from '../../support/module-harness.ts';

const ROOMS = 50;
const CLIENTS = 40;

for (const connected of [false, true]) {
  test(`${ROOMS * CLIENTS} ${connected ? 'connected' : 'sleeping'} clients: a join reads those of one room, and one of each other`, () => {
    const clock = new HandClock();
    const rooms = new Rooms({ rooms: new Map(), seed: 0, occupants: 0 }, 2_000);
    let [joins, reads] = [0, 0];
    const context = {
      clock,
      now: () => clock.elapsed(),
      settings: { rate: 1_000 },
      module: { link: () => ({ state: 'up' }), report: assert.fail },
    };
    const queues: Queues = new Queues(context as never, {
      readyAt() {
        reads++;
        return 0;
      },
      join(place) {
        joins++;
        clock.after(10, () => {
          queues.of(place).answered(place);
          queues.of(place).done(place);
        });
        return true;
      },
    });
    for (let i = 0; i < ROOMS * CLIENTS; i++) {
      const place = rooms.enter(`room${i % ROOMS}@rooms.capulet.lit`, 'rooms.capulet.lit', (room) => {
        const session = { connected };
        return {
          session,
          room,
          state: 'lost',
          self: undefined,
          view: 'open',
          seen: 0,
          since: 0,
        } as Partial<Place> as Place;
      });
      queues.of(place).add(place);
    }
    clock.seconds(60);
    assert.equal(joins, ROOMS * CLIENTS);
    assert.ok(reads < joins * (ROOMS + CLIENTS), `${reads / joins} reads for each join`);
  });
}
