// Scenes 1 and 5: the room has lost all occupants. With ping_muc the client gets a notice, without it nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertXml } from '../support/match.ts';
import { HALLS, HOME, ROOMS } from './support/addresses.ts';
import {
  assertWithin,
  asText,
  besidesTalk,
  CONFIG,
  DELAY_MS,
  fullJid,
  hears,
  isNotice,
  noticesIn,
  WINDOW_MS,
} from './support/room.ts';
import type { SlixmppClient } from './support/slixmpp.ts';
import { untilTime } from './support/waiting.ts';
import { type World, world } from './support/world.ts';

const LIMIT = { timeout: 90_000 };
const FEATURE = 'https://modules.prosody.im/mod_ping_muc';
/** A temporary room, and a persistent one, which is empty after the restart. */
const KINDS = [
  { kind: 'a temporary room', room: `balcony@${ROOMS}`, afterwards: undefined },
  { kind: 'a persistent room', room: `ballroom@${HALLS}`, afterwards: [] },
];

for (const { kind, room, afterwards } of KINDS) {
  test(
    `XEP-0410: Prosody is killed and loses ${kind}: the client gets one notice and joins again`,
    LIMIT,
    async (t) => {
      const there = await world(t, { config: CONFIG });
      const romeo = await there.homeUser('romeo');
      await romeo.join(room, 'Romeo');
      assert.deepEqual(await there.prosody.occupants(room), [fullJid('romeo')]);
      if (afterwards !== undefined) await there.prosody.saveRoom(room);
      const since = romeo.stanzas.length;

      const diedAt = await dieAndReturn(there, room, afterwards);
      const notice = await noticeFor(romeo, { since, diedAt, room });
      assert.deepEqual(besidesTalk(romeo.stanzas.slice(since)), [notice.element.toString()]);

      await joinsForReal(there, romeo, room);
      await untilTime(diedAt + 2 * DELAY_MS + WINDOW_MS);
      assert.equal(noticesIn(romeo.stanzas).length, 1);
      assert.equal(besidesTalk(romeo.stanzas).filter((xml) => xml.includes('urn:xmpp:ping')).length, 0);
      await there.enjamb.stop();
    },
  );
}

test(
  'without ping_muc the client gets nothing; when the module is loaded, it sends the notice',
  LIMIT,
  async (t) => {
    const room = `balcony@${ROOMS}`;
    const modules = ['roster', 'presence', 'message', 'disco', 'ping', 'dialback', 'track_muc_joins'];
    const there = await world(t, { config: [...CONFIG, `modules_enabled = ${JSON.stringify(modules)}`] });
    const romeo = await there.homeUser('romeo');
    assert.ok(!(await romeo.features(HOME)).includes(FEATURE));
    await romeo.join(room, 'Romeo');
    let since = romeo.stanzas.length;

    const diedAt = await dieAndReturn(there, room, undefined);
    await untilTime(diedAt + DELAY_MS + WINDOW_MS);
    assert.deepEqual(asText(romeo.stanzas.slice(since)), []);

    await there.enjamb.command(['module', 'load', 'ping_muc']);
    assert.ok((await romeo.features(HOME)).includes(FEATURE));
    await romeo.join(room, 'Romeo');
    since = romeo.stanzas.length;
    const diedAgainAt = await dieAndReturn(there, room, undefined);
    await noticeFor(romeo, { since, diedAt: diedAgainAt, room });
    await joinsForReal(there, romeo, room);
    await there.enjamb.stop();
  },
);

/** Resolves with the time of the kill (ms since 1970), when Prosody is up and shows an empty room. */
async function dieAndReturn(there: World, room: string, afterwards: string[] | undefined): Promise<number> {
  const diedAt = Date.now();
  await there.prosody.kill9();
  await there.prosody.start();
  assert.deepEqual(await there.prosody.occupants(room), afterwards);
  return diedAt;
}

/** @throws AssertionError unless the notice arrives in time and has the required content */
async function noticeFor(
  client: SlixmppClient,
  { since, diedAt, room }: { since: number; diedAt: number; room: string },
) {
  const limitMs = DELAY_MS + WINDOW_MS;
  const notice = await client.stanza('the notice', isNotice, { since, limitMs });
  assertWithin(notice.at, diedAt + DELAY_MS, diedAt + limitMs, 'the notice');
  assertXml(
    notice.element,
    `<presence type='unavailable' from='${room}/Romeo' to='${fullJid('romeo')}'>
       <x xmlns='http://jabber.org/protocol/muc#user'>
         <item affiliation='none' role='none'><reason>Connection to remote server lost</reason></item>
         <status code='110'/><status code='333'/><status code='330'/>
       </x>
     </presence>`,
  );
  return notice;
}

/** Checks with Prosody, and by messages with another occupant, that the client is in the room. */
async function joinsForReal(there: World, romeo: SlixmppClient, room: string): Promise<void> {
  await romeo.join(room, 'Romeo');
  assert.deepEqual(await there.prosody.occupants(room), [fullJid('romeo')]);
  const juliet = await there.awayUser('juliet');
  assert.deepEqual(await juliet.join(room, 'Juliet'), ['Juliet', 'Romeo']);
  await hears(romeo, juliet, room);
  await hears(juliet, romeo, room);
}
