// Work that the driver `sqlite` does while nothing else is to be written.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type SqliteOptions, SqliteStorage } from '../../../src/storage/drivers/sqlite.ts';
import { Faults } from '../../../src/util/faults.ts';
import { archived, inDatabase } from '../../storage/archived.ts';
import { emptyFolder } from '../../storage/folder.ts';
import { FakeClock } from '../../support/clock.ts';
import { ErrorLog } from '../../support/server.ts';

const HOST = 'montague.lit';
const NOON = Date.parse('2026-11-30T12:00:00Z');
const DAY = 24 * 3_600_000;
/** No text of the tests but this one has it. */
const WORD = 'honorificabilitudinitatibus';

async function open(folder = emptyFolder(), options: SqliteOptions = {}) {
  const clock = new FakeClock();
  clock.moveWallClock(NOON - clock.now());
  const storage = await SqliteStorage.open(folder, { clock, ...options });
  const archive = storage.archive(HOST, 'archive', { isSearchable: true });
  const fill = (owner: string, count: number, text: (n: number) => string, flags = 0) =>
    storage.batch(() => {
      for (let n = 0; n < count; n++) {
        const xml = `<message><body>${text(n)}</body></message>`;
        void archive.append(owner, { id: archive.nextId(owner).id, with: `${owner}-peer@x`, xml, flags });
      }
    });
  return { folder, clock, storage, archive, fill };
}

function count(folder: string, table: string): number {
  return inDatabase(folder, (db) => db.prepare<[], number>(`SELECT COUNT(*) FROM ${table}`).pluck().get())!;
}

/** Names of the files in a folder in which the word is. */
function filesWith(word: string, folder: string): string[] {
  return readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(word));
}

async function until(isSo: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 10 s: ${isSo}`);
}

function isIndexed(folder: string): boolean {
  return count(folder, "meta WHERE name = 'text_upto'") > 0;
}

function isSwept(folder: string): boolean {
  return (
    inDatabase(folder, (db) => db.prepare('SELECT 1 FROM archive_owner WHERE owner IS NULL').get()) ===
      undefined && statSync(join(folder, 'enjamb.sqlite-wal')).size === 0
  );
}

for (const how of ['forget', 'purge'] as const) {
  test(`E2: after ${how}, a unique word of the owner is nowhere in database, log and index, and a new owner of that name sees nothing from the first tick`, async () => {
    const { folder, clock, storage, archive, fill } = await open();
    await fill('romeo', 900, (n) => `${WORD} ${n} ${WORD}${n}`);
    await fill('juliet', 900, (n) => `wherefore ${n}`);
    if (how === 'purge') await storage.keyval(HOST, 'vcard').set('romeo', WORD);
    await clock.advance(10_000);
    await until(() => isIndexed(folder));
    assert.notDeepEqual(filesWith(WORD, folder), []);
    const removed = how === 'forget' ? archive.forget('romeo') : storage.purge(HOST, 'romeo');
    await fill('romeo', 1, () => 'a new romeo');
    await removed;
    assert.equal(archived(folder, 'romeo').length, 1);
    await until(() => isSwept(folder));
    assert.deepEqual(filesWith(WORD, folder), []);
    assert.deepEqual([archived(folder, 'romeo').length, archived(folder, 'juliet').length], [1, 900]);
    assert.equal(count(folder, 'archive'), 901);
    await storage.close();
  });
}

test('E2: the nameless rows follow over restarts too', async () => {
  const first = await open();
  await first.fill('romeo', 900, () => WORD);
  await first.clock.advance(10_000);
  await until(() => isIndexed(first.folder));
  const forgotten = first.archive.forget('romeo');
  const closed = first.storage.close();
  await Promise.all([forgotten, closed]);
  assert.ok(count(first.folder, 'archive') > 0, 'not all are gone yet');
  const second = await open(first.folder);
  await until(() => isSwept(first.folder));
  assert.equal(count(first.folder, 'archive'), 0);
  assert.deepEqual(filesWith(WORD, first.folder), []);
  await second.storage.close();
});

test('E2: a start after a crash writes the index anew if rows had left it in bulk', async () => {
  const first = await open();
  await first.fill('romeo', 10, () => WORD);
  await first.clock.advance(10_000);
  await until(() => isIndexed(first.folder));
  await first.storage.close();
  inDatabase(first.folder, (db) =>
    db.exec(`INSERT INTO archive_text (archive_text, rank) VALUES ('secure-delete', 0)`),
  );
  const second = await open(first.folder);
  await until(() => count(first.folder, "archive_text_config WHERE k = 'secure-delete' AND v = 1") === 1);
  assert.equal(count(first.folder, `archive_text WHERE archive_text MATCH '1x${WORD}'`), 10);
  await second.storage.close();
});

test('E2: rows of a removed owner go in parts: a write issued meanwhile does not wait for all', async () => {
  const { folder, storage, archive, fill } = await open();
  for (let n = 0; n < 5; n++) await fill('romeo', 1_000, () => 'text');
  await archive.forget('romeo');
  for (let n = 0; n < 5; n++) await fill('juliet', 1, () => 'text');
  assert.ok(count(folder, 'archive') > 1_000);
  await until(() => isSwept(folder));
  assert.equal(count(folder, 'archive'), 5);
  await storage.close();
});

for (const how of ['retracted', 'deleted'] as const) {
  test(`R4: within a day, the words of ${how} messages are nowhere in database, log and index`, async () => {
    const { folder, clock, storage, archive } = await open();
    const word = (n: number) => `honorificabilitudinitatibus${`${n}`.padStart(3, '0')}`;
    const numbers = Array.from({ length: 1_000 }, (_, n) => n);
    await storage.batch(() => {
      for (const n of numbers) {
        const xml = `<message id='${n}'><body>${word(n)} in a message</body></message>`;
        void archive.append('romeo', { id: archive.nextId('romeo').id, with: `${n % 2}@x`, xml });
      }
    });
    await clock.advance(10_000);
    await until(() => isIndexed(folder));
    const removed = numbers.filter((n) => n % 2 === 1);
    const retraction = { with: '1@x', isSent: false, by: { id: 'r', at: 0 } };
    if (how === 'deleted') await archive.prune('romeo', { with: '1@x' });
    else
      await storage.batch(() =>
        removed.forEach((n) => void archive.retract('romeo', { ...retraction, messageId: `${n}` })),
      );
    await clock.advance(DAY);
    await until(() => statSync(join(folder, 'enjamb.sqlite-wal')).size === 0);
    assert.deepEqual(
      removed.filter((n) => filesWith(word(n), folder).length > 0),
      [],
    );
    assert.ok(filesWith(word(0), folder).length > 0);
    await storage.close();
  });
}

test('E1: peers that no row has are forgotten with the rows, and are known again when they write', async () => {
  const { folder, storage, archive, fill } = await open();
  await fill('romeo', 1, () => 'one');
  await fill('juliet', 1, () => 'two');
  assert.equal(count(folder, 'peer'), 2);
  await archive.forget('romeo');
  await until(() => isSwept(folder));
  assert.equal(count(folder, 'peer'), 1);
  await fill('romeo', 1, () => 'three');
  assert.equal(archived(folder, 'romeo')[0]?.with, 'romeo-peer@x');
  await storage.close();
});

test('E1: rows older than the host or the user keeps them go, whatever their number, but none that waits', async () => {
  const { folder, clock, storage, archive, fill } = await open();
  await fill('romeo', 700, () => 'old');
  await fill('romeo', 1, () => 'waits', 2);
  await fill('juliet', 700, () => 'old');
  clock.moveWallClock(2 * DAY);
  await fill('juliet', 3, () => 'new');
  await archive.keep('romeo', 1 * DAY);
  const now = NOON + 2 * DAY;
  assert.equal(await archive.expire({ now }), 700, 'only romeo set a time');
  assert.deepEqual(
    archived(folder, 'romeo').map(({ xml }) => xml),
    ['<message><body>waits</body></message>'],
  );
  assert.equal(await archive.expire({ now, before: now - DAY }), 700);
  assert.equal(archived(folder, 'juliet').length, 3);
  await storage.close();
});

test('E1: an archive over its limit is brought down to 95 % of it, the oldest first, over several parts', async () => {
  const { folder, storage, archive, fill } = await open();
  for (const owner of ['romeo', 'juliet']) {
    await fill(owner, 1_000, (n) => `${n}`.padStart(1_000));
    await fill(owner, 1_000, (n) => `${n + 1_000}`.padStart(1_000));
  }
  const row = `<message><body>${''.padStart(1_000)}</body></message>`.length;
  const removed = await archive.expire({ now: NOON, maxBytes: 1_000 * row });
  assert.equal(removed, 2 * 1_050);
  for (const owner of ['romeo', 'juliet'])
    assert.match(archived(folder, owner)[0]!.xml, /^<message><body> +1050<\/body><\/message>$/);
  assert.equal(await archive.expire({ now: NOON, maxBytes: 1_000 * row }), 0, 'between 95 % and 100 %');
  await storage.close();
});

test('E1: expiry visits all owners, however many', async () => {
  const { folder, storage, archive } = await open();
  const owners = Array.from({ length: 900 }, (_, n) => `user${n}`);
  await storage.batch(() => {
    for (const owner of owners)
      void archive.append(owner, { id: archive.nextId(owner).id, with: 'x', xml: 'x' });
  });
  assert.equal(await archive.expire({ now: NOON, before: NOON + 1 }), 900);
  assert.equal(count(folder, 'archive'), 0);
  await storage.close();
});

test('F2: an archive is indexed although another user of it has opened it first', async () => {
  const folder = emptyFolder();
  const clock = new FakeClock();
  clock.moveWallClock(NOON - clock.now());
  const storage = await SqliteStorage.open(folder, { clock });
  await storage.archive(HOST, 'archive').delivered('romeo', NOON);
  const archive = storage.archive(HOST, 'archive', { isSearchable: true });
  const text = `<message><body>${WORD}</body></message>`;
  await archive.append('romeo', { id: archive.nextId('romeo').id, with: 'x', xml: text });
  await clock.advance(60_000);
  await until(() => isIndexed(folder));
  assert.ok(filesWith(WORD, folder).length > 0);
  assert.equal(count(folder, 'store WHERE searchable = 1'), 1);
  await storage.close();
});

test('F3: an archive whose search is switched off leaves the index', async () => {
  const { folder, storage, clock, fill } = await open();
  await fill('romeo', 10, () => WORD);
  await clock.advance(60_000);
  await until(() => isIndexed(folder));
  const without = storage.archive(HOST, 'archive', { isSearchable: false });
  await without.append('romeo', { id: without.nextId('romeo').id, with: 'x', xml: '<message/>' });
  assert.equal(count(folder, 'store WHERE searchable = 1'), 0);
  assert.equal(count(folder, `archive_text WHERE archive_text MATCH '"${WORD}"*'`), 0);
  await storage.close();
});

test('7.2: idle work runs only when nothing else waits', async () => {
  const { folder, storage, archive, fill } = await open();
  for (let n = 0; n < 3; n++) await fill('romeo', 1_000, () => 'old');
  let isExpired = false;
  const expired = archive.expire({ now: NOON, before: NOON + 1 }).then(() => {
    isExpired = true;
  });
  const store = storage.keyval(HOST, 'vcard');
  for (let n = 0; n < 5; n++) {
    const before = count(folder, 'archive');
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => store.set(`user${i}`, n)));
    assert.ok(before - count(folder, 'archive') <= 200, 'one part at most went before 1,000 writes');
  }
  assert.equal(isExpired, false);
  await expired;
  await storage.close();
});

test('7.2: pages are given back to the file system when more than 25 % and 64 MiB are free', async () => {
  const { folder, storage, archive, fill } = await open();
  const page = 'x'.repeat(20_000);
  for (let n = 0; n < 40; n++) await fill('romeo', 95, () => page);
  await fill('juliet', 95, () => page);
  const size = () => inDatabase(folder, (db) => db.pragma('page_count', { simple: true }) as number) * 4096;
  const before = size();
  assert.ok(before > 72 * 1024 * 1024);
  await archive.forget('romeo');
  await until(() => isSwept(folder));
  const free = inDatabase(folder, (db) => db.pragma('freelist_count', { simple: true }) as number) * 4096;
  assert.ok(size() < before && free <= 64 * 1024 * 1024, `${before} → ${size()}, free: ${free}`);
  await storage.close();
});

test('a part that cannot be done is reported, and tried again after 30 seconds', async () => {
  const faults = new Faults(new ErrorLog());
  const { folder, clock, storage, archive, fill } = await open(emptyFolder(), { faults });
  await fill('romeo', 1, () => 'text');
  inDatabase(folder, (db) =>
    db.exec(`CREATE TRIGGER stuck BEFORE DELETE ON archive BEGIN SELECT RAISE(ABORT, 'stuck'); END`),
  );
  await archive.forget('romeo');
  await until(() => faults.counts.get('storage') === 1);
  inDatabase(folder, (db) => db.exec('DROP TRIGGER stuck'));
  assert.equal(count(folder, 'archive'), 1);
  await clock.advance(30_000);
  await until(() => isSwept(folder));
  assert.equal(count(folder, 'archive'), 0);
  await storage.close();
});
