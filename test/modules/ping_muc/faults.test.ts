// An exception that concerns one client affects no other client (docs/adr/0024).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeRooms } from '../../support/fake-rooms.ts';
import { type Harness, type HarnessClient, harness } from '../../support/module-harness.ts';
import { assertFaults } from '../../support/server.ts';
import { crowd, FIRST_QUESTION_S, scene } from './scene.ts';

/** While it is on, every question about the client throws. */
function faulty(client: HarnessClient): { isOn: boolean } {
  const fault = { isOn: false };
  const { jid } = client;
  Object.defineProperty(client, 'jid', {
    get() {
      if (fault.isOn && new Error().stack!.includes('Questions.ask'))
        throw new TypeError('a fault of the test');
      return jid;
    },
  });
  return fault;
}

const ROOMS = 12;

/** Asserts that exceptions occurred, and that the module caught them all. */
function assertContained({ server: { faults } }: Harness): void {
  const { task = 0 } = Object.fromEntries(faults.counts);
  assert.ok(task > 0);
  assertFaults(faults, { task });
}

test('a question that throws does not affect the other joins, and is asked later', async (t) => {
  const h = await harness(t, 'ping_muc_silence = 0');
  const rooms = new FakeRooms(h);
  for (const victim of [0, 5]) {
    const clients = crowd(h, rooms, 12, ROOMS);
    const others = clients.filter((_, i) => i !== victim);
    const fault = faulty(clients[victim]!);
    rooms.forget();
    rooms.peer.cut();
    fault.isOn = true;
    h.clock.seconds(FIRST_QUESTION_S + 300);
    assert.deepEqual(
      others.map(({ notices }) => notices.length),
      others.map(() => ROOMS),
    );
    fault.isOn = false;
    h.clock.seconds(1_200);
    assert.equal(clients[victim]!.notices.length, ROOMS);
    for (const client of clients) client.close();
  }
  assertContained(h);
});

test('an exception when a link returns only delays the question', async (t) => {
  const { h, rooms } = await scene(t);
  rooms.peer.reachable = false;
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 15 + 30);
  const random = t.mock.method(Math, 'random', () => {
    if (new Error().stack!.includes('linkUp')) throw new TypeError('a fault of the test');
    return 0.5;
  });
  rooms.peer.reachable = true;
  rooms.peer.openIn();
  assertFaults(h.server.faults, { handler: 1 });
  random.mock.restore();
  t.mock.method(Math, 'random', () => 0.5);
  h.clock.seconds(120);
  assert.equal(rooms.pings.length, 1);
});
