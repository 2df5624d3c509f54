// Silent rejoin with a real Prosody.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HALLS } from '../support/addresses.ts';
import { surviveKill } from './support/killed.ts';
import { LIMIT } from './support/silent.ts';

const ROOMS = ['ballroom', 'balcony', 'garden', 'tomb'].map((name) => `${name}@${HALLS}`);

test(
  'Prosody is killed, rooms with archives: clients see who came and went, what was said, and nothing else',
  LIMIT,
  async (t) => {
    const { scene, ours, diedAt } = await surviveKill(t, 'Prosody', {
      rooms: ROOMS,
      options: { roomConfig: ['modules_enabled = { "muc_mam" }'] },
      // Prosody stores a persistent room at each change of it, but not when somebody joins.
      async save({ prosody }) {
        for (const room of ROOMS) await prosody.saveRoom(room);
      },
    });
    const { joins, facts, archive } = await scene.asked(diedAt);
    assert.equal(joins.length, ROOMS.length * ours.length, 'one join for each client in each room');
    assert.deepEqual(archive.map(({ element }) => element.attrs.to).toSorted(), ROOMS.toSorted());
    assert.ok(facts.length <= ROOMS.length);
    await scene.there.enjamb.stop();
  },
);
