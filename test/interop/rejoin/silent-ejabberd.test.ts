// Silent rejoin with a real ejabberd.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NS } from '../../../src/xml/index.ts';
import { EjabberdRooms } from '../matrix/ejabberd-rooms.ts';
import { ROOMS } from '../support/addresses.ts';
import { until } from '../support/waiting.ts';
import { surviveKill } from './support/killed.ts';
import { allTalk, areIn, assertUnbroken, LIMIT, PATIENCE_MS } from './support/silent.ts';

const ALL = ['ballroom', 'balcony', 'garden', 'tomb'].map((name) => `${name}@${ROOMS}`);
const [BALLROOM = ''] = ALL;

test(
  'ejabberd is killed, rooms with archives: clients see who came and went, what was said, and nothing else',
  LIMIT,
  async (t) => {
    const { scene, ours, juliet } = await surviveKill(t, 'ejabberd', {
      rooms: ALL,
      options: { ejabberdModules: ['  mod_mam: {}'] },
      async prepare({ service }) {
        assert.ok(service instanceof EjabberdRooms);
        for (const room of ALL) await service.createPersistent(room, { mam: 'true' });
      },
    });

    await t.test(
      'ejabberd removes a client because of an error, with status 110 alone: it is in again, silently',
      async () => {
        const [romeo] = ours;
        assert.ok(romeo);
        const [since, seen] = [romeo.stanzas.length, juliet.stanzas.length];
        romeo.send('message', { type: 'error', to: `${BALLROOM}/juliet`, id: 'bounce' }, [
          ['error', { type: 'wait' }, [['recipient-unavailable', { xmlns: NS.STANZAS }]]],
        ]);
        const isOut = () =>
          juliet.people(BALLROOM, seen).some((it) => it.startsWith('-romeo')) ? true : undefined;
        await until('the removal', isOut, PATIENCE_MS);
        await areIn(scene.service, BALLROOM, [romeo]);
        const texts = await allTalk(BALLROOM, [romeo, juliet], 'again');
        assertUnbroken(romeo, since);
        assert.deepEqual(romeo.texts(BALLROOM, since), texts);
        assert.deepEqual(romeo.people(BALLROOM, since), []);
      },
    );
    await scene.there.enjamb.stop();
  },
);
