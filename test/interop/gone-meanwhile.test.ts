// Scene 4: the user left, joined again or disconnected during the delay. No question and no notice is sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOME, ROOMS } from './support/addresses.ts';
import { answeredSelfPing, asText, fullJid, hears, noticesIn, selfPings, WINDOW_MS } from './support/room.ts';
import type { SlixmppClient } from './support/slixmpp.ts';
import { until, untilTime } from './support/waiting.ts';
import { type World, world } from './support/world.ts';

const LIMIT = { timeout: 60_000 };
const ROOM = `balcony@${ROOMS}`;
/** A room without traffic, so that only a ping can prove a join. */
const QUIET_ROOM = `hall@${ROOMS}`;
/** The delay, long enough for the user's action. */
const DELAY_MS = 4_000;

interface Meanwhile {
  readonly what: string;
  act(romeo: SlixmppClient, there: World): Promise<void>;
  /** Whether the room has the user afterwards. */
  readonly inside: boolean;
}

const MEANWHILE: readonly Meanwhile[] = [
  { what: 'leaves', act: leaves, inside: false },
  {
    what: 'leaves and joins again',
    async act(romeo) {
      await leaves(romeo);
      await romeo.join(ROOM, 'Romeo');
    },
    inside: true,
  },
  {
    what: 'joins again without leaving',
    async act(romeo) {
      await romeo.join(ROOM, 'Romeo');
    },
    inside: true,
  },
  { what: 'logs out', act: (romeo) => romeo.logout(), inside: false },
  { what: 'loses the connection', act: (romeo) => romeo.cut(), inside: false },
];

for (const { what, act, inside } of MEANWHILE) {
  test(
    `XEP-0410: a user who ${what} during the delay is not asked about and gets no notice`,
    LIMIT,
    async (t) => {
      const there = await world(t, {
        config: [`ping_muc_delay = ${DELAY_MS / 1000}`, 'muc_autorejoin = "off"'],
      });
      const { enjamb, prosody } = there;
      const romeo = await there.homeUser('romeo');
      const benvolio = await there.homeUser('benvolio');
      const juliet = await there.awayUser('juliet');
      await juliet.join(ROOM, 'Juliet');
      await romeo.join(ROOM, 'Romeo');
      await benvolio.join(QUIET_ROOM, 'Benvolio');

      const closedAt = Date.now();
      await prosody.closeLinks(HOME);
      await act(romeo, there);
      await until('the room knows', () => hasRomeo(prosody, inside), DELAY_MS);
      const since = romeo.stanzas.length;
      assert.ok(Date.now() < closedAt + DELAY_MS, 'all this was during the delay');

      // The user who stayed is asked about, which shows that questions are sent.
      const limitMs = DELAY_MS + WINDOW_MS;
      await answeredSelfPing(prosody, { user: 'benvolio', room: QUIET_ROOM, since: closedAt, limitMs });
      await untilTime(closedAt + limitMs);
      assert.deepEqual(await selfPings(prosody, 'romeo', ROOM), []);
      assert.deepEqual(asText(romeo.stanzas.slice(since)), []);
      assert.deepEqual(noticesIn([...romeo.stanzas, ...benvolio.stanzas]), []);
      if (inside) await hears(romeo, juliet, ROOM);
      await enjamb.stop();
    },
  );
}

/** Waits for the room's answer to the user's own action. */
async function leaves(romeo: SlixmppClient): Promise<void> {
  const since = romeo.stanzas.length;
  romeo.leave(ROOM, 'Romeo');
  const isFarewell = (from: string | undefined, type: string | undefined) =>
    from === `${ROOM}/Romeo` && type === 'unavailable';
  await romeo.stanza('the farewell', (it) => isFarewell(it.attrs.from, it.attrs.type), { since });
}

async function hasRomeo(prosody: World['prosody'], wanted: boolean): Promise<true | undefined> {
  const has = (await prosody.occupants(ROOM))?.includes(fullJid('romeo')) === true;
  return has === wanted ? true : undefined;
}
