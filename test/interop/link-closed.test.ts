// Scene 2: the link closes while the room keeps the user. The room is asked, and the client gets nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOME, ROOMS } from './support/addresses.ts';
import {
  answeredSelfPing,
  assertWithin,
  asText,
  CONFIG,
  DELAY_MS,
  fullJid,
  hears,
  selfPings,
  WINDOW_MS,
} from './support/room.ts';
import { untilTime } from './support/waiting.ts';
import { type World, world } from './support/world.ts';

const LIMIT = { timeout: 60_000 };
const ROOM = `balcony@${ROOMS}`;

const ENDS: readonly { readonly what: string; close(there: World): Promise<void> | void }[] = [
  {
    what: 'enjamb closes its streams',
    close: async ({ enjamb }) => void (await enjamb.command(['s2s', 'close', ROOMS])),
  },
  { what: 'Prosody closes its streams', close: ({ prosody }) => prosody.closeLinks(HOME) },
  { what: 'the connections are reset', close: (there) => cut(there, 'reset') },
  { what: 'the connections end without a farewell', close: (there) => cut(there, 'finish') },
];

for (const { what, close } of ENDS) {
  test(`XEP-0410: ${what}, the room keeps the user: the client gets nothing`, LIMIT, async (t) => {
    const there = await world(t, { config: CONFIG, proxies: true });
    const { enjamb, prosody } = there;
    const romeo = await there.homeUser('romeo');
    const juliet = await there.awayUser('juliet');
    await romeo.join(ROOM, 'Romeo');
    await juliet.join(ROOM, 'Juliet');
    await romeo.stanza('her entrance', (it) => it.attrs.from === `${ROOM}/Juliet`);
    const since = romeo.stanzas.length;

    const closedAt = Date.now();
    await close(there);
    const limitMs = DELAY_MS + WINDOW_MS;
    const { ping, answer } = await answeredSelfPing(prosody, {
      user: 'romeo',
      room: ROOM,
      since: closedAt,
      limitMs,
    });
    assertWithin(ping.at, closedAt + DELAY_MS, closedAt + limitMs, 'the ping');
    assert.equal(answer.element.attrs.type, 'result');

    await untilTime(closedAt + limitMs);
    assert.deepEqual(asText(romeo.stanzas.slice(since)), []);
    assert.equal((await selfPings(prosody, 'romeo', ROOM)).length, 1);
    await hears(romeo, juliet, ROOM);
    await hears(juliet, romeo, ROOM);
    assert.equal(romeo.stanzas.length, since + 2);
    assert.ok((await prosody.occupants(ROOM))?.includes(fullJid('romeo')));
    await enjamb.stop();
  });
}

function cut({ toProsody, toEnjamb }: World, how: 'reset' | 'finish'): void {
  assert.ok(toProsody.connections > 0 && toEnjamb.connections > 0);
  toProsody.cut(how);
  toEnjamb.cut(how);
}
