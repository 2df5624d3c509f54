// Rows of the fault matrix that are the same for each kind of room service, and the common parts of all rows.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { HOME, ROOMS } from '../support/addresses.ts';
import {
  assertWithin,
  asText,
  besidesTalk,
  DELAY_MS,
  fullJid,
  GIVE_UP_MS,
  hears,
  isNotice,
  noticesIn,
  WINDOW_MS,
} from '../support/room.ts';
import type { SlixmppClient } from '../support/slixmpp.ts';
import { until, untilTime } from '../support/waiting.ts';
import { homeLogin } from '../support/world.ts';
import { selfPings } from './pings.ts';
import { type Kind, type RoomService, type Scene, type SceneOptions, scene } from './service.ts';

export const LIMIT = { timeout: 150_000 };
export const ROOM = `balcony@${ROOMS}`;
export const ROMEO = fullJid('romeo');
/** Without `muc_autorejoin`, which has its own tests. */
const CONFIG = [`ping_muc_delay = ${DELAY_MS / 1000}`, 'muc_autorejoin = false'];
/** The time from the domain's recovery to the notice. */
const RECOVERY_MS = 5_000 + 2_000;
/** The time within which a new process removes the ghosts of a killed one. */
const GHOST_MS = 10_000;

export interface Play extends Scene {
  readonly romeo: SlixmppClient;
  /** How many stanzas the client had when it was in the room. */
  readonly since: number;
}

export async function play(
  t: TestContext,
  kind: Kind,
  room = ROOM,
  options: SceneOptions = {},
): Promise<Play> {
  const { config = [] } = options;
  const set = await scene(t, kind, { ...options, config: [...CONFIG, ...config] });
  const romeo = await set.there.homeUser('romeo');
  await romeo.join(room, 'Romeo');
  assert.deepEqual(await set.service.occupants(room), [ROMEO]);
  return Object.assign(set, { romeo, since: romeo.stanzas.length });
}

export function rowsOfEveryKind(kind: Kind): void {
  test(`row 4, ${kind}: kill -9, up immediately, occupants lost`, LIMIT, async (t) => {
    const scene = await play(t, kind);
    await scene.service.kill9();
    await scene.service.start();
    assert.equal(await scene.service.occupants(ROOM), undefined);
    await isToldOnce(scene, ROOM);
  });

  test(
    `row 5, ${kind}: down for a long time, then as in row 4: notices when it is up, not earlier`,
    LIMIT,
    async (t) => {
      const scene = await play(t, kind);
      const { romeo, since, service } = scene;
      await service.kill9();
      await untilTime(Date.now() + 5 * DELAY_MS);
      assert.deepEqual(asText(romeo.stanzas.slice(since)), []);
      const backBefore = Date.now();
      await service.start();
      const notice = await romeo.stanza('the notice', isNotice, { since });
      // The service listens before its start is complete.
      assertWithin(notice.at, backBefore, Date.now() + RECOVERY_MS, 'the notice');
      await isToldOnce(scene, ROOM);
    },
  );

  test(
    `row 10, ${kind}: an idle stream is closed: one ping, and none for its own stream`,
    LIMIT,
    async (t) => {
      const idleSeconds = 3;
      const { there, romeo, since, service } = await play(t, kind, ROOM, { idleSeconds });
      const joinedAt = Date.now();
      await there.enjamb.logged((line) => line.msg === 's2s closed', 30_000);
      await untilTime(Date.now() + 4 * (DELAY_MS + 1_000 * idleSeconds));
      assert.equal((await selfPings(service, ROMEO, ROOM, joinedAt)).length, 1);
      assert.deepEqual(asText(romeo.stanzas.slice(since)), []);
      assert.deepEqual(await service.occupants(ROOM), [ROMEO]);
      await there.enjamb.stop();
    },
  );

  test(
    `row 12, ${kind}: its certificate has expired: no notice before the give-up, then one`,
    LIMIT,
    async (t) => {
      const scene = await play(t, kind, ROOM, { secureAuth: true });
      const { there, romeo, since, service } = scene;
      const diedAt = Date.now();
      await service.kill9();
      await scene.letCertificatesExpire();
      await service.start();
      const notice = await romeo.stanza('the notice', isNotice, { since, limitMs: 2 * GIVE_UP_MS });
      assertWithin(notice.at, diedAt + GIVE_UP_MS, diedAt + GIVE_UP_MS + WINDOW_MS, 'the notice');
      await untilTime(Date.now() + 2 * DELAY_MS);
      assert.equal(noticesIn(romeo.stanzas).length, 1);
      assert.deepEqual(await selfPings(service, ROMEO, ROOM, diedAt), []);
      const [link] = await there.enjamb.list('s2s', 'list', ROOMS);
      assert.match(String(link?.error), /certificate .*expired/i);
      await there.enjamb.stop();
    },
  );

  test(`row 16, ${kind}: an orderly restart of our server leaves no ghosts`, LIMIT, async (t) => {
    const scene = await play(t, kind);
    const { there, service } = scene;
    const juliet = await watcher(scene);
    await there.enjamb.stop();
    await until('the room has let him go', () => isWithout(service, ROMEO), 1_000);
    assert.deepEqual(farewellsOf('Romeo', juliet).length, 1);
    const database = join(there.folder, 'enjamb', 'data', 'enjamb.sqlite');
    assert.equal(sessionsIn(database), 0, 'nothing is left to be made up for');
    await there.enjamb.start();
    assert.deepEqual(await trackedBy(there), []);
    await there.enjamb.stop();
  });

  test(`row 17, ${kind}: a kill -9 of our server leaves no ghosts`, LIMIT, async (t) => {
    const scene = await play(t, kind);
    const { there, service } = scene;
    await watcher(scene);
    // Pending writes are on disk after a second.
    await untilTime(Date.now() + 1_500);
    await there.enjamb.kill9();
    assert.ok((await service.occupants(ROOM))?.includes(ROMEO), 'the room knows of nothing');
    await there.enjamb.start();
    const again = await there.client('romeo-again');
    await again.login({ ...homeLogin('romeo'), jid: `romeo@${HOME}/garden` });
    await until('the room has let the ghost go', () => isWithout(service, ROMEO), GHOST_MS);
    assert.deepEqual(asText(again.stanzas.filter(({ element }) => element.attrs.from?.includes(ROOMS))), []);
    await there.enjamb.stop();
  });

  test(
    `row 18, ${kind}: a client that joins again after a kill -9 of our server stays in`,
    LIMIT,
    async (t) => {
      const scene = await play(t, kind);
      const { there, service } = scene;
      const juliet = await watcher(scene);
      await untilTime(Date.now() + 1_500);
      await there.enjamb.kill9();
      await there.enjamb.start();
      const again = await there.client('romeo-again');
      await again.login(homeLogin('romeo'));
      await again.join(ROOM, 'Romeo');
      const rejoinedAt = Date.now();
      await untilTime(rejoinedAt + GHOST_MS + 2_000);
      const late = farewellsOf('Romeo', juliet).filter(({ at }) => at >= rejoinedAt);
      assert.deepEqual(asText(late), []);
      assert.ok((await service.occupants(ROOM))?.includes(ROMEO));
      await hears(again, juliet, ROOM);
      await there.enjamb.stop();
    },
  );
}

/** Checks for exactly one notice, that the join is not tracked, and that the client can join again. */
export async function isToldOnce({ there, romeo, since, service }: Play, room: string): Promise<void> {
  const limitMs = DELAY_MS + WINDOW_MS;
  const notice = await romeo.stanza('the notice', isNotice, { since, limitMs });
  await untilTime(notice.at + 2 * DELAY_MS + 2_000);
  assert.deepEqual(besidesTalk(romeo.stanzas.slice(since)), [notice.element.toString()]);
  assert.equal(notice.element.attrs.from, `${room}/Romeo`);
  assert.deepEqual(await trackedBy(there), []);
  await joinsAnew(romeo, service, room);
  assert.equal(noticesIn(romeo.stanzas).length, 1);
  await there.enjamb.stop();
}

export async function joinsAnew(romeo: SlixmppClient, service: RoomService, room: string): Promise<void> {
  await romeo.join(room, 'Romeo');
  assert.deepEqual(await service.occupants(room), [ROMEO]);
}

/** An occupant with an account of the room's server. */
async function watcher({ awayUser }: Scene): Promise<SlixmppClient> {
  const juliet = await awayUser('juliet');
  assert.deepEqual(await juliet.join(ROOM, 'Juliet'), ['Juliet', 'Romeo']);
  return juliet;
}

function farewellsOf(nick: string, { stanzas }: SlixmppClient) {
  const from = `${ROOM}/${nick}`;
  return stanzas.filter(({ element: { attrs } }) => attrs.from === from && attrs.type === 'unavailable');
}

async function isWithout(service: RoomService, jid: string): Promise<true | undefined> {
  return (await service.occupants(ROOM))?.includes(jid) ? undefined : true;
}

/** The rooms with users of enjamb. */
export async function trackedBy({ enjamb }: Scene['there']): Promise<unknown[]> {
  return (await enjamb.list('joins')).map(({ room }) => room);
}

/** The number of sessions with joins on disk. */
function sessionsIn(file: string): number {
  const database = new Database(file, { readonly: true });
  const count = `SELECT count(*) AS rows FROM map JOIN store ON store.id = store WHERE name = 'muc_joins'`;
  const { rows } = database.prepare(count).get() as { rows: number };
  database.close();
  return rows;
}
