// Rows 35 and 36: fifty thousand joins at one domain. `npm run bench joins` measures the cost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNotice } from '../../../support/module-harness.ts';
import { busiest } from '../scene.ts';
import { stage } from './stage.ts';

const USERS = 50;
const ROOMS = 1_000;

for (const isLost of [true, false]) {
  const what = isLost
    ? 'row 35: all joins lost: all notices within 10 min'
    : 'row 36: no join lost: no notice';
  test(`${what} (${USERS * ROOMS} joins)`, async (t) => {
    const set = await stage(t, 'track_muc_persist = false\nping_muc_silence = 0');
    set.crowd(USERS, ROOMS);
    const start = set.h.clock.now();
    if (isLost) set.rooms.forget();
    set.peer.cut('reset');
    set.seconds(75);
    if (isLost) assert.ok(set.clients.reduce((sum, { notices }) => sum + notices.length, 0) >= 500);
    set.seconds(600 - 75);
    set.check({ pings: USERS * ROOMS, notices: isLost ? USERS * ROOMS : 0 });
    assert.ok(busiest(set.asked) <= 200, `${busiest(set.asked)} questions in a second`);
    assert.ok(set.asked.at(-1)! - start <= 330_000);
    const told = set.clients.flatMap(({ inbox, times }) =>
      inbox.flatMap((element, i) =>
        isNotice(element) ? [{ room: element.attrs.from?.split('/')[0], at: times[i]! }] : [],
      ),
    );
    assert.ok(busiest(told.map(({ at }) => at)) <= 100);
    for (const notices of Map.groupBy(told, ({ room }) => room).values())
      assert.ok(busiest(notices.map(({ at }) => at)) <= 5);
  });
}
