// Our own server stops, or dies: rooms at Prosody lose the clients that went with it, and no others.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { HOME, ROOMS } from './support/addresses.ts';
import { fullJid, hears } from './support/room.ts';
import { until } from './support/waiting.ts';
import { homeLogin, world } from './support/world.ts';

const LIMIT = { timeout: 90_000 };
const ROOM = `balcony@${ROOMS}`;
/** What has been joined is on disk by then. */
const WRITTEN_MS = 1_500;

test('an orderly stop: the room sees the clients leave', LIMIT, async (t) => {
  const there = await world(t);
  const juliet = await there.awayUser('juliet');
  await juliet.join(ROOM, 'Juliet');
  await (await there.homeUser('romeo')).join(ROOM, 'Romeo');
  const before = await there.prosody.occupants(ROOM);
  assert.ok(before?.includes(fullJid('romeo')));
  await there.enjamb.stop();
  assert.ok(!(await there.prosody.occupants(ROOM))?.includes(fullJid('romeo')));
  assert.equal(rowsIn(join(there.folder, 'enjamb', 'data', 'enjamb.sqlite')), 0, 'nothing to make up for');
});

test(
  'a kill -9, and nobody comes back: the room loses its ghosts ten seconds after the start',
  LIMIT,
  async (t) => {
    const there = await world(t);
    const { enjamb, prosody } = there;
    const juliet = await there.awayUser('juliet');
    await juliet.join(ROOM, 'Juliet');
    await (await there.homeUser('romeo')).join(ROOM, 'Romeo');
    await new Promise((resolve) => setTimeout(resolve, WRITTEN_MS));
    await enjamb.kill9();
    assert.ok((await prosody.occupants(ROOM))?.includes(fullJid('romeo')), 'there is a ghost');
    await enjamb.start();
    await until(
      'the ghost is gone',
      async () => !(await prosody.occupants(ROOM))?.includes(fullJid('romeo')),
      10_000,
    );
    await enjamb.stop();
  },
);

test(
  'a kill -9, and the same address joins again at once: the room sees no leave after the join',
  LIMIT,
  async (t) => {
    const there = await world(t);
    const { enjamb, prosody } = there;
    const juliet = await there.awayUser('juliet');
    await juliet.join(ROOM, 'Juliet');
    await (await there.homeUser('romeo')).join(ROOM, 'Romeo');
    await new Promise((resolve) => setTimeout(resolve, WRITTEN_MS));
    await enjamb.kill9();
    await enjamb.start();
    const romeo = await there.client('romeo-again');
    await romeo.login(homeLogin('romeo'));
    await romeo.join(ROOM, 'Romeo');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    await hears(romeo, juliet, ROOM);
    const wire = (await prosody.wire()).filter(
      ({ dir, element }) =>
        dir === 'in' && element.name === 'presence' && element.attrs.from === fullJid('romeo'),
    );
    assert.equal(wire.at(-1)?.element.attrs.type, undefined, `${HOME} says nothing after the join`);
    await enjamb.stop();
  },
);

/** The sessions that are on disk as being in rooms. */
function rowsIn(file: string): number {
  const database = new Database(file, { readonly: true });
  const count = `SELECT count(*) AS rows FROM map JOIN store ON store.id = store WHERE name = 'muc_joins'`;
  const { rows } = database.prepare(count).get() as { rows: number };
  database.close();
  return rows;
}
