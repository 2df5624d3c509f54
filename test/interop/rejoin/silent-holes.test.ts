// Messages that were lost with a connection, in a room of a real Prosody that has kept the client.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HALLS } from '../support/addresses.ts';
import { until } from '../support/waiting.ts';
import type { RoomClient } from './support/room-clients.ts';
import { allTalk, assertUnbroken, LIMIT, PATIENCE_MS, silentScene } from './support/silent.ts';

const ROOM = `ballroom@${HALLS}`;
const TEXTS = [0, 1, 2].map((number) => `into the void ${number}`);

test(
  'the connection swallows what Prosody takes for delivered, and breaks: the client is given it, and shown who came',
  LIMIT,
  async (t) => {
    const scene = await silentScene(t, 'Prosody', {
      proxies: true,
      config: ['muc_autorejoin_holes = true'],
      roomConfig: ['modules_enabled = { "muc_mam" }'],
    });
    const { there, service } = scene;
    const [juliet, tybalt] = (await scene.awayClients('juliet', 'tybalt')) as [RoomClient, RoomClient];
    const [romeo] = (await scene.homeClients('romeo')) as [RoomClient];
    for (const each of [juliet, romeo]) await each.join(ROOM);
    await scene.known([ROOM]);
    await allTalk(ROOM, [juliet, romeo], 'before');
    const [since, brokenAt] = [romeo.stanzas.length, Date.now()];

    there.toEnjamb.state = 'drop';
    there.toProsody.state = 'drop';
    await tybalt.join(ROOM);
    for (const text of TEXTS) {
      juliet.say(ROOM, text);
      await tybalt.hears(ROOM, text);
    }
    assert.deepEqual(romeo.from(ROOM, since), []);
    there.toEnjamb.state = 'forward';
    there.toProsody.state = 'forward';
    for (const line of [there.toEnjamb, there.toProsody]) line.cut('reset');
    assert.ok((await service.occupants(ROOM))?.includes(romeo.jid), 'the room has kept the client');

    for (const text of TEXTS) await romeo.hears(ROOM, text);
    const shown = () => (romeo.people(ROOM, since).length > 0 ? true : undefined);
    await until('the newcomer', shown, PATIENCE_MS);
    const texts = [...TEXTS, ...(await allTalk(ROOM, [juliet, romeo], 'afterwards'))];
    assert.deepEqual(romeo.texts(ROOM, since), texts);
    assert.deepEqual(romeo.people(ROOM, since), ['+tybalt']);
    assertUnbroken(romeo, since);
    const { joins, archive } = await scene.asked(brokenAt);
    assert.equal(joins.length, 1);
    assert.equal(archive.length, 2, 'one question of the break, one of the join');
    await there.enjamb.stop();
  },
);
