// A real ejabberd that is killed again and again. The same with Prosody: silent-restarts.test.ts; all of it, with a
// turned clock: test/modules/muc_autorejoin/flapping.test.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EjabberdRooms } from '../matrix/ejabberd-rooms.ts';
import { ROOMS } from '../support/addresses.ts';
import { until, untilTime } from '../support/waiting.ts';
import { allTalk, areIn, assertUnbroken, LIMIT, PATIENCE_MS, silentScene } from './support/silent.ts';

const ROOM = `ballroom@${ROOMS}`;
/** How many joins of the server a client has in ten minutes. */
const JOINS = 3;
/** Much longer than a join takes whose turn has come. */
const QUIET_MS = 3_000;

test('ejabberd is killed four times: three joins, then none, and no notice', LIMIT, async (t) => {
  const scene = await silentScene(t, 'ejabberd');
  const { there, service } = scene;
  assert.ok(service instanceof EjabberdRooms);
  await service.createPersistent(ROOM, {});
  const [romeo] = await scene.homeClients('romeo');
  assert.ok(romeo);
  await romeo.join(ROOM);
  await scene.known([ROOM]);
  const [since, beganAt] = [romeo.stanzas.length, Date.now()];
  for (let i = 0; i < JOINS; i++) {
    await service.kill9();
    await service.start();
    await areIn(service, ROOM, [romeo]);
    await allTalk(ROOM, [romeo], `stay ${i}`);
  }
  await service.kill9();
  await service.start();
  const isLost = async () =>
    (await there.enjamb.list('joins')).some(({ state }) => state === 'lost') ? true : undefined;
  await until('the fourth loss', isLost, PATIENCE_MS);
  await untilTime(Date.now() + QUIET_MS);
  assert.deepEqual(await service.occupants(ROOM), []);
  assert.equal((await scene.asked(beganAt)).joins.length, JOINS);
  assertUnbroken(romeo, since);
  assert.deepEqual(romeo.people(ROOM, since), []);
  await there.enjamb.stop();
});
