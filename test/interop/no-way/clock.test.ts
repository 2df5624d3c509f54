// The wall clock of the machine jumps by days, as after an empty battery, or when a virtual machine is resumed.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { temporaryFolder } from '../../support/clean-up.ts';
import { AWAY, ROOMS } from '../support/addresses.ts';
import type { Enjamb } from '../support/enjamb.ts';
import { noticesIn } from '../support/room.ts';
import { until } from '../support/waiting.ts';
import { WallClock } from '../support/wall-clock.ts';
import { homeLogin, world } from '../support/world.ts';
import { BENVOLIO, endsUnharmed, ROMEO, recovers, says } from './scene.ts';

const LIMIT = { timeout: 180_000 };
const DAY_MS = 24 * 60 * 60 * 1_000;
const JUMP_MS = 10 * DAY_MS;
const ROOM = `balcony@${ROOMS}`;
const JULIET = `juliet@${AWAY}`;
/** Longer than the silence after which a link is pinged, and the time limit for the answer. */
const QUIET_MS = 6_000;
const RECOVERY_MS = 30_000;

test(
  'the wall clock jumps ten days ahead and back: links, sessions, rooms and logins stay',
  LIMIT,
  async (t) => {
    const { enjamb, clock, romeo, benvolio, juliet } = await scene(t);
    let round = 0;
    const everybodyTalks = async (): Promise<void> => {
      round++;
      await says(romeo, [juliet, JULIET], `${round}: to another server`);
      await says(juliet, [romeo, ROMEO], `${round}: from another server`);
      await says(romeo, [benvolio, BENVOLIO], `${round}: to a user of this one`);
      const text = `${round}: in the room`;
      juliet.send(ROOM, text, 'groupchat');
      await romeo.stanza(text, (it) => it.getChildText('body') === text);
    };
    await everybodyTalks();
    for (const days of [10, -10, 0]) {
      await jump(enjamb, clock, days);
      await everybodyTalks();
      await pause(QUIET_MS);
      await everybodyTalks();
      await benvolio.logout();
      await benvolio.login(homeLogin('benvolio'));
    }
    assert.deepEqual(
      enjamb.log.filter(({ msg }) => msg === 's2s closed' || msg === 's2s failed'),
      [],
    );
    assert.deepEqual(noticesIn(romeo.stanzas), []);
    await endsUnharmed({ enjamb });
  },
);

test(
  'the wall clock jumps while another server is down: the server is reached when it is up',
  LIMIT,
  async (t) => {
    const { enjamb, prosody, clock, romeo, juliet } = await scene(t);
    await says(romeo, [juliet, JULIET], 'before');
    for (const days of [10, -10]) {
      await prosody.stop();
      romeo.send(JULIET, 'meanwhile');
      const failures = () => enjamb.log.filter(({ msg }) => msg === 's2s failed').length;
      const before = failures();
      await until('a failed attempt', () => (failures() > before ? true : undefined), RECOVERY_MS);
      await jump(enjamb, clock, days);
      await prosody.start();
      await recovers(romeo, AWAY);
    }
    await endsUnharmed({ enjamb });
  },
);

/** Romeo and Benvolio are users of enjamb, Juliet is one of Prosody; she and Romeo are in a room there. */
async function scene(t: TestContext) {
  const clock = await WallClock.make(await temporaryFolder(t));
  const { enjamb, prosody, homeUser, awayUser } = await world(t, {
    env: clock.env,
    certificatesSince: Date.now() - 2 * JUMP_MS,
    config: ['s2s_ack_timeout = 2'],
    prosodyModules: ['smacks'],
  });
  const [romeo, benvolio, juliet] = [
    await homeUser('romeo'),
    await homeUser('benvolio'),
    await awayUser('juliet'),
  ];
  await juliet.join(ROOM, 'Juliet');
  await romeo.join(ROOM, 'Romeo');
  return { enjamb, prosody, clock, romeo, benvolio, juliet };
}

/** Resolves when the server has seen the new time. */
async function jump(enjamb: Enjamb, clock: WallClock, days: number): Promise<void> {
  await clock.jumpTo(days);
  await enjamb.reload();
  const shown = Date.parse(String(enjamb.log.at(-1)?.time));
  assert.ok(Math.abs(shown - Date.now() - days * DAY_MS) < DAY_MS / 2, 'the clock of the server has jumped');
}
