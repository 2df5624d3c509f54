// Messages that a client sends while its room has lost it, with real servers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EjabberdRooms } from '../matrix/ejabberd-rooms.ts';
import { HALLS, ROOMS } from '../support/addresses.ts';
import type { RoomClient } from './support/room-clients.ts';
import { allTalk, areIn, assertUnbroken, LIMIT, silentScene } from './support/silent.ts';

const TEXTS = [0, 1, 2, 3, 4].map((number) => `into the gap ${number}`);

for (const [kind, room] of [
  ['Prosody', `ballroom@${HALLS}`],
  ['ejabberd', `ballroom@${ROOMS}`],
] as const) {
  test(
    `${kind} is killed, the user goes on: each message is once in the room, in order`,
    LIMIT,
    async (t) => {
      const scene = await silentScene(t, kind, {
        proxies: true,
        roomConfig: ['modules_enabled = { "muc_mam" }'],
        ejabberdModules: ['  mod_mam: {}'],
      });
      const { there, service } = scene;
      if (service instanceof EjabberdRooms) await service.createPersistent(room, { mam: 'true' });
      const [juliet] = (await scene.awayClients('juliet')) as [RoomClient];
      const [romeo] = (await scene.homeClients('romeo')) as [RoomClient];
      for (const each of [juliet, romeo]) await each.join(room);
      if (kind === 'Prosody') await scene.prosody.saveRoom(room);
      await scene.known([room]);
      await allTalk(room, [juliet, romeo], 'before');
      const since = romeo.stanzas.length;

      there.toProsody.state = 'refuse';
      await service.kill9();
      await service.start();
      await juliet.login();
      await juliet.join(room);
      const seen = juliet.stanzas.length;
      for (const text of TEXTS) romeo.say(room, text);
      there.toProsody.state = 'forward';
      await areIn(service, room, [romeo]);
      const last = TEXTS.at(-1)!;
      for (const each of [juliet, romeo]) await each.hears(room, last);
      const texts = [...TEXTS, ...(await allTalk(room, [juliet, romeo], 'afterwards'))];
      assert.deepEqual(juliet.texts(room, seen), texts, 'at Juliet');
      assert.deepEqual(romeo.texts(room, since), texts, 'at Romeo');
      assertUnbroken(romeo, since);
      await there.enjamb.stop();
    },
  );
}
