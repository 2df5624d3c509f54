// Rows of the fault matrix with real servers on the other side: a user of enjamb is in a room there, something breaks,
// and what counts is what the user was told, what the room was asked, and whether both agree in the end.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { HALLS, HOME, ROOMS } from '../support/addresses.ts';
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
  statusCodes,
  WINDOW_MS,
} from '../support/room.ts';
import type { SlixmppClient } from '../support/slixmpp.ts';
import { until, untilTime } from '../support/waiting.ts';
import { homeLogin } from '../support/world.ts';
import { isPing, selfPings } from './pings.ts';
import { type Kind, type RoomService, type Scene, type SceneOptions, scene } from './service.ts';

const LIMIT = { timeout: 150_000 };
const ROOM = `balcony@${ROOMS}`;
const ROMEO = fullJid('romeo');
const KINDS: readonly Kind[] = ['Prosody', 'ejabberd'];
/** `muc_autorejoin` has tests of its own: here clients do as they like. */
const CONFIG = [`ping_muc_delay = ${DELAY_MS / 1000}`, 'muc_autorejoin = false'];
/** Of the domain's recovery, to the knowledge of the client. */
const RECOVERY_MS = 5_000 + 2_000;
/** Ghosts of a dead process are gone that soon after its successor has started. */
const GHOST_MS = 10_000;

interface Play extends Scene {
  readonly romeo: SlixmppClient;
  /** How many stanzas the client had when it was in the room. */
  readonly since: number;
}

async function play(t: TestContext, kind: Kind, room = ROOM, options: SceneOptions = {}): Promise<Play> {
  const { config = [] } = options;
  const set = await scene(t, kind, { ...options, config: [...CONFIG, ...config] });
  const romeo = await set.there.homeUser('romeo');
  await romeo.join(room, 'Romeo');
  assert.deepEqual(await set.service.occupants(room), [ROMEO]);
  return Object.assign(set, { romeo, since: romeo.stanzas.length });
}

test(
  'row 1, Prosody: a clean restart that keeps the occupants goes unnoticed, with one ping',
  LIMIT,
  async (t) => {
    const room = `ballroom@${HALLS}`;
    const { there, romeo, since, service } = await play(t, 'Prosody', room);
    const stoppedAt = Date.now();
    await service.stop();
    await service.start();
    await untilTime(Date.now() + DELAY_MS + WINDOW_MS);
    assert.deepEqual(asText(romeo.stanzas.slice(since)), []);
    assert.deepEqual(await service.occupants(room), [ROMEO]);
    assert.equal((await selfPings(service, ROMEO, room, stoppedAt)).length, 1);
    await there.enjamb.stop();
  },
);

test('row 2, ejabberd: a clean restart; the room says so itself, or else we do', LIMIT, async (t) => {
  const { there, romeo, since, service } = await play(t, 'ejabberd');
  await service.stop();
  await service.start();
  await untilTime(Date.now() + DELAY_MS + WINDOW_MS);
  // Whether its farewell still goes out is a race of its own.
  assert.equal(farewellCodes(romeo, since).length, 1);
  assert.deepEqual(await trackedBy(there), []);
  await joinsAnew(romeo, service, ROOM);
  await there.enjamb.stop();
});

test('row 2, Prosody: a persistent room has lost its occupants', LIMIT, async (t) => {
  const room = `ballroom@${HALLS}`;
  const scene = await play(t, 'Prosody', room);
  // Prosody keeps the occupants of a room at an orderly stop only; and the room itself when something in it changes.
  await scene.prosody.saveRoom(room);
  await scene.service.kill9();
  await scene.service.start();
  assert.deepEqual(await scene.service.occupants(room), []);
  await isToldOnce(scene, room);
});

test('row 3, Prosody: a temporary room is gone after a clean restart', LIMIT, async (t) => {
  const scene = await play(t, 'Prosody');
  await scene.service.stop();
  await scene.prosody.forgetRooms(ROOMS);
  await scene.service.start();
  assert.equal(await scene.service.occupants(ROOM), undefined);
  await isToldOnce(scene, ROOM);
});

for (const kind of KINDS) {
  test(`row 4, ${kind}: kill -9, back at once, occupants lost`, LIMIT, async (t) => {
    const scene = await play(t, kind);
    await scene.service.kill9();
    await scene.service.start();
    assert.equal(await scene.service.occupants(ROOM), undefined);
    await isToldOnce(scene, ROOM);
  });

  test(`row 5, ${kind}: down for long, then as row 4; told when it is back, not before`, LIMIT, async (t) => {
    const scene = await play(t, kind);
    const { romeo, since, service } = scene;
    await service.kill9();
    await untilTime(Date.now() + 5 * DELAY_MS);
    assert.deepEqual(asText(romeo.stanzas.slice(since)), []);
    const backBefore = Date.now();
    await service.start();
    const notice = await romeo.stanza('the notice', isNotice, { since });
    // The service listens some time before its start counts as done.
    assertWithin(notice.at, backBefore, Date.now() + RECOVERY_MS, 'the notice');
    await isToldOnce(scene, ROOM);
  });

  test(
    `row 10, ${kind}: idle streams are closed; one ping, and none for its own stream`,
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
    `row 12, ${kind}: its certificate has expired; nothing until give-up, then one notice`,
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

  test(`row 16, ${kind}: an orderly restart of ours leaves nobody behind`, LIMIT, async (t) => {
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

  test(`row 17, ${kind}: after a kill -9 of ours no ghost stays`, LIMIT, async (t) => {
    const scene = await play(t, kind);
    const { there, service } = scene;
    await watcher(scene);
    // What is written behind is on disk after a second.
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

  test(`row 18, ${kind}: who is back after a kill -9 of ours is not shown out`, LIMIT, async (t) => {
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
  });
}

test('row 13, Prosody: the room service restarts behind a living stream', LIMIT, async (t) => {
  const silence = 6;
  const scene = await play(t, 'Prosody', ROOM, { config: [`ping_muc_silence = ${silence}`] });
  const { romeo, since, service } = scene;
  const lostAt = Date.now();
  await service.restartRooms();
  assert.equal(await service.occupants(ROOM), undefined);
  const limitMs = 2 * 1_000 * silence + WINDOW_MS + 2_000;
  const notice = await romeo.stanza('the notice', isNotice, { since, limitMs });
  assertWithin(notice.at, lostAt, lostAt + limitMs, 'the notice');
  await isToldOnce(scene, ROOM);
});

test('row 13, ejabberd: the room service restarts and says so itself', LIMIT, async (t) => {
  const { there, romeo, since, service } = await play(t, 'ejabberd', ROOM, {
    config: ['ping_muc_silence = 6'],
  });
  await service.restartRooms();
  await untilTime(Date.now() + 15_000);
  assert.deepEqual(farewellCodes(romeo, since), [['332', '110']]);
  assert.deepEqual(await trackedBy(there), []);
  await there.enjamb.stop();
});

test('row 28, Prosody: a room that hands self-pings to clients; no client sees one', LIMIT, async (t) => {
  const { there, romeo, since, service } = await play(t, 'Prosody', ROOM, { relaysSelfPings: true });
  const closedAt = Date.now();
  await there.enjamb.command(['s2s', 'close', ROOMS]);
  await untilTime(closedAt + DELAY_MS + WINDOW_MS);
  const wire = (await service.wire()).filter(({ at }) => at >= closedAt);
  const relayed = wire.filter(({ dir, element }) => dir === 'out' && isPing(element));
  assert.deepEqual(
    relayed.map(({ element }) => element.attrs.to),
    [ROMEO],
  );
  assert.equal((await selfPings(service, ROMEO, ROOM, closedAt)).length, 1);
  assert.deepEqual(asText(romeo.stanzas.slice(since)), []);
  assert.deepEqual(await service.occupants(ROOM), [ROMEO]);
  await there.enjamb.stop();
});

/** One notice, from then on nothing; the tracker knows nothing of the room, and joining again works. */
async function isToldOnce({ there, romeo, since, service }: Play, room: string): Promise<void> {
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

async function joinsAnew(romeo: SlixmppClient, service: RoomService, room: string): Promise<void> {
  await romeo.join(room, 'Romeo');
  assert.deepEqual(await service.occupants(room), [ROMEO]);
}

/** Somebody in the room who lives where the room does. */
async function watcher({ awayUser }: Scene): Promise<SlixmppClient> {
  const juliet = await awayUser('juliet');
  assert.deepEqual(await juliet.join(ROOM, 'Juliet'), ['Juliet', 'Romeo']);
  return juliet;
}

function farewellsOf(nick: string, { stanzas }: SlixmppClient) {
  const from = `${ROOM}/${nick}`;
  return stanzas.filter(({ element: { attrs } }) => attrs.from === from && attrs.type === 'unavailable');
}

/** The codes of each presence by which the client learned that it is not in the room any more, from whomever. */
function farewellCodes({ stanzas }: SlixmppClient, since: number): string[][] {
  const codes = stanzas
    .slice(since)
    .filter(({ element }) => element.is('presence') && element.attrs.type === 'unavailable')
    .map(({ element }) => statusCodes(element));
  return codes.filter((them) => them.includes('110'));
}

async function isWithout(service: RoomService, jid: string): Promise<true | undefined> {
  return (await service.occupants(ROOM))?.includes(jid) ? undefined : true;
}

/** The rooms in which enjamb has its users. */
async function trackedBy({ enjamb }: Scene['there']): Promise<unknown[]> {
  return (await enjamb.list('joins')).map(({ room }) => room);
}

/** How many sessions are on disk as being in rooms. */
function sessionsIn(file: string): number {
  const database = new Database(file, { readonly: true });
  const count = `SELECT count(*) AS rows FROM map JOIN store ON store.id = store WHERE name = 'muc_joins'`;
  const { rows } = database.prepare(count).get() as { rows: number };
  database.close();
  return rows;
}
