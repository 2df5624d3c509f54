// From the loss of all joins until every client is in again.

import type { Place } from '../../modules/muc_autorejoin/memory/memory.ts';
import { FastClock, threadMs } from '../fast-clock.ts';
import type { Table } from '../limits-table.ts';
import { Crowd, type Size } from './crowd.ts';

/** `muc_autorejoin_rate`: joins a second. */
const RATE = 50;
/** Between two looks at the places that rooms have let in, in real ms. */
const LOOK_MS = 5;

interface Outage {
  /** By the server's clock, from the moment the link is up. */
  readonly seconds: number;
  readonly longestCpuMs: number;
  readonly longestMs: number;
  /** Thread time of one join, the remote included. */
  readonly cpuMs: number;
}

export async function measureAlive(table: Table, size: Size, speed: number): Promise<void> {
  const small = await outage(await Crowd.in(new FastClock(1), { rooms: 50, users: 1, people: 50 }));
  table.add('50 joins to rooms of 50, all alive after', small.seconds, 's', { most: 5 });
  const many = await outage(await Crowd.in(new FastClock(1), { ...size, users: 1 }));
  table.add(`${size.rooms} joins, all alive after`, many.seconds, 's', { most: 60 });
  block(table, many);
  const joins = size.rooms * size.users;
  const all = await outage(await Crowd.in(new FastClock(speed), size));
  table.add(`${joins} joins, all alive after`, all.seconds, 's', { most: 60 + (joins / RATE) * 1.1 });
  block(table, all);
  table.add('CPU per join, remote included', all.cpuMs, 'ms', {});
}

/** Rooms whose answer has changed entirely, so that everything is held until the room has let the client in. */
export async function measureFloods(table: Table): Promise<void> {
  const crowd = await Crowd.in(new FastClock(1), { rooms: 32, users: 1, people: 500 });
  crowd.service.edition++;
  const floods = await outage(crowd);
  table.add('32 joins with 500 presences each, all alive after', floods.seconds, 's', {});
  block(table, floods);
}

function block(table: Table, { longestCpuMs, longestMs }: Outage): void {
  table.add('… longest block of the event loop', longestCpuMs, 'ms of CPU', { most: 10 });
  table.add('… in elapsed time', longestMs, 'ms', {});
}

/** The service loses everybody. Resolves when all are in again. */
async function outage({ harness, service, clients }: Crowd<FastClock>): Promise<Outage> {
  const { clock } = harness;
  const lost = new Set<Place>();
  const entered = new Set<Place>();
  for (const { state } of clients) for (const place of state.mucPlaces?.values() ?? []) lost.add(place);
  const joins = lost.size;
  service.onEntered = (full, room) => {
    const place = harness.host.sessions.get(full)?.state.mucPlaces?.get(room);
    if (place) entered.add(place);
  };
  const up = linkUp(harness);
  global.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  clock.resetTurns();
  const cpu = threadMs();
  service.restart();
  const start = await up;
  while (lost.size > 0) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    for (const place of entered) {
      if (place.state !== 'in' || !place.rejoined?.times) continue;
      entered.delete(place);
      lost.delete(place);
    }
  }
  const seconds = (clock.elapsed() - start) / 1_000;
  const { longestCpuMs, longestMs } = clock.turns;
  await harness.server.stop();
  return { seconds, longestCpuMs, longestMs, cpuMs: (threadMs() - cpu) / joins };
}

/** The time at which the next link opens. */
function linkUp(harness: Crowd<FastClock>['harness']): Promise<number> {
  const { notify } = harness;
  return new Promise((resolve) => {
    harness.notify = (name, payload) => {
      if (name === 'link-open') resolve(harness.clock.elapsed());
      notify.call(harness, name, payload);
    };
  });
}
