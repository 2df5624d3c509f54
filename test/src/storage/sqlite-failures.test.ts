// What a full disk and a damaged file cost.

import assert from 'node:assert/strict';
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { refusalFor } from '../../../src/api/refusal.ts';
import { type SqliteOptions, SqliteStorage } from '../../../src/storage/drivers/sqlite.ts';
import type { Logger } from '../../../src/util/logger.ts';
import { inDatabase } from '../../storage/archived.ts';
import { emptyFolder } from '../../storage/folder.ts';
import { FakeClock } from '../../support/clock.ts';
import { ErrorLog } from '../../support/server.ts';

const HOST = 'montague.lit';
const FULL = new URL('../../storage/full-writer.ts', import.meta.url);
const PAGE = 4096;

test('on a full disk writes are refused as "full", reads go on, and it heals by itself', async () => {
  const storage = await SqliteStorage.open(emptyFolder(), { writer: FULL });
  const store = storage.keyval(HOST, 'vcard');
  await store.set('romeo', 'small');
  const large = store.set('juliet', 'x'.repeat(60 * PAGE));
  const small = store.set('nurse', 'small');
  await assert.rejects(large, { name: 'StorageError', condition: 'full', store: 'vcard' });
  await small;
  assert.equal(await store.get('romeo'), 'small');
  assert.equal(await store.get('nurse'), 'small');
  assert.equal(await store.get('juliet'), undefined);
  await store.set('juliet', 'small');
  assert.equal(await store.get('juliet'), 'small');
  const error: unknown = await store.set('tybalt', 'x'.repeat(60 * PAGE)).catch((reason: unknown) => reason);
  const { condition, type } = refusalFor(error);
  assert.deepEqual([condition, type], ['resource-constraint', 'wait']);
  await storage.close();
});

test('a damaged file refuses reads and writes as "damaged", and the error says what to do', async () => {
  const folder = emptyFolder();
  const whole = await SqliteStorage.open(folder);
  await whole.keyval(HOST, 'vcard').set('romeo', 1);
  await whole.close();
  damage(folder, 'keyval');
  const storage = await SqliteStorage.open(folder);
  const store = storage.keyval(HOST, 'vcard');
  const damaged = {
    name: 'StorageError',
    condition: 'damaged',
    message:
      /malformed\. Stop the server, run "enjamb check storage", and restore a backup with "enjamb restore FILE"$/,
  };
  await assert.rejects(store.get('romeo'), damaged);
  await assert.rejects(store.set('romeo', 2), damaged);
  assert.equal(
    refusalFor(await store.get('romeo').catch((reason: unknown) => reason)).condition,
    'internal-server-error',
  );
  await storage.close().catch(() => {}); // The last checkpoint may fail.
});

test('a server does not start with a database whose archives are damaged, and says what to do', async () => {
  const folder = emptyFolder();
  await (await SqliteStorage.open(folder)).close();
  damage(folder, 'meta');
  await assert.rejects(SqliteStorage.open(folder), {
    condition: 'damaged',
    message:
      /enjamb\.sqlite: .* malformed\. Stop the server, run "enjamb check storage", and restore a backup with "enjamb restore FILE"$/,
  });
});

test('X3: once a write has found the database damaged, all writes are refused, and reads go on as far as they can', async () => {
  const folder = emptyFolder();
  const whole = await SqliteStorage.open(folder);
  await whole.keyval(HOST, 'vcard').set('romeo', 1);
  await whole.map(HOST, 'pep').set('romeo', 'mood', 'sad');
  await whole.close();
  damage(folder, 'keyval');
  const storage = await SqliteStorage.open(folder);
  const [vcard, pep] = [storage.keyval(HOST, 'vcard'), storage.map(HOST, 'pep')];
  await assert.rejects(vcard.set('romeo', 2), { condition: 'damaged' });
  await assert.rejects(pep.set('romeo', 'mood', 'merry'), { condition: 'damaged', store: 'pep' });
  assert.equal(await pep.get('romeo', 'mood'), 'sad');
  await storage.close().catch(() => {});
});

test('X1: with less free space than the limit the log warns at the start, and each hour while it lasts', async () => {
  const { storage, clock, lines } = await openWatched({ warnFreeBytes: 2 ** 60 });
  await until(() => lines.length === 1);
  assert.equal(lines[0]!.message, 'little disk space left');
  assert.ok(Number.isInteger(lines[0]!.fields.freeMiB));
  for (let minute = 1; minute < 60; minute++) await nextLook(clock);
  assert.equal(lines.length, 1);
  await nextLook(clock);
  await until(() => lines.length === 2);
  await storage.close();
});

test('X6: a write-ahead log that is too large is emptied; if that is impossible, the log says why', async () => {
  const { folder, storage, clock, lines } = await openWatched({ maxLogBytes: 100_000 });
  const log = join(folder, 'enjamb.sqlite-wal');
  const grow = (by: string) => storage.keyval(HOST, 'vcard').set('romeo', by.repeat(300_000));
  await grow('a');
  assert.ok(statSync(log).size > 100_000);
  await nextLook(clock);
  await until(() => statSync(log).size === 0);
  const other = new Database(join(folder, 'enjamb.sqlite'));
  other.exec('BEGIN; SELECT * FROM keyval');
  await grow('b'); // Equal pages would not be written.
  await nextLook(clock);
  await until(() => lines.length === 1);
  const { message, fields } = lines[0]!;
  assert.equal(message, 'the write-ahead log is large');
  assert.equal(fields.reason, 'another process is reading the database');
  other.close();
  await nextLook(clock);
  await until(() => statSync(log).size === 0);
  assert.equal(lines.length, 1);
  await storage.close();
});

test('T2: the newest row over an hour in the future: the log says so at the start', async () => {
  const first = await openWatched();
  const archive = first.storage.archive(HOST, 'archive');
  await archive.append('romeo', { id: archive.nextId('romeo').id, with: 'x', xml: 'x' });
  await first.storage.close();
  const early = await openWatched({}, first.folder, -2 * 3_600_000);
  assert.equal(early.lines[0]?.message, 'the newest message is from the future');
  assert.match(String(early.lines[0]?.fields.todo), /enjamb archive repair-time/);
  await early.storage.close();
  const nearly = await openWatched({}, first.folder, -3_600_000 + 60_000);
  assert.deepEqual(nearly.lines, []);
  await nearly.storage.close();
});

/** A storage that warns, and the lines of its log. @param aheadMs of the clock */
async function openWatched(options: SqliteOptions = {}, folder = emptyFolder(), aheadMs = 0) {
  const lines: { message: string; fields: Record<string, unknown> }[] = [];
  const write = (message: string, fields: object = {}) => {
    lines.push({ message, fields: { ...fields } });
  };
  const log: Logger = { ...new ErrorLog(), warn: write, error: write, info: () => {}, child: () => log };
  const clock = new FakeClock();
  clock.moveWallClock(aheadMs);
  const storage = await SqliteStorage.open(folder, { log, clock, ...options });
  return { folder, storage, clock, lines };
}

/** Lets a minute pass, once the look before is over. */
async function nextLook(clock: FakeClock): Promise<void> {
  await until(() => clock.pending > 0);
  await clock.advance(60_000);
}

async function until(isSo: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`not within 4 s: ${isSo}`);
}

/** Overwrites all pages of a table. */
function damage(folder: string, table: string): void {
  const pages = inDatabase(folder, (db) =>
    db.prepare<[string], number>('SELECT pageno FROM dbstat WHERE name = ?').pluck().all(table),
  );
  const handle = openSync(join(folder, 'enjamb.sqlite'), 'r+');
  for (const page of pages) writeSync(handle, Buffer.alloc(PAGE, 0xee), 0, PAGE, (page - 1) * PAGE);
  closeSync(handle);
}
