// The writing thread ends, or cannot start: nothing that was acknowledged is lost, and the server can go on.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SqliteStorage } from '../../../src/storage/drivers/sqlite.ts';
import { type QueueOptions, WriteQueue } from '../../../src/storage/drivers/sqlite-queue.ts';
import { Faults } from '../../../src/util/faults.ts';
import { archived, inDatabase } from '../../storage/archived.ts';
import type { Death } from '../../storage/dying-writer.ts';
import { emptyFolder } from '../../storage/folder.ts';
import { FakeClock } from '../../support/clock.ts';
import { assertFaults, ErrorLog } from '../../support/server.ts';

const HOST = 'montague.lit';
const DYING = new URL('../../storage/dying-writer.ts', import.meta.url);
const ENDING = new URL('../../storage/ending-writer.ts', import.meta.url);

async function open() {
  const folder = emptyFolder();
  const faults = new Faults(new ErrorLog());
  const storage = await SqliteStorage.open(folder, { faults, writer: DYING });
  const death = (die: Death['die'], times = 1): Death => ({ die, times, file: join(folder, 'deaths') });
  return { folder, faults, storage, death, store: storage.keyval(HOST, 'vcard') };
}

/** Returns 'written' or the error's message for each write. */
async function outcomes(writes: Promise<unknown>[]): Promise<string[]> {
  const results = await Promise.allSettled(writes);
  return results.map((result) => (result.status === 'fulfilled' ? 'written' : String(result.reason.message)));
}

for (const die of ['before', 'after'] as const) {
  test(`the thread ends ${die} it has committed: all is written once more by the next one`, async () => {
    const { folder, storage, store, faults, death } = await open();
    const archive = storage.archive(HOST, 'archive');
    const [first, second] = [archive.nextId('romeo').id, archive.nextId('romeo').id];
    const writes = [
      store.set('romeo', 1),
      archive.append('romeo', { id: first, with: 'juliet@capulet.lit', xml: 'a' }),
      archive.put('romeo', { name: 'item', with: 'node', xml: 'b' }),
      store.set('poison', death(die)),
      archive.append('romeo', { id: second, with: 'juliet@capulet.lit', xml: 'c' }),
      store.set('romeo', 2),
    ];
    assert.deepEqual(new Set(await outcomes(writes)), new Set(['written']));
    assert.equal(await store.get('romeo'), 2);
    assert.deepEqual(
      archived(folder, 'romeo').map(({ xml }) => xml),
      ['a', 'c', 'b'],
    );
    assert.equal(
      inDatabase(folder, (db) => db.prepare('SELECT bytes FROM archive_owner').pluck().get()),
      3,
    );
    assertFaults(faults, { storage: 1 });
    await storage.close();
  });
}

test('an operation that ends every thread fails alone', async () => {
  const { storage, store, faults, death } = await open();
  const writes = [store.set('romeo', 1), store.set('poison', death('before', 99)), store.set('juliet', 2)];
  const [first, poison, last] = await outcomes(writes);
  assert.deepEqual([first, last], ['written', 'written']);
  assert.match(poison!, /Not written: the writing thread ended: it ended without an error/);
  assert.equal(await store.get('poison'), undefined);
  assert.deepEqual([await store.get('romeo'), await store.get('juliet')], [1, 2]);
  assertFaults(faults, { storage: 2 });
  await storage.close();
});

test('while no thread can be started writes are refused at once; when it can, they are taken again', async () => {
  const { folder, storage, store, faults, death } = await open();
  await store.set('romeo', 1);
  const file = join(folder, 'enjamb.sqlite');
  const lost = store.set('poison', death('before'));
  renameSync(file, `${file}.away`);
  assert.match((await outcomes([lost]))[0]!, /Not written: the writing thread ended/);
  const refused = { condition: 'failed', message: /enjamb\.sqlite: unable to open database file/ };
  await assert.rejects(store.set('romeo', 2), refused);
  assert.equal(await store.get('romeo'), 1, 'what is there can be read');
  assert.equal(existsSync(file), false, 'no empty database takes its place');
  renameSync(`${file}.away`, file);
  await until(async () => (await outcomes([store.set('romeo', 3)]))[0] === 'written');
  assert.equal(await store.get('romeo'), 3);
  assert.ok((faults.counts.get('storage') ?? 0) >= 2);
  await storage.close();
});

test('threads that end as soon as they are ready are started three times, then after longer and longer pauses', async () => {
  const file = databaseFile();
  const clock = new FakeClock();
  const log = new ErrorLog();
  const queue = await openQueue(file, { clock, faults: new Faults(log) });
  const write = () => queue.push({ do: 'set', in: STORE, owner: 'romeo', value: '1' });
  await write();
  writeFileSync(`${file}.end`, '');
  const isRefused = async () => /keeps ending/.test((await outcomes([write()]))[0]!);
  await endThread(queue, file);
  await until(isRefused);
  const starts = () => log.errors.length;
  for (const pauseMs of [1_000, 2_000, 4_000]) {
    const before = starts();
    await clock.advance(pauseMs - 1);
    await settle();
    assert.equal(starts(), before, `not before ${pauseMs} ms`);
    await clock.advance(1);
    await until(async () => starts() > before);
    await until(async () => clock.pending > 0);
  }
  rmSync(`${file}.end`);
  await clock.advance(60_000);
  await until(async () => (await outcomes([write()]))[0] === 'written');
  await queue.close();
});

test('a thread that is ready and ends while we are busy is noticed', async () => {
  const file = databaseFile();
  const log = new ErrorLog();
  // The next thread is started in this turn; what it says, and its end, are heard in one go.
  const busy = { ...log, child: log.child, error: () => void setImmediate(busyFor, 500) };
  const queue = await openQueue(file, { faults: new Faults(busy) });
  writeFileSync(`${file}.end`, '');
  await endThread(queue, file);
  rmSync(`${file}.end`);
  const write = () => queue.push({ do: 'set', in: STORE, owner: 'romeo', value: '2' });
  await until(async () => (await outcomes([write()]))[0] === 'written');
  await queue.close();
});

test('a part of idle work during which the thread ends fails, and is done by the next one when it is asked for again', async () => {
  const file = databaseFile();
  const queue = await openQueue(file);
  writeFileSync(`${file}.die`, '');
  const write = queue.push({ do: 'set', in: STORE, owner: 'romeo', value: '1' });
  const part = queue.idle({ do: 'sweep' });
  await write; // Repeated by the next thread, and only then the part is sent.
  assert.deepEqual(await part, { rows: 0 });
  writeFileSync(`${file}.die`, '');
  await assert.rejects(queue.idle({ do: 'sweep' }), { condition: 'failed', message: /thread ended/ });
  assert.deepEqual(await queue.idle({ do: 'sweep' }), { rows: 0 });
  const left = queue.idle({ do: 'sweep' });
  await Promise.all([queue.close(), left.catch(() => {})]);
  await assert.rejects(queue.idle({ do: 'sweep' }), { condition: 'closed' });
});

test('closing twice is closing once: what is queued is written first', async () => {
  const { storage, store } = await open();
  const writes = Array.from({ length: 1_000 }, (_, n) => store.set(`user${n}`, n));
  await Promise.all([storage.close(), storage.close()]);
  assert.deepEqual(new Set(await outcomes(writes)), new Set(['written']));
});

test('closing while the thread is started again waits for the new thread', async () => {
  const { storage, store, death } = await open();
  const writes = [store.set('romeo', 1), store.set('poison', death('before'))];
  await storage.close();
  assert.deepEqual(await outcomes(writes), ['written', 'written']);
});

test('an error while the database is closed is reported', async () => {
  const file = databaseFile();
  const log = new ErrorLog();
  const queue = await openQueue(file, { faults: new Faults(log) });
  writeFileSync(`${file}.stuck`, '');
  await queue.close();
  const [line] = log.errors as { message: string; closing: boolean; error: Error }[];
  assert.deepEqual(
    [line?.message, line?.closing, line?.error.message],
    ['storage failed', true, 'the disk does not answer'],
  );
});

test('a driver whose thread is gone can be closed', async () => {
  const { folder, storage, store, death } = await open();
  const file = join(folder, 'enjamb.sqlite');
  const lost = store.set('poison', death('before'));
  renameSync(file, `${file}.away`);
  mkdirSync(file);
  await assert.rejects(lost);
  await storage.close();
  await assert.rejects(store.set('romeo', 1), { condition: 'closed' });
});

const STORE = { host: HOST, kind: 'keyval', name: 'vcard', isShared: false, isSearchable: false } as const;

function databaseFile(): string {
  const file = join(emptyFolder(), 'enjamb.sqlite');
  writeFileSync(file, '');
  return file;
}

function openQueue(file: string, more: Partial<QueueOptions> = {}): Promise<WriteQueue> {
  return WriteQueue.open({ file, maxBytes: 1_000_000, driver: 'sqlite', script: ENDING, ...more });
}

/** Ends the thread with a write. */
async function endThread(queue: WriteQueue, file: string): Promise<void> {
  writeFileSync(`${file}.die`, '');
  queue.push({ do: 'set', in: STORE, owner: 'poison', value: '"die"' }).catch(() => {});
  await settle();
}

function busyFor(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 200));
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 5 s: ${isSo}`);
}
