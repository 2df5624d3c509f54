// `enjamb archive …`, as an administrator uses it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ARCHIVE_FLAGS } from '../../../src/storage/archive.ts';
import { openStorage } from '../../../src/storage/index.ts';
import { type Clock, systemClock } from '../../../src/util/clock.ts';
import { enjamb, QUIET, siteFolder } from './folder.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));

const CONFIG = `${QUIET.replace('storage = "memory"', '')}modules_enabled = []
[hosts."a.example"]
`;
const ROMEO = 'romeo@a.example';
const JULIET = 'juliet@b.example';
const NURSE = 'nurse@b.example';

/** Romeo's archive: five messages from Juliet, one of which waits, and one from the nurse. */
async function site(t: TestContext): Promise<string> {
  const folder = siteFolder(t, { 'enjamb.toml': CONFIG });
  await enjamb(folder, 'user', 'add', ROMEO, '--generate');
  const storage = await openStorage({ driver: 'sqlite', dataPath: join(folder, 'data') });
  const archive = storage.archive('a.example', 'archive');
  for (let n = 0; n < 6; n++) {
    const { id } = archive.nextId('romeo');
    const flags = n === 4 ? ARCHIVE_FLAGS.waiting : 0;
    const text = `<message><body>${n}</body></message>`;
    await archive.append('romeo', { id, with: n === 5 ? NURSE : JULIET, xml: text, flags });
  }
  await storage.close();
  return folder;
}

interface Row {
  readonly jid: string;
  readonly messages: number;
  readonly bytes: number;
  readonly waiting: number;
  readonly keeps: string;
  readonly oldest?: string;
  readonly newest?: string;
}

async function show(folder: string, ...args: string[]): Promise<Row[]> {
  const { code, out, err } = await enjamb(folder, 'archive', 'show', ...args, '--json');
  assert.equal(code, 0, err);
  return JSON.parse(out);
}

test('archive show lists messages, sizes, and what waits', async (t) => {
  const folder = await site(t);
  const [row] = await show(folder);
  assert.ok(row);
  const { jid, messages, bytes, waiting, keeps } = row;
  assert.deepEqual(
    { jid, messages, bytes, waiting, keeps },
    { jid: ROMEO, messages: 6, bytes: 6 * 33, waiting: 1, keeps: 'default' },
  );
  assert.ok(Date.now() - Date.parse(row.oldest!) < 60_000);
  assert.deepEqual(await show(folder, ROMEO), [row]);
  const table = await enjamb(folder, 'archive', 'show');
  assert.match(table.out, /^JID +MESSAGES +BYTES +WAITING +KEEPS +OLDEST +NEWEST\n/);
  const nobody = await enjamb(folder, 'archive', 'show', 'nobody@a.example');
  assert.equal(nobody.code, 1);
  assert.match(nobody.err, /there is no account nobody@a\.example/);
});

test('archive delete removes all messages, those with one address, or those from before a time', async (t) => {
  const folder = await site(t);
  const remove = (...args: string[]) => enjamb(folder, 'archive', 'delete', ROMEO, ...args);
  assert.equal((await remove()).code, 2, 'without --yes');
  assert.match((await remove('--before', '2001-01-01', '--yes')).out, /^0 messages deleted/);
  assert.match((await remove('--with', NURSE, '--yes')).out, /^1 message deleted/);
  assert.equal((await show(folder))[0]?.messages, 5);
  const wrong = await remove('--before', 'yesterday', '--yes');
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /"yesterday" is not a time: write it like 2026-01-31/);
  assert.match((await remove('--yes')).out, /^5 messages deleted/);
  assert.deepEqual(await show(folder), []);
});

test('archive keep sets how long the messages of an account are kept', async (t) => {
  const folder = await site(t);
  const keep = (time: string) => enjamb(folder, 'archive', 'keep', ROMEO, time);
  assert.match((await keep('90 days')).out, /are kept for 90 days/);
  assert.equal((await show(folder))[0]?.keeps, '90 days');
  assert.equal((await keep('5 minutes')).code, 2);
  assert.equal((await keep('default')).code, 0);
  assert.equal((await show(folder))[0]?.keeps, 'default');
});

test('archive compact gives the space of deleted messages back', async (t) => {
  const folder = await site(t);
  const storage = await openStorage({ driver: 'sqlite', dataPath: join(folder, 'data') });
  const archive = storage.archive('a.example', 'archive');
  const big = `<message><body>${'x'.repeat(10_000)}</body></message>`;
  await Promise.all(
    Array.from({ length: 500 }, () =>
      archive.append('romeo', { id: archive.nextId('romeo').id, with: NURSE, xml: big }),
    ),
  );
  await storage.close();
  await enjamb(folder, 'archive', 'delete', ROMEO, '--with', NURSE, '--yes');
  const { code, out, err } = await enjamb(folder, 'archive', 'compact', '--json');
  assert.equal(code, 0, err);
  const { before, after } = JSON.parse(out);
  assert.ok(before > 5_000_000 && after < 200_000, `${before} → ${after}`);
  assert.equal(statSync(join(folder, 'data/enjamb.sqlite')).size, after);
  assert.equal((await show(folder))[0]?.messages, 5);
});

test('T2: check storage names a message from the future, and archive repair-time gives it the time of now', async (t) => {
  const folder = await site(t);
  const clock: Clock = { ...systemClock, now: () => Date.now() + 2 * 3_600_000 };
  const storage = await openStorage({ driver: 'sqlite', dataPath: join(folder, 'data'), clock });
  const archive = storage.archive('a.example', 'archive');
  await archive.append('romeo', { id: archive.nextId('romeo').id, with: NURSE, xml: '<message/>' });
  await storage.close();
  const wrong = await enjamb(folder, 'check', 'storage');
  assert.equal(wrong.code, 1);
  assert.match(wrong.out, /the newest message is from the future: 20.*enjamb archive repair-time/s);
  const { code, out, err } = await enjamb(folder, 'archive', 'repair-time', '--json');
  assert.deepEqual([code, out], [0, '{"messages":1}\n'], err);
  assert.doesNotMatch((await enjamb(folder, 'check', 'storage')).out, /future/);
  const [row] = await show(folder);
  assert.equal(row?.messages, 7);
  assert.ok(Date.parse(row.newest!) <= Date.now());
});

test('the commands work beside a running server, but repair-time', async (t) => {
  const folder = await site(t);
  const server = spawn(process.execPath, [
    '--conditions=source',
    MAIN,
    'start',
    '-c',
    join(folder, 'enjamb.toml'),
  ]);
  t.after(() => server.kill('SIGKILL'));
  await once(server.stdout, 'data'); // It is ready.
  assert.match((await enjamb(folder, 'archive', 'keep', ROMEO, '90 days')).out, /are kept for 90 days/);
  const deleted = await enjamb(folder, 'archive', 'delete', ROMEO, '--with', NURSE, '--yes');
  assert.match(deleted.out, /^1 message deleted/, deleted.err);
  const [row] = await show(folder, ROMEO);
  assert.deepEqual([row?.messages, row?.waiting, row?.keeps], [5, 1, '90 days']);
  assert.equal((await enjamb(folder, 'archive', 'compact', '--json')).code, 0);
  const repair = await enjamb(folder, 'archive', 'repair-time');
  assert.equal(repair.code, 1);
  assert.match(repair.err, /a server is running; stop it first/);
});
