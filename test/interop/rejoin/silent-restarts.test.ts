// Silent rejoin with a real Prosody that restarts in order, and with one that is killed again and again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selfPings } from '../matrix/pings.ts';
import { HALLS } from '../support/addresses.ts';
import { PATIENT } from '../support/room.ts';
import { until, untilTime } from '../support/waiting.ts';
import { allTalk, areIn, assertUnbroken, LIMIT, PATIENCE_MS, silentScene } from './support/silent.ts';

const ROOM = `ballroom@${HALLS}`;
/** How many joins of the server a client has in ten minutes. */
const JOINS = 3;
/** Much longer than a join takes whose turn has come. */
const QUIET_MS = 3_000;

test(
  'Prosody restarts in order and keeps the occupants: no join, and nothing for the clients',
  LIMIT,
  async (t) => {
    const scene = await silentScene(t, 'Prosody', { config: [PATIENT] });
    const { there, service } = scene;
    const ours = await scene.homeClients('romeo', 'benvolio');
    for (const each of ours) await each.join(ROOM);
    await allTalk(ROOM, ours, 'before');
    const since = ours.map(({ stanzas }) => stanzas.length);

    const stoppedAt = Date.now();
    await service.stop();
    await service.start();
    for (const { jid } of ours) {
      const isAsked = async () =>
        (await selfPings(service, jid, ROOM, stoppedAt)).length > 0 ? true : undefined;
      await until(`a question for ${jid}`, isAsked, PATIENCE_MS);
    }
    const texts = await allTalk(ROOM, ours, 'afterwards');
    for (const [i, each] of ours.entries()) {
      const got = each.stanzas
        .slice(since[i])
        .map(({ element }) => element.getChildText('body') ?? `${element}`);
      assert.deepEqual(got, texts, each.jid);
    }
    assert.deepEqual((await scene.asked(stoppedAt)).joins, []);
    await there.enjamb.stop();
  },
);

test('Prosody is killed four times: three joins, then none, and no notice', LIMIT, async (t) => {
  const scene = await silentScene(t, 'Prosody');
  const { there, service } = scene;
  const [romeo] = await scene.homeClients('romeo');
  assert.ok(romeo);
  await romeo.join(ROOM);
  await scene.prosody.saveRoom(ROOM);
  await scene.known([ROOM]);
  const [since, beganAt] = [romeo.stanzas.length, Date.now()];
  const dieAndReturn = async () => {
    await service.kill9();
    await service.start();
  };
  for (let i = 0; i < JOINS; i++) {
    await dieAndReturn();
    await areIn(service, ROOM, [romeo]);
    await allTalk(ROOM, [romeo], `stay ${i}`);
  }
  await dieAndReturn();
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
