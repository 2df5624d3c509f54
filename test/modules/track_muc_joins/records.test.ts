// The writes that joins and leaves cause.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JoinRecord, Records, readRecords } from '../../../modules/track_muc_joins/records.ts';
import { openStorage, storesFor } from '../../../src/storage/index.ts';
import type { MapStore } from '../../../src/storage/stores.ts';
import { silentLogger } from '../../../src/util/logger.ts';
import { HandClock } from '../../support/module-harness.ts';

const ROMEO = 'romeo@montague.lit/orchard';

async function stage() {
  const storage = await openStorage({ driver: 'memory', dataPath: '' });
  const store = storesFor(storage, 'montague.lit').map<readonly JoinRecord[]>('muc_joins');
  const clock = new HandClock();
  const rooms = new Map<string, JoinRecord[]>();
  const writes: string[] = [];
  let broken = false;
  const counted: Pick<MapStore<readonly JoinRecord[]>, 'set' | 'delete'> = {
    async set(owner, key, value) {
      if (broken) throw new Error('the disk is full');
      writes.push(`${owner}/${key} ${value.length}`);
      await store.set(owner, key, value);
    },
    async delete(owner, key) {
      writes.push(`${owner}/${key} -`);
      await store.delete(owner, key);
    },
  };
  const records = new Records({
    store: { ...counted, get: store.get, entries: store.entries, owners: store.owners, all: store.all },
    log: silentLogger,
    clock,
    after: (delayMs, task) => clock.after(delayMs, () => void task()),
    recordsOf: (full) => rooms.get(full) ?? [],
  });
  return {
    records,
    rooms,
    writes,
    found: () => readRecords(store, 'montague.lit'),
    /** Joins another room. */
    join(full: string) {
      const joined = rooms.get(full) ?? [];
      rooms.set(full, [...joined, [`room${joined.length}@rooms.capulet.lit`, 'Romeo', 0]]);
      records.touch(full);
    },
    breaks(isBroken: boolean) {
      broken = isBroken;
    },
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 100) {
        clock.advance(100);
        for (let i = 0; i < 20; i++) await Promise.resolve();
      }
    },
  };
}

test('writes many joins once, after half a second', async () => {
  const { join, pass, writes, found } = await stage();
  for (let i = 0; i < 30; i++) join(ROMEO);
  await pass(400);
  assert.deepEqual(writes, []);
  await pass(200);
  assert.deepEqual(writes, ['romeo/orchard 30']);
  assert.equal((await found()).get(ROMEO)?.length, 30);
});

test('deletes the row of a session without joins', async () => {
  const { join, pass, rooms, records, found } = await stage();
  join(ROMEO);
  await pass(1_000);
  rooms.delete(ROMEO);
  records.touch(ROMEO);
  await pass(1_000);
  assert.equal((await found()).size, 0);
});

test('writes the row of a session that keeps joining, in a thousand rooms, every ten seconds; others immediately', async () => {
  const { join, pass, writes } = await stage();
  for (let i = 0; i < 1_000; i++) join(ROMEO);
  await pass(1_000);
  writes.length = 0;
  for (let second = 0; second < 60; second++) {
    join(ROMEO);
    join('juliet@montague.lit/balcony');
    await pass(1_000);
  }
  const large = writes.filter((text) => text.startsWith('romeo'));
  assert.ok(large.length >= 5 && large.length <= 6, `${large.length} writes`);
  assert.ok(writes.length - large.length >= 50);
});

test('writes all rows at unload, also large ones', async () => {
  const { join, pass, records, found } = await stage();
  for (let i = 0; i < 1_000; i++) join(ROMEO);
  await pass(1_000);
  join(ROMEO);
  await records.flush();
  assert.equal((await found()).get(ROMEO)?.length, 1_001);
});

test('retries a failed write', async () => {
  const { join, pass, breaks, found } = await stage();
  breaks(true);
  join(ROMEO);
  await pass(1_000);
  breaks(false);
  await pass(28_000);
  assert.equal((await found()).size, 0);
  await pass(3_000);
  assert.equal((await found()).size, 1);
});
