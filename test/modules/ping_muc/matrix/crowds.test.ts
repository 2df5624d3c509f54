// Rows 35 and 36: fifty thousand joins of one domain. What it costs is measured by `npm run bench joins`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeRooms } from '../../../support/fake-rooms.ts';
import { harness } from '../../../support/module-harness.ts';
import { crowd } from '../scene.ts';

const USERS = 50;
const ROOMS = 1_000;

/** The most that happened in any second; `times` rise. */
function busiest(times: readonly number[]): number {
  let [first, most] = [0, 0];
  for (const [last, at] of times.entries()) {
    while (times[first]! <= at - 1_000) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

for (const isLost of [true, false]) {
  const what = isLost ? 'row 35: all lost: all told within 10 min' : 'row 36: nobody lost: nobody told';
  test(`${what} (${USERS * ROOMS} joins)`, async (t) => {
    const h = await harness(t, 'muc_autorejoin = false\ntrack_muc_persist = false\nping_muc_silence = 0');
    const rooms = new FakeRooms(h);
    const clients = crowd(h, rooms, USERS, ROOMS);
    const asked: number[] = [];
    rooms.onPing = (ping) => {
      asked.push(h.clock.now());
      return rooms.answerPing(ping);
    };
    const start = h.clock.now();
    if (isLost) rooms.forget();
    rooms.peer.cut('reset');
    h.clock.seconds(75);
    if (isLost) assert.ok(clients.reduce((sum, { notices }) => sum + notices.length, 0) >= 500);
    h.clock.seconds(600 - 75);
    const told = clients.flatMap(({ inbox, times }) =>
      inbox.map((element, i) => ({ room: element.attrs.from?.split('/')[0], at: times[i]! })),
    );
    assert.equal(asked.length, USERS * ROOMS);
    assert.ok(busiest(asked) <= 200, `${busiest(asked)} questions in a second`);
    assert.ok(asked.at(-1)! - start <= 330_000);
    assert.equal(told.length, isLost ? USERS * ROOMS : 0);
    assert.ok(busiest(told.map(({ at }) => at).sort((a, b) => a - b)) <= 100);
    for (const notices of Map.groupBy(told, ({ room }) => room).values()) {
      assert.ok(busiest(notices.map(({ at }) => at).sort((a, b) => a - b)) <= 5);
    }
    for (const { state } of clients) assert.equal(state.mucJoins?.size ?? 0, isLost ? 0 : ROOMS);
  });
}
