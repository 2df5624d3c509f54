// What a full disk and a damaged file cost.

import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { refusalFor } from '../../../src/api/refusal.ts';
import { SqliteStorage } from '../../../src/storage/drivers/sqlite.ts';
import { inDatabase } from '../../storage/archived.ts';
import { emptyFolder } from '../../storage/folder.ts';

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

/** Overwrites all pages of a table. */
function damage(folder: string, table: string): void {
  const pages = inDatabase(folder, (db) =>
    db.prepare<[string], number>('SELECT pageno FROM dbstat WHERE name = ?').pluck().all(table),
  );
  const handle = openSync(join(folder, 'enjamb.sqlite'), 'r+');
  for (const page of pages) writeSync(handle, Buffer.alloc(PAGE, 0xee), 0, PAGE, (page - 1) * PAGE);
  closeSync(handle);
}
