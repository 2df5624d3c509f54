// Silent rejoin with a real ejabberd.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EjabberdRooms } from '../matrix/ejabberd-rooms.ts';
import { ROOMS } from '../support/addresses.ts';
import { surviveKill } from './support/killed.ts';
import { LIMIT } from './support/silent.ts';

const ALL = ['ballroom', 'balcony', 'garden', 'tomb'].map((name) => `${name}@${ROOMS}`);

test(
  'ejabberd is killed, rooms with archives: clients see who came and went, what was said, and nothing else',
  LIMIT,
  async (t) => {
    const { scene } = await surviveKill(t, 'ejabberd', {
      rooms: ALL,
      options: { ejabberdModules: ['  mod_mam: {}'] },
      async prepare({ service }) {
        assert.ok(service instanceof EjabberdRooms);
        for (const room of ALL) await service.createPersistent(room, { mam: 'true' });
      },
    });
    await scene.there.enjamb.stop();
  },
);
