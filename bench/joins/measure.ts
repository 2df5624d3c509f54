// The measurements of `npm run bench joins`, in their own process (see joins.ts).

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { xml } from '../../src/xml/element.ts';
import { NS } from '../../src/xml/namespaces.ts';
import { HOST, startHarness } from '../../test/support/module-harness.ts';
import { heapUsed } from '../apart.ts';
import { FastClock, threadMs } from '../fast-clock.ts';
import { Table } from '../limits-table.ts';
import { Crowd } from './crowd.ts';

const { values } = parseArgs({
  options: {
    rooms: { type: 'string', default: '1000' },
    users: { type: 'string', default: '50' },
    speed: { type: 'string', default: '4' },
    json: { type: 'string' },
  },
});
const [rooms, users, speed] = [values.rooms, values.users, values.speed].map(Number) as [
  number,
  number,
  number,
];
const count = rooms * users;
/** One second, minus the longest turn of the event loop, since times are taken at the end of a turn. */
const secondMs = 1_000 - 10 * speed;
const table = new Table();

process.stdout.write(
  `${count} joins: ${users} users in ${rooms} rooms each, on one domain. The server's clock runs ${speed} times as fast\n` +
    `as real time. Durations and rates are by the server's clock, blocks and costs in real time.\n\n`,
);
await measureMemory();
await measureStanza();
await measureLoss();
table.print();
if (values.json !== undefined) await writeFile(values.json, table.json());
process.exit(table.isMet ? 0 : 1);

/** The memory that is freed when the joins are removed, without the data of other modules about rooms. */
async function measureMemory(): Promise<void> {
  const clock = new FastClock(50);
  const h = await startHarness(clock, 'track_muc_persist = false\nping_muc_silence = 0');
  const crowd = new Crowd(h, users);
  await crowd.enter(rooms);
  crowd.rooms.rooms.clear();
  const joined = [...crowd.clients].reduce((sum, { state }) => sum + (state.mucJoins?.size ?? 0), 0);
  if (joined !== count) throw new Error(`${joined} of ${count} are in`);
  const before = await heapUsed();
  for (const { jid, state } of crowd.clients) {
    for (const room of [...(state.mucJoins?.keys() ?? [])]) {
      await h.command('joins forget', { client: `${jid}`, room });
    }
  }
  table.add('memory per join', (before - (await heapUsed())) / count, 'bytes', { most: 200 });
  await h.server.stop();
}

/** The cost of a stanza from a room, compared with a server without the two modules. */
async function measureStanza(): Promise<void> {
  const costs = await Promise.all([
    roomStanza(['presence', 'message', 'track_muc_joins', 'ping_muc']),
    roomStanza(['presence', 'message']),
  ]);
  let [own, without] = [Infinity, Infinity];
  for (let round = 0; round < 10; round++) {
    own = Math.min(own, costs[0]());
    without = Math.min(without, costs[1]());
  }
  table.add('CPU per inbound room stanza', (own - without) * 1_000, 'µs', { most: 1 });
}

/** Returns a function that measures one round: CPU milliseconds for each stanza. */
async function roomStanza(modules: readonly string[]): Promise<() => number> {
  const ROUNDS = 100_000;
  const h = await startHarness(new FastClock(1), '', modules);
  const crowd = new Crowd(h, 1);
  await crowd.enter(1);
  const link = crowd.rooms.peer.openIn();
  const to = `${crowd.clients[0]!.jid}`;
  const from = `room0@${crowd.rooms.domain}/Juliet`;
  const stanza = xml('message', { type: 'groupchat', from, to }, xml('body', {}, 'hello'));
  return () => {
    const start = threadMs();
    for (let i = 0; i < ROUNDS; i++) h.server.router.route(stanza, link);
    return (threadMs() - start) / ROUNDS;
  };
}

async function measureLoss(): Promise<void> {
  const clock = new FastClock(speed);
  const h = await startHarness(clock, 'track_muc_persist = false');
  const told: { readonly room: string; readonly at: number }[] = [];
  let done = () => {};
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  const crowd = new Crowd(h, users, (room) => {
    told.push({ room, at: clock.now() });
    if (told.length === count) done();
  });
  await crowd.enter(rooms);
  const asked: number[] = [];
  let [underWay, most] = [0, 0];
  crowd.rooms.onPing = (ping) => {
    // The answer takes half of the round trip.
    clock.after(crowd.rooms.peer.roundTripMs / 2, () => underWay--);
    return crowd.rooms.answerPing(ping);
  };
  const { send } = h;
  h.send = (local, remote, stanza) => {
    if (stanza.getChild('ping', NS.PING)) {
      asked.push(clock.now());
      most = Math.max(most, ++underWay);
    }
    send.call(h, local, remote, stanza);
  };
  crowd.rooms.forget();
  global.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  clock.resetTurns();
  const start = clock.now();
  const cpu = threadMs();
  crowd.rooms.peer.cut('reset');
  await all;
  const seconds = (at: number) => (at - start) / 1_000;
  table.add('longest block of the event loop', clock.turns.longestCpuMs, 'ms of CPU', { most: 10 });
  table.add('… in elapsed time', clock.turns.longestMs, 'ms', {});
  table.add('pings', asked.length, '', { most: count });
  table.add('unanswered pings simultaneously', most, '', { most: 256 });
  table.add('pings in a second', busiest(asked), '', { most: 200 });
  table.add('last ping after', seconds(asked.at(-1)!), 's', { most: 66 + count / 190 });
  table.add('notices in a second', busiest(told.map(({ at }) => at)), '', { most: 100 });
  const perRoom = Map.groupBy(told, ({ room }) => room);
  const worst = Math.max(...[...perRoom.values()].map((notices) => busiest(notices.map(({ at }) => at))));
  table.add('… of one room', worst, '', { most: 5 });
  table.add('500 notices after', seconds(told[Math.min(499, told.length - 1)]!.at), 's', { most: 75 });
  table.add('all notices after', seconds(told.at(-1)!.at), 's', { most: 600 });
  table.add('CPU per join, remote included', ((threadMs() - cpu) * 1_000) / count, 'µs', {});
  const tracked = crowd.clients.reduce((sum, { state }) => sum + (state.mucJoins?.size ?? 0), 0);
  table.add('joins left', tracked, `at ${HOST}`, { most: 0 });
}

/** The largest number of events in any second. `times` is sorted. */
function busiest(times: readonly number[]): number {
  let [first, most] = [0, 0];
  for (const [last, at] of times.entries()) {
    while (times[first]! <= at - secondMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
