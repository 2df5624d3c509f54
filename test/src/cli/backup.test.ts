// `enjamb backup` and `enjamb restore`, as an administrator uses them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { backUp } from '../../../src/storage/backup.ts';
import { openStorage } from '../../../src/storage/index.ts';
import { enjamb, enjambReading, QUIET, siteFolder } from './folder.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const CONFIG = `${QUIET.replace('storage = "memory"', '')}modules_enabled = []
[hosts."a.example"]
`;

interface Site {
  readonly folder: string;
  readonly database: string;
  readonly backup: string;
}

/** A site with one account. */
async function site(t: TestContext, account = 'romeo'): Promise<Site> {
  const folder = siteFolder(t, { 'enjamb.toml': CONFIG });
  await enjamb(folder, 'user', 'add', `${account}@a.example`, '--generate');
  return { folder, database: join(folder, 'data/enjamb.sqlite'), backup: join(folder, 'backup.sqlite') };
}

const configOf = ({ folder }: Site): string => join(folder, 'enjamb.toml');

const users = async ({ folder }: Site): Promise<string[]> =>
  JSON.parse((await enjamb(folder, 'user', 'list', '--json')).out).map(({ jid }: { jid: string }) => jid);

/** The files of the data folder, without SQLite's side files. */
const dataOf = ({ folder }: Site): string[] =>
  readdirSync(join(folder, 'data'))
    .filter((name) => name !== 'enjamb.sqlite-wal' && name !== 'enjamb.sqlite-shm')
    .sort();

test('a backup holds all data, only its owner can read it, and it becomes the data again', async (t) => {
  const there = await site(t);
  const made = await enjamb(there.folder, 'backup', there.backup);
  assert.equal(made.code, 0, made.err);
  assert.match(made.out, /backup\.sqlite: \d+ KiB, undamaged; rows: .*keyval 1/);
  assert.equal(statSync(there.backup).mode & 0o777, 0o600);
  await enjamb(there.folder, 'user', 'add', 'juliet@a.example', '--generate');

  const restored = await enjamb(there.folder, 'restore', there.backup, '--yes');
  assert.equal(restored.code, 0, restored.err);
  assert.deepEqual(await users(there), ['romeo@a.example']);
  const [, kept] = /what was there before is in (.*enjamb-before-restore-\d{8}T\d{9}Z\.sqlite)\n/.exec(
    restored.out,
  )!;
  assert.equal((await enjamb(there.folder, 'restore', kept!, '--yes')).code, 0);
  assert.deepEqual(await users(there), ['juliet@a.example', 'romeo@a.example']);
});

test('a backup of a server that writes is one moment of it, complete', async (t) => {
  const { folder, backup, database } = await site(t);
  const storage = await openStorage({ driver: 'sqlite', dataPath: join(folder, 'data') });
  t.after(() => storage.close());
  const pairs = storage.map('a.example', 'pairs');
  const before = Promise.all(Array.from({ length: 500 }, (_, n) => pairs.set('romeo', `before ${n}`, n)));
  await before;
  const writes = Array.from({ length: 4_000 }, (_, n) =>
    storage.batch(() => {
      void pairs.set('left', `${n}`, n);
      void pairs.set('right', `${n}`, n);
    }),
  );
  await writes[0]; // The writing thread is at work.
  backUp(database, backup);
  await Promise.all(writes);

  const copy = new Database(backup, { readonly: true });
  const count = (owner: string) =>
    copy.prepare('SELECT COUNT(*) FROM map WHERE owner = ?').pluck().get(owner) as number;
  assert.equal(count('romeo'), 500);
  assert.equal(count('left'), count('right'));
  assert.ok(count('left') > 0 && count('left') < 4_000, `${count('left')} of 4,000 at that moment`);
  copy.close();
});

test('a backup never replaces a file, and leaves none behind when it fails', async (t) => {
  const there = await site(t);
  writeFileSync(there.backup, 'precious');
  const refused = await enjamb(there.folder, 'backup', there.backup);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /backup\.sqlite exists; a backup never replaces a file/);
  assert.equal(readFileSync(there.backup, 'utf8'), 'precious');
  const nowhere = await enjamb(there.folder, 'backup', join(there.folder, 'missing/backup.sqlite'));
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.err, /Cannot write .*missing/);
  truncateSync(there.database, 5_000);
  const damaged = await enjamb(there.folder, 'backup', join(there.folder, 'other.sqlite'));
  assert.equal(damaged.code, 1);
  assert.deepEqual(readdirSync(there.folder).sort(), ['backup.sqlite', 'data', 'enjamb.toml']);
});

test('a backup is restored only while no server runs, and only with --yes or the answer "y"', async (t) => {
  const there = await site(t);
  await enjamb(there.folder, 'backup', there.backup);
  const unsure = await enjamb(there.folder, 'restore', there.backup);
  assert.equal(unsure.code, 2);
  const no = await enjambReading({ text: 'n\n', isTTY: true }, there.folder, 'restore', there.backup);
  assert.equal(no.code, 1);
  assert.deepEqual(dataOf(there), ['enjamb.sqlite']);
  const server = spawn(process.execPath, ['--conditions=source', MAIN, 'start', '-c', configOf(there)]);
  t.after(() => server.kill('SIGKILL'));
  await once(server.stdout, 'data'); // It is ready.
  const running = await enjamb(there.folder, 'restore', there.backup, '--yes');
  assert.equal(running.code, 1);
  assert.match(running.err, /a server is using .*data: stop it, then restore the backup/);
  server.kill('SIGTERM');
  await once(server, 'close');
  assert.equal((await enjamb(there.folder, 'restore', there.backup, '--yes')).code, 0);
});

test('restore into a folder without a database', async (t) => {
  const there = await site(t);
  await enjamb(there.folder, 'backup', there.backup);
  const fresh = siteFolder(t, { 'enjamb.toml': CONFIG });
  const { code, out, err } = await enjamb(fresh, 'restore', there.backup, '--yes');
  assert.deepEqual([code, out], [0, 'restored\n'], err);
  assert.deepEqual(await users({ ...there, folder: fresh }), ['romeo@a.example']);
});

/** Each row: what is wrong with the backup, and what is said. */
const BAD: readonly [string, (file: string) => void, RegExp][] = [
  ['it is cut off', (file) => truncateSync(file, statSync(file).size - 4_096), /damaged/],
  ['it is empty', (file) => truncateSync(file, 0), /not a database of this server/],
  ['a page is overwritten', (file) => overwrite(file, 4_096 * 2), /damaged/],
  [
    'it is a text',
    (file) => writeFileSync(file, 'not a database '.repeat(100)),
    /damaged, or is no database/,
  ],
  [
    "it is another program's",
    (file) => edit(file, 'PRAGMA application_id = 7'),
    /not a database of this server/,
  ],
  [
    'a newer server wrote it',
    (file) => edit(file, 'PRAGMA user_version = 99'),
    /version 99.*use a newer server/,
  ],
];

for (const [what, spoil, text] of BAD) {
  test(`a backup is refused, and no data is lost, if ${what}`, async (t) => {
    const there = await site(t);
    await enjamb(there.folder, 'backup', there.backup);
    spoil(there.backup);
    const refused = await enjamb(there.folder, 'restore', there.backup, '--yes');
    assert.equal(refused.code, 1);
    assert.match(refused.err, text);
    assert.deepEqual(dataOf(there), ['enjamb.sqlite']);
    assert.deepEqual(await users(there), ['romeo@a.example']);
  });
}

test('a damaged database is kept as it is, with its log, when a backup replaces it', async (t) => {
  const there = await site(t);
  await enjamb(there.folder, 'backup', there.backup);
  writeFileSync(there.database, 'damaged '.repeat(2_000));
  writeFileSync(`${there.database}-wal`, 'log');
  const { code, err } = await enjamb(there.folder, 'restore', there.backup, '--yes');
  assert.equal(code, 0, err);
  const kept = dataOf(there).find((name) => /^enjamb-before-restore-.*\.sqlite$/.test(name))!;
  assert.match(readFileSync(join(there.folder, 'data', kept), 'utf8'), /^damaged/);
  assert.ok(existsSync(join(there.folder, 'data', `${kept}-wal`)));
  assert.deepEqual(await users(there), ['romeo@a.example']);
});

function edit(file: string, sql: string): void {
  const db = new Database(file);
  db.exec(sql);
  db.close();
}

function overwrite(file: string, from: number): void {
  const bytes = readFileSync(file);
  bytes.fill(0xff, from, from + 4_096);
  writeFileSync(file, bytes);
}
