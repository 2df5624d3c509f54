import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { SqliteStorage } from '../../../src/storage/drivers/sqlite.ts';
import { repairTime } from '../../../src/storage/repair-time.ts';
import { archived, inDatabase } from '../../storage/archived.ts';
import { emptyFolder } from '../../storage/folder.ts';
import { FakeClock } from '../../support/clock.ts';

const HOST = 'montague.lit';
const DAY = 24 * 3_600_000;

/** Stores messages, of which some come while the clock is a year ahead. Returns the right time. */
async function misdated(folder: string, future: number): Promise<number> {
  const clock = new FakeClock();
  const storage = await SqliteStorage.open(folder, { clock });
  const archive = storage.archive(HOST, 'archive');
  const append = (owner: string, xml: string) =>
    archive.append(owner, { id: archive.nextId(owner).id, with: 'juliet@capulet.lit', xml });
  await append('romeo', 'before');
  clock.moveWallClock(365 * DAY);
  await storage.batch(() => {
    for (let n = 0; n < future; n++) void append('romeo', `${n}`);
  });
  await archive.delivered('romeo', clock.now());
  clock.moveWallClock(-365 * DAY);
  await storage.close();
  return clock.now();
}

test('T2: repair-time gives rows from the future the time of now, in their order, and positions go on from there', async () => {
  const folder = emptyFolder();
  const now = await misdated(folder, 700);
  assert.equal(repairTime(join(folder, 'enjamb.sqlite'), now + DAY), 700);
  const rows = archived(folder, 'romeo');
  assert.deepEqual(
    rows.map(({ xml }) => xml),
    ['before', ...Array.from({ length: 700 }, (_, n) => `${n}`)],
  );
  assert.equal(Math.floor(rows[0]!.seq / 1024), now);
  for (const { seq } of rows.slice(1)) assert.equal(Math.floor(seq / 1024), now + DAY);
  assert.equal(
    inDatabase(folder, (db) => db.prepare('SELECT delivered_until FROM archive_owner').pluck().get()),
    now + DAY,
  );
  const clock = new FakeClock();
  clock.moveWallClock(now + DAY - clock.now());
  const storage = await SqliteStorage.open(folder, { clock });
  assert.equal(storage.archive(HOST, 'archive').nextId('romeo').at, now + DAY);
  await storage.close();
  assert.equal(repairTime(join(folder, 'enjamb.sqlite'), now + DAY), 0);
});

test('repair-time leaves an older database as it is', () => {
  const folder = emptyFolder();
  inDatabase(folder, (db) => db.pragma('user_version = 1'));
  assert.throws(() => repairTime(join(folder, 'enjamb.sqlite'), 0), {
    condition: 'failed',
    message: /start this version of the server once/,
  });
});
