// The scene of most tests: romeo is in the hall of another server.

import type { TestContext } from 'node:test';
import { FakeRooms } from '../../support/fake-rooms.ts';
import { type Harness, type HarnessClient, harness } from '../../support/module-harness.ts';

export const ROOM = 'hall@rooms.capulet.lit';
export const ROMEO = 'romeo@montague.lit/orchard';

export interface Scene {
  readonly h: Harness;
  readonly rooms: FakeRooms;
  readonly romeo: HarnessClient;
}

/** D is 60 s and random numbers are always 0.5, so the first question is sent 63 s after the break. */
export const FIRST_QUESTION_S = 63;

/** By default silent rooms are not asked. */
export async function scene(t: TestContext, config = ''): Promise<Scene> {
  const h = await harness(t, /^ping_muc_silence/m.test(config) ? config : `ping_muc_silence = 0\n${config}`);
  const rooms = new FakeRooms(h);
  const romeo = h.client(ROMEO);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(10);
  romeo.heard();
  return { h, rooms, romeo };
}

/** Makes `count` rooms with all users in each. Returns the clients. */
export function crowd(h: Harness, rooms: FakeRooms, users: number, count: number): HarnessClient[] {
  const clients = Array.from({ length: users }, (_, i) => h.client(`user${i}@montague.lit/x`));
  for (let room = 0; room < count; room++) {
    for (const client of clients) client.joins(`room${room}@${rooms.domain}/${client.jid.local}`);
  }
  h.clock.seconds(10);
  for (const client of clients) client.heard();
  return clients;
}

/** The number of tracked joins with this state. */
export async function states(h: Harness): Promise<string[]> {
  const { rows = [] } = await h.command('joins');
  return rows.map(({ state }) => String(state));
}

/** The most events in any half-open interval of this length. */
export function busiest(times: readonly number[], spanMs = 1_000): number {
  const sorted = [...times].sort((a, b) => a - b);
  let [first, most] = [0, 0];
  for (const [last, at] of sorted.entries()) {
    while (sorted[first]! <= at - spanMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
