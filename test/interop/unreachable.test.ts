// Scene 3: the other server is unreachable for longer than the delay, and keeps the user in the room.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROOMS } from './support/addresses.ts';
import type { LineState } from './support/line.ts';
import { answeredSelfPing, asText, CONFIG, DELAY_MS, GIVE_UP_MS, hears, selfPings } from './support/room.ts';
import { until, untilTime } from './support/waiting.ts';
import { world } from './support/world.ts';

const LIMIT = { timeout: 90_000 };
const ROOM = `balcony@${ROOMS}`;
const OUTAGES: readonly { readonly what: string; readonly state: LineState }[] = [
  { what: 'swallows all bytes', state: 'drop' },
  { what: 'refuses connections', state: 'refuse' },
];

for (const { what, state } of OUTAGES) {
  test(
    `XEP-0410: the line ${what} beyond the delay, then heals: the client gets nothing`,
    LIMIT,
    async (t) => {
      const there = await world(t, { config: CONFIG, proxies: true });
      const { enjamb, prosody, toProsody, toEnjamb } = there;
      const romeo = await there.homeUser('romeo');
      const juliet = await there.awayUser('juliet');
      await romeo.join(ROOM, 'Romeo');
      await juliet.join(ROOM, 'Juliet');
      await romeo.stanza('her entrance', (it) => it.attrs.from === `${ROOM}/Juliet`);
      const since = romeo.stanzas.length;

      // Prosody does not notice that the line is dead, so it removes no occupant.
      const lostAt = Date.now();
      for (const line of [toProsody, toEnjamb]) line.state = state;
      const openedBefore = toProsody.opened;
      toProsody.cutNear();
      toEnjamb.cutFar();
      const triedAgain = () => (toProsody.opened > openedBefore ? true : undefined);
      await until('enjamb tries to reach Prosody', triedAgain, GIVE_UP_MS);
      assert.ok(Date.now() >= lostAt + DELAY_MS);
      await untilTime(lostAt + 3 * DELAY_MS);
      assert.deepEqual(await selfPings(prosody, 'romeo', ROOM), []);
      for (const line of [toProsody, toEnjamb]) line.state = 'forward';

      const { answer } = await answeredSelfPing(prosody, {
        user: 'romeo',
        room: ROOM,
        since: lostAt,
        limitMs: GIVE_UP_MS,
      });
      assert.equal(answer.element.attrs.type, 'result');
      await untilTime(lostAt + GIVE_UP_MS + DELAY_MS);
      assert.deepEqual(asText(romeo.stanzas.slice(since)), []);
      await hears(romeo, juliet, ROOM);
      await hears(juliet, romeo, ROOM);
      assert.equal(romeo.stanzas.length, since + 2);
      await enjamb.stop();
    },
  );
}
