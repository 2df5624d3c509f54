// Real servers: one that stops in order, and returns before and after `muc_autorejoin_patience`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EjabberdRooms } from '../matrix/ejabberd-rooms.ts';
import { HALLS, ROOMS } from '../support/addresses.ts';
import { isNotice, statusCodes } from '../support/room.ts';
import { until, untilTime } from '../support/waiting.ts';
import type { RoomClient } from './support/room-clients.ts';
import { allTalk, areIn, assertUnbroken, PATIENCE_MS, silentScene } from './support/silent.ts';

const LIMIT = { timeout: 300_000 };
/** The shortest `muc_autorejoin_patience`. */
const MINUTE_MS = 60_000;
const SHORT_MS = 10_000;
/** Clients that could not be asked about are given up after ten times the delay, and then the patience begins. */
const CONFIG = ['muc_autorejoin_patience = "1 minute"', 'ping_muc_delay = 2'];
const GIVEN_UP_MS = 20_000;

for (const kind of ['Prosody', 'ejabberd'] as const) {
  test(
    `${kind} stops: back soon, nothing is seen; back late, a notice, and then a join`,
    LIMIT,
    async (t) => {
      const scene = await silentScene(t, kind, { config: CONFIG });
      const { there, service } = scene;
      const room = `ballroom@${kind === 'Prosody' ? HALLS : ROOMS}`;
      if (service instanceof EjabberdRooms) await service.createPersistent(room);
      const ours = await scene.homeClients('romeo', 'benvolio');
      for (const each of ours) await each.join(room);
      await scene.known([room]);
      await allTalk(room, ours, 'before');
      const since = ours.map(({ stanzas }) => stanzas.length);

      await service.stop();
      await untilTime(Date.now() + SHORT_MS);
      await service.start();
      await areIn(service, room, ours);
      const texts = await allTalk(room, ours, 'afterwards');
      for (const [i, each] of ours.entries()) {
        assertUnbroken(each, since[i]!);
        assert.deepEqual(each.people(room, since[i]), []);
        assert.deepEqual(each.texts(room, since[i]), texts);
      }

      const again = ours.map(({ stanzas }) => stanzas.length);
      const stoppedAt = Date.now();
      await service.stop();
      const told = (client: RoomClient, from: number) =>
        client.stanzas.slice(from).filter(({ element }) => isNotice(element));
      await until(
        'the notices',
        () => (ours.every((each, i) => told(each, again[i]!).length > 0) ? true : undefined),
        MINUTE_MS + GIVEN_UP_MS + PATIENCE_MS,
      );
      for (const [i, each] of ours.entries()) {
        const [notice, ...others] = told(each, again[i]!);
        assert.ok(notice!.at - stoppedAt >= MINUTE_MS, `${notice!.at - stoppedAt} ms`);
        assert.deepEqual(others, []);
        assert.deepEqual(each.people(room, again[i]), [`-${each.nick} 110 333 330`]);
      }
      const noticed = ours.map(({ stanzas }) => stanzas.length);
      await service.start();
      for (const [i, each] of ours.entries())
        await each.stanza(
          'its join',
          (it) => it.attrs.type === undefined && statusCodes(it).includes('110'),
          noticed[i],
        );
      await allTalk(room, ours, 'in the end');
      await there.enjamb.stop();
    },
  );
}
