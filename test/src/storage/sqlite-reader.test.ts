// The reading thread: whose questions are answered when, what happens when it ends, and how it finds rows.

import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { SqliteStorage } from '../../../src/storage/drivers/sqlite.ts';
import {
  BY_NAME,
  BY_POSITION,
  type Columns,
  countSql,
  matchSql,
  rangeSql,
} from '../../../src/storage/drivers/sqlite-page-sql.ts';
import { MAX_SCANNED } from '../../../src/storage/drivers/sqlite-pages.ts';
import { openStorage } from '../../../src/storage/index.ts';
import { Faults } from '../../../src/util/faults.ts';
import { inDatabase } from '../../storage/archived.ts';
import { emptyFolder } from '../../storage/folder.ts';
import { append, bodies, HOST, JULIET, mam, message } from '../../storage/rows.ts';
import { FakeClock } from '../../support/clock.ts';
import { assertFaults, ErrorLog } from '../../support/server.ts';

const RECORDING = new URL('../../storage/recording-reader.ts', import.meta.url);

async function open() {
  const folder = emptyFolder();
  const file = join(folder, 'enjamb.sqlite');
  const faults = new Faults(new ErrorLog());
  const clock = new FakeClock();
  const storage = await SqliteStorage.open(folder, { faults, clock, reader: RECORDING });
  return { folder, file, faults, clock, storage, store: mam(storage) };
}

const asked = (file: string): string[] => readFileSync(`${file}.asked`, 'utf8').trim().split('\n');

test('questions of one owner are asked in order, and those of all owners in turn', async () => {
  const { file, storage, store } = await open();
  const order: string[] = [];
  const ask = (owner: string, n: number) =>
    store.page(owner, { limit: 1 }).then(() => order.push(`${owner}${n}`));
  await Promise.all([
    ...Array.from({ length: 50 }, (_, n) => ask('romeo', n)),
    ask('juliet', 0),
    ask('nurse', 0),
    ask('juliet', 1),
  ]);
  assert.deepEqual(asked(file).slice(0, 6), ['romeo', 'juliet', 'nurse', 'romeo', 'juliet', 'romeo']);
  const own = order.filter((each) => each.startsWith('romeo'));
  assert.deepEqual(
    own,
    own.map((_, n) => `romeo${n}`),
  );
  await storage.close();
});

test('a read waits for the writes of its owner, not for those of others', async () => {
  const { file, storage, store } = await open();
  await append(store, 'juliet');
  const other = new Database(file);
  other.exec('BEGIN IMMEDIATE');
  const written = append(store, 'romeo');
  let isRead = false;
  const read = bodies(store, 'romeo').then((texts) => {
    isRead = true;
    return texts;
  });
  assert.deepEqual(await bodies(store, 'juliet'), ['hark']);
  assert.equal(isRead, false);
  other.exec('COMMIT');
  other.close();
  await written;
  assert.deepEqual(await read, ['hark']);
  await storage.close();
});

test('the thread ends during a question: the next one answers it, and all others', async () => {
  const { file, faults, storage, store } = await open();
  await append(store, 'poison');
  await append(store, 'romeo');
  writeFileSync(`${file}.deaths`, '1');
  const answers = await Promise.all(['poison', 'romeo'].map((owner) => bodies(store, owner)));
  assert.deepEqual(answers, [['hark'], ['hark']]);
  assert.deepEqual(asked(file), ['poison', 'poison', 'romeo']);
  assertFaults(faults, { storage: 1 });
  await storage.close();
});

test('a question that ends two threads fails alone', async () => {
  const { file, faults, storage, store } = await open();
  await append(store, 'romeo');
  writeFileSync(`${file}.deaths`, '2');
  const [poison, romeo] = await Promise.allSettled([bodies(store, 'poison'), bodies(store, 'romeo')]);
  assert.equal(poison.status, 'rejected');
  const { condition, store: name, message: text } = poison.reason;
  assert.deepEqual([condition, name], ['failed', 'archive']);
  assert.match(text, /^Not read: the reading thread ended/);
  assert.deepEqual(romeo.status === 'fulfilled' && romeo.value, ['hark']);
  assert.deepEqual(await bodies(store, 'poison'), []);
  assertFaults(faults, { storage: 2 });
  await storage.close();
});

test('no thread can be started: reads fail, and work again when one can', async () => {
  const { file, faults, clock, storage, store } = await open();
  await append(store, 'romeo');
  renameSync(file, `${file}.away`);
  await assert.rejects(bodies(store, 'romeo'), { name: 'StorageError', message: /enjamb\.sqlite/ });
  await assert.rejects(bodies(store, 'romeo'), { name: 'StorageError' });
  renameSync(`${file}.away`, file);
  await clock.advance(1_000);
  await until(async () => (await bodies(store, 'romeo')).length === 1);
  assert.ok((faults.counts.get('storage') ?? 0) >= 1);
  await storage.close();
});

test('close refuses what was asked and not answered', async () => {
  const { storage, store } = await open();
  await append(store, 'romeo');
  const reads = ['romeo', 'juliet', 'romeo'].map((owner) => bodies(store, owner));
  const settled = Promise.allSettled(reads);
  await storage.close();
  for (const result of await settled)
    assert.equal(result.status === 'rejected' && result.reason.condition, 'closed');
});

test('a search that reads many rows is done in parts: others are answered in between', async () => {
  const { folder, storage, store } = await withRows(40_000);
  const finished: string[] = [];
  const search = store.page('romeo', { limit: 10, words: ['光'], wantsCount: true }).then((page) => {
    finished.push('search');
    return page;
  });
  const page = bodies(store, 'juliet').then(() => finished.push('page'));
  const { rows, isComplete, count } = await search;
  await page;
  assert.deepEqual([rows.length, isComplete, count], [0, true, 0]);
  assert.deepEqual(finished, ['page', 'search']);
  const times = asked(join(folder, 'enjamb.sqlite')).filter((owner) => owner === 'romeo').length;
  assert.ok(times > 1, `asked ${times} times`);
  await storage.close();
});

test('F3: a search without an index ends after 200,000 rows or two seconds, without `complete` and count', async () => {
  const { storage, store } = await withRows(MAX_SCANNED + 1);
  const query = { limit: 10, words: ['光'], wantsCount: true };
  const page = await store.page('romeo', query);
  assert.deepEqual(page, { rows: [], isComplete: false });
  const end = await store.page('romeo', { ...query, words: ['光は'], isBackwards: true, limit: 1 });
  assert.equal(end.isComplete, false);
  const found = await store.page('romeo', { limit: 2, words: ['200001', 'light'], isBackwards: true });
  assert.deepEqual([found.rows.length, found.isComplete], [1, false], 'the newest first, as it is paged');
  await storage.close();
});

test('no page keeps the write-ahead log from being emptied', async () => {
  const { folder, storage, store } = await open();
  for (let n = 0; n < 20; n++) await append(store, 'romeo', { xml: message('x'.repeat(10_000)) });
  await store.page('romeo', { limit: 5, maxBytes: 20_000 });
  const [result] = inDatabase(folder, (db) => db.pragma('wal_checkpoint(TRUNCATE)')) as [{ busy: number }];
  assert.equal(result.busy, 0);
  assert.equal((await store.page('romeo', { limit: 20 })).rows.length, 20);
  await storage.close();
});

test('every read finds its rows in an index, in order: none sorts, and none looks at the rows of others', async () => {
  const folder = emptyFolder();
  await (await openStorage({ driver: 'sqlite', dataPath: folder })).close();
  inDatabase(folder, (db) => {
    const plan = (sql: string) =>
      (db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all({ ...PARAMETERS }) as { detail: string }[])
        .map(({ detail }) => detail)
        .join('; ');
    const forms = [true, false].flatMap((isWaiting) =>
      [true, false].map((isOfPeer) => ({ isWaiting, isOfPeer })),
    );
    for (const form of forms) {
      const index = form.isWaiting ? 'waiting' : form.isOfPeer ? 'by_peer' : 'by_owner';
      for (const isDescending of [true, false]) {
        for (const columns of ['row', 'text', 'place'] satisfies Columns[]) {
          const selection = { ...form, isDescending, columns };
          const range = plan(rangeSql(selection));
          assert.match(
            range,
            new RegExp(`^SEARCH archive USING (COVERING )?INDEX archive_${index} \\(owner=\\?`),
          );
          assert.doesNotMatch(range, /TEMP B-TREE|SCAN/);
          const match = plan(matchSql(selection));
          assert.match(
            match,
            /^SCAN archive_text VIRTUAL TABLE INDEX \d+:\S*; SEARCH archive USING INTEGER PRIMARY KEY/,
          );
          assert.doesNotMatch(match, /TEMP B-TREE/);
        }
      }
      assert.match(
        plan(countSql(form)),
        new RegExp(`SEARCH archive USING ${form.isWaiting ? '' : 'COVERING '}INDEX archive_${index}`),
      );
    }
    assert.match(plan(BY_NAME), /^SEARCH archive USING INDEX archive_by_name \(owner=\? AND name=\?\)/);
    assert.match(plan(BY_POSITION), /^SEARCH archive USING INTEGER PRIMARY KEY \(rowid=\?\)/);
  });
});

test('no statistics are kept: with those of the first days, SQLite would read a large archive row by row', async () => {
  const folder = emptyFolder();
  const storage = await openStorage({ driver: 'sqlite', dataPath: folder });
  await append(mam(storage), 'romeo');
  await storage.close();
  const tables = inDatabase(folder, (db) =>
    db.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'").pluck().all(),
  );
  assert.deepEqual(tables, []);
});

const PARAMETERS = {
  owner: 1,
  peer: 1,
  low: 1,
  high: 9,
  skip: 0,
  limit: 9,
  match: 'a',
  id: 'a',
  position: 1,
};

/** So many rows of Romeo's, and one of Juliet's. */
async function withRows(count: number) {
  const folder = emptyFolder();
  const first = await openStorage({ driver: 'sqlite', dataPath: folder });
  await append(mam(first), 'romeo', { with: JULIET, xml: message('light') });
  await append(mam(first), 'juliet');
  await first.close();
  inDatabase(folder, (db) => {
    db.prepare(
      `WITH RECURSIVE numbers (n) AS (VALUES (2) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
       INSERT INTO archive (seq, owner, peer, flags, xml)
       SELECT seq + 5000 * n, owner, peer, flags, '<message><body>' || n || ' light</body></message>'
       FROM numbers, (SELECT * FROM archive ORDER BY seq LIMIT 1)`,
    ).run(count);
  });
  const storage = await SqliteStorage.open(folder, { reader: RECORDING });
  return { folder, storage, store: storage.archive(HOST, 'archive', { isSearchable: true }) };
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await isSo().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 5 s: ${isSo}`);
}
