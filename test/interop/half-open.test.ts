// A line that drops all bytes without closing: TCP does not notice it, but enjamb does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOME, ROOMS } from './support/addresses.ts';
import { until, untilTime } from './support/waiting.ts';
import { world } from './support/world.ts';

const LIMIT = { timeout: 90_000 };
const SILENCE_MS = 2_000;
const TIMEOUT_MS = 2_000;
const ROUND_TRIP_MS = 1_000;
const CONFIG = [
  `s2s_keepalive_silence = ${SILENCE_MS / 1_000}`,
  `s2s_keepalive_timeout = ${TIMEOUT_MS / 1_000}`,
];

test(
  'a quiet link with rooms on Prosody stays; when the line dies, it ends after the silence and the time limit',
  LIMIT,
  async (t) => {
    const { enjamb, prosody, homeUser, toProsody, toEnjamb } = await world(t, {
      config: CONFIG,
      proxies: true,
    });
    const romeo = await homeUser('romeo');
    await romeo.join(`hall@${ROOMS}`, 'Romeo');
    const joinedAt = Date.now();

    const rounds = 4;
    await untilTime(joinedAt + rounds * (SILENCE_MS + ROUND_TRIP_MS));
    const pings = (await prosody.wire()).filter(
      ({ at, element }) =>
        at > joinedAt &&
        element.attrs.from === HOME &&
        element.getChild('ping', 'urn:xmpp:ping') !== undefined,
    );
    assert.ok(pings.length >= rounds - 1 && pings.length <= 2 * rounds + 2, `${pings.length} pings`);
    assert.equal(
      enjamb.log.some(({ msg }) => msg === 's2s link dead'),
      false,
    );

    toProsody.state = 'drop';
    toEnjamb.state = 'drop';
    const deadAt = Date.now();
    const { remote, silentMs } = await enjamb.logged(({ msg }) => msg === 's2s link dead', 30_000);
    assert.equal(remote, ROOMS);
    assert.ok(Number(silentMs) >= SILENCE_MS + TIMEOUT_MS, `silent for ${silentMs} ms`);
    const tookMs = Date.now() - deadAt;
    assert.ok(tookMs <= SILENCE_MS + TIMEOUT_MS + ROUND_TRIP_MS, `noticed after ${tookMs} ms`);
    const closed = await enjamb.logged(
      ({ msg, cause }) => msg === 's2s closed' && cause === 'timeout',
      5_000,
    );
    assert.deepEqual(closed.remotes, [ROOMS]);
    assert.match(
      await enjamb.command(['metrics']),
      /enjamb_s2s_keepalive_timeouts_total\{host="montague\.example"\} 1\n/,
    );
    t.diagnostic(`noticed after ${tookMs} ms`);

    const opened = () => enjamb.log.filter(({ msg }) => msg === 's2s open').length;
    const before = opened();
    toProsody.state = 'forward';
    toEnjamb.state = 'forward';
    await until('a new link', () => opened() > before || undefined, 30_000);
    await enjamb.stop();
  },
);
