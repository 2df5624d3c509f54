// What only this driver promises. The files sqlite-*-contract.test.ts have what every driver promises.

import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { damageOf, SqliteStorage } from '../../../src/storage/drivers/sqlite.ts';
import { openStorage } from '../../../src/storage/index.ts';
import { archived } from '../../storage/archived.ts';
import { emptyFolder } from '../../storage/folder.ts';

const HOST = 'montague.lit';

test('data is there after closing and opening again', async () => {
  const dataPath = emptyFolder();
  const first = await openStorage({ driver: 'sqlite', dataPath });
  const unawaited = first.keyval(HOST, 'vcard').set('romeo', 'queued when closed');
  await Promise.all([first.close(), unawaited]);
  assert.ok(!existsSync(join(dataPath, 'enjamb.sqlite-wal')), 'the log is folded into the database');
  const second = await openStorage({ driver: 'sqlite', dataPath });
  assert.equal(await second.keyval(HOST, 'vcard').get('romeo'), 'queued when closed');
  await second.close();
});

test('a damaged page is found, and a whole database is said to be whole', async () => {
  const dataPath = emptyFolder();
  const file = join(dataPath, 'enjamb.sqlite');
  const driver = await openStorage({ driver: 'sqlite', dataPath });
  const written = Array.from({ length: 200 }, (_, i) =>
    driver.keyval(HOST, 'vcard').set(`user${i}`, 'x'.repeat(500)),
  );
  await Promise.all(written);
  await driver.close();
  assert.deepEqual(damageOf(file), []);
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.alloc(4096, 0xff), 0, 4096, Math.floor(statSync(file).size / 8192) * 4096);
  closeSync(descriptor);
  assert.notDeepEqual(damageOf(file), []);
});

test('folder and files are for their owner only', async () => {
  const dataPath = join(emptyFolder(), 'deep', 'data');
  const driver = await openStorage({ driver: 'sqlite', dataPath });
  await driver.keyval(HOST, 'vcard').set('romeo', 1);
  assert.equal(statSync(dataPath).mode & 0o777, 0o700);
  for (const suffix of ['', '-wal', '-shm']) {
    assert.equal(statSync(join(dataPath, `enjamb.sqlite${suffix}`)).mode & 0o777, 0o600, suffix);
  }
  await driver.close();
});

test('an operation that fails fails alone, and the rest of its batch is kept', async () => {
  const dataPath = emptyFolder();
  const driver = await openStorage({ driver: 'sqlite', dataPath });
  const store = driver.keyval(HOST, 'vcard');
  await store.set('first', 0);
  poison(dataPath);
  const names = ['romeo', 'poison', 'juliet'];
  const results = await Promise.allSettled(names.map((owner) => store.set(owner, 1)));
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  const reason = (results[1] as PromiseRejectedResult).reason;
  assert.equal(reason.name, 'StorageError');
  assert.equal(reason.condition, 'failed');
  assert.equal(reason.driver, 'sqlite');
  assert.equal(reason.store, 'vcard');
  assert.match(reason.cause.message, /bad apple/);
  assert.deepEqual(await Promise.all(names.map((owner) => store.get(owner))), [1, undefined, 1]);
  assert.equal(driver.queuedBytes, 0);
  await driver.close();
});

test('a store whose first write failed can be written afterwards', async () => {
  const dataPath = emptyFolder();
  const driver = await openStorage({ driver: 'sqlite', dataPath });
  poison(dataPath);
  const store = driver.keyval(HOST, 'new');
  await assert.rejects(store.set('poison', 1), { condition: 'failed' });
  await store.set('romeo', 1);
  assert.equal(await store.get('romeo'), 1);
  await driver.close();
});

test('beyond the bound of the queue writes are refused, and taken again once it has drained', async () => {
  const driver = await SqliteStorage.open(emptyFolder(), { maxQueuedBytes: 100_000 });
  const store = driver.keyval(HOST, 'vcard');
  const big = 'x'.repeat(40_000);
  const taken = [store.set('a', big), store.set('b', big)];
  assert.ok(driver.queuedBytes > 80_000 && driver.queuedBytes <= driver.maxQueuedBytes);
  await assert.rejects(store.set('c', big), { condition: 'resource-constraint', store: 'vcard' });
  await Promise.all(taken);
  assert.equal(driver.queuedBytes, 0);
  await store.set('c', big);
  assert.deepEqual(await Promise.all(['a', 'b', 'c'].map((owner) => store.get(owner))), [big, big, big]);
  await driver.close();
});

test('a process that does not open a shared store leaves it alone too', async () => {
  const dataPath = emptyFolder();
  const server = await openStorage({ driver: 'sqlite', dataPath });
  await server.keyval(HOST, 'invites', { shared: true }).set('romeo', 'a token');
  await server.keyval(HOST, 'vcard').set('romeo', 1);
  await server.close();
  const tool = await openStorage({ driver: 'sqlite', dataPath });
  await tool.purge(HOST, 'romeo');
  assert.equal(await tool.keyval(HOST, 'vcard').get('romeo'), undefined);
  assert.equal(await tool.keyval(HOST, 'invites', { shared: true }).get('romeo'), 'a token');
  await tool.close();
});

test('more writes than one commit takes are all made, in order', async () => {
  const dataPath = emptyFolder();
  const driver = await openStorage({ driver: 'sqlite', dataPath });
  const store = driver.archive(HOST, 'archive');
  const order: number[] = [];
  const numbers = Array.from({ length: 950 }, (_, n) => n);
  await Promise.all(
    numbers.map(async (n) => {
      await store.append('romeo', { id: store.nextId('romeo').id, with: 'x', xml: `${n}` });
      order.push(n);
    }),
  );
  assert.deepEqual(order, numbers);
  await driver.close();
  assert.deepEqual(
    archived(dataPath, 'romeo').map(({ xml }) => Number(xml)),
    numbers,
  );
});

test('two storages on one file see and survive each other', async () => {
  const dataPath = emptyFolder();
  const [server, tool] = await Promise.all([
    openStorage({ driver: 'sqlite', dataPath }),
    openStorage({ driver: 'sqlite', dataPath }),
  ]);
  const numbers = Array.from({ length: 300 }, (_, n) => n);
  await Promise.all(
    numbers.flatMap((n) => [
      server.map(HOST, 'm').set('romeo', `server${n}`, n),
      tool.map(HOST, 'm').set('romeo', `tool${n}`, n),
    ]),
  );
  assert.equal((await server.map(HOST, 'm').entries('romeo')).size, 600);
  await server.close();
  assert.equal((await tool.map(HOST, 'm').entries('romeo')).size, 600);
  await tool.close();
});

test("another process's lock is waited for", async () => {
  const dataPath = emptyFolder();
  const driver = await openStorage({ driver: 'sqlite', dataPath });
  const store = driver.keyval(HOST, 'vcard');
  const other = new Database(join(dataPath, 'enjamb.sqlite'));
  other.exec('BEGIN IMMEDIATE');
  let done = false;
  const written = store.set('romeo', 1).then(() => {
    done = true;
  });
  assert.equal(await driver.keyval(HOST, 'other').get('juliet'), undefined, 'readers are not held up');
  assert.equal(done, false);
  other.exec('COMMIT');
  other.close();
  await written;
  assert.equal(await store.get('romeo'), 1);
  await driver.close();
});

test('a file that is no database, or a folder that cannot be made, is a clear error', async () => {
  const dataPath = emptyFolder();
  const file = join(dataPath, 'enjamb.sqlite');
  writeFileSync(file, 'This is not a database. '.repeat(100));
  await assert.rejects(openStorage({ driver: 'sqlite', dataPath }), (error: Error) => {
    assert.equal(error.name, 'StorageError');
    assert.match(error.message, /enjamb\.sqlite: .*not a database/);
    return true;
  });
  await assert.rejects(openStorage({ driver: 'sqlite', dataPath: join(file, 'data') }), {
    name: 'StorageError',
    condition: 'failed',
    message: /^Cannot open .*enjamb\.sqlite\/data: a part of the path is a file, not a directory$/,
  });
});

/** From now on the database refuses to store an owner named 'poison'. */
function poison(dataPath: string): void {
  const db = new Database(join(dataPath, 'enjamb.sqlite'));
  db.exec(`CREATE TRIGGER poison BEFORE INSERT ON keyval WHEN new.owner = 'poison'
    BEGIN SELECT RAISE(ABORT, 'bad apple'); END`);
  db.close();
}
