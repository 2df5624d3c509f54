// How archives are kept on disk: what only the driver `sqlite` promises.

import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { test } from 'node:test';
import { type SqliteOptions, SqliteStorage } from '../../../src/storage/drivers/sqlite.ts';
import { archived, inDatabase } from '../../storage/archived.ts';
import { emptyFolder } from '../../storage/folder.ts';
import { FakeClock } from '../../support/clock.ts';

const HOST = 'montague.lit';
const NOON = Date.parse('2026-11-30T12:00:00Z');
/** Rows that one part of idle work removes. */
const PART = 200;

async function open(folder = emptyFolder(), options: SqliteOptions = {}) {
  const clock = new FakeClock();
  clock.moveWallClock(NOON - clock.now());
  const storage = await SqliteStorage.open(folder, { clock, ...options });
  return { folder, clock, storage, archive: storage.archive(HOST, 'archive') };
}

type Archive = ReturnType<SqliteStorage['archive']>;

function append(archive: Archive, xml: string, more: { flags?: number; with?: string } = {}): Promise<void> {
  return archive.append('romeo', {
    id: archive.nextId('romeo').id,
    with: 'juliet@capulet.lit',
    xml,
    ...more,
  });
}

/** What a server that is killed now leaves behind. */
function afterKill(folder: string): string {
  const copy = emptyFolder();
  cpSync(folder, copy, { recursive: true });
  return copy;
}

function sizes(folder: string): { kept: number | null; counted: number | null } {
  return inDatabase(folder, (db) =>
    db
      .prepare<[], { kept: number | null; counted: number | null }>(
        'SELECT (SELECT SUM(bytes) FROM archive_owner) AS kept, (SELECT SUM(octet_length(xml)) FROM archive) AS counted',
      )
      .get(),
  )!;
}

test('7.1: the size of an archive is the size of its texts, after every kind of write', async () => {
  const { folder, storage, archive } = await open();
  const { id } = archive.nextId('romeo');
  const retracted = "<message id='m'><body>Wherefore</body></message>";
  const steps: (() => Promise<unknown>)[] = [
    () => archive.append('romeo', { id, with: 'juliet@capulet.lit', xml: 'é'.repeat(10) }),
    () => append(archive, retracted),
    () => archive.put('romeo', { name: 'item', with: 'node', xml: 'first' }),
    () => archive.put('romeo', { name: 'item', with: 'node', xml: 'second one' }),
    () => archive.adopt('romeo', { name: 'old', at: 1000, with: 'node', xml: 'old' }),
    () => archive.replace('romeo', id, { xml: 'é', flags: 0 }),
    () => archive.mark('romeo', [id], { add: 2 }),
    () =>
      archive.retract('romeo', {
        with: 'juliet@capulet.lit',
        isSent: false,
        messageId: 'm',
        by: { id: 'r', at: NOON },
      }),
    () => archive.remove('romeo', ['item', 'unknown']),
    () => archive.prune('romeo', { before: 2000 }),
  ];
  for (const step of steps) {
    await step();
    const { kept, counted } = sizes(folder);
    assert.equal(kept, counted, String(step));
  }
  await archive.prune('romeo', {});
  assert.deepEqual(sizes(folder), { kept: 0, counted: null });
  await storage.close();
});

test('a failed batch leaves no size, no owner and no peer behind, and the next write makes them again', async () => {
  const { folder, storage, archive } = await open();
  inDatabase(folder, (db) =>
    db.exec(`CREATE TRIGGER poison BEFORE INSERT ON archive WHEN new.xml = 'poison'
      BEGIN SELECT RAISE(ABORT, 'bad apple'); END`),
  );
  const failed = storage.batch(() => {
    void append(archive, 'fine');
    void append(archive, 'poison');
  });
  await assert.rejects(failed, /bad apple/);
  const count = (table: string) =>
    inDatabase(folder, (db) => db.prepare(`SELECT COUNT(*) FROM ${table}`).pluck().get());
  assert.deepEqual(['archive_owner', 'peer', 'archive'].map(count), [0, 0, 0]);
  await append(archive, 'fine');
  assert.deepEqual(['archive_owner', 'peer', 'archive'].map(count), [1, 1, 1]);
  assert.deepEqual(sizes(folder), { kept: 4, counted: 4 });
  await storage.close();
});

test('7.1: numbers of 10,000 owners and peers are remembered, the others are read again', async () => {
  const { folder, storage, archive } = await open();
  const names = Array.from({ length: 10_050 }, (_, n) => `user${n}`);
  for (let n = 0; n < names.length; n += 1_000)
    await storage.batch(() => {
      for (const name of names.slice(n, n + 1_000)) void appendTo(name);
    });
  await Promise.all([appendTo('user0'), appendTo('user10049')]);
  const counts = inDatabase(folder, (db) =>
    ['archive', 'archive_owner', 'peer'].map((table) =>
      db.prepare(`SELECT COUNT(*) FROM ${table}`).pluck().get(),
    ),
  );
  assert.deepEqual(counts, [10_052, 10_050, 10_050]);
  assert.equal(archived(folder, 'user0').length, 2);
  await storage.close();

  function appendTo(owner: string): Promise<void> {
    return archive.append(owner, { id: archive.nextId(owner).id, with: `with ${owner}`, xml: 'x' });
  }
});

test('a position that another process has taken is refused, and nothing is overwritten', async () => {
  const { folder, storage, archive } = await open();
  const other = await open(folder);
  await append(archive, 'first');
  const { id } = other.archive.nextId('juliet');
  const second = other.archive.append('juliet', { id, with: 'romeo@montague.lit', xml: 'second' });
  await assert.rejects(second, { condition: 'failed', message: /The position \d+ is taken/ });
  assert.deepEqual(
    archived(folder, 'romeo').map(({ xml }) => xml),
    ['first'],
  );
  await other.storage.close();
  await storage.close();
});

test('1.1: `seq = 1024·ms + n`: rows of the past take the next free positions of their millisecond, then of the next one', async () => {
  const { folder, storage, archive } = await open();
  await storage.batch(() => {
    for (let n = 0; n < 900; n++) void archive.adopt('romeo', row(n));
  });
  await storage.batch(() => {
    for (let n = 900; n < 1_100; n++) void archive.adopt('romeo', row(n));
  });
  const positions = archived(folder, 'romeo').map(({ seq }) => seq);
  assert.deepEqual(
    positions,
    Array.from({ length: 1_100 }, (_, n) => 5_000 * 1024 + n),
  );
  await storage.close();

  function row(n: number) {
    return { name: `old ${n}`, at: 5_000, with: 'x', xml: `${n}` };
  }
});

test('1.1: a row of the present that is adopted takes no position that another row is given', async () => {
  const { storage, archive, folder } = await open();
  const { id } = archive.nextId('romeo');
  for (const name of ['now', 'later'])
    await archive.adopt('romeo', { name, at: name === 'now' ? NOON : NOON + 5_000, with: 'x', xml: name });
  await archive.append('romeo', { id, with: 'x', xml: 'own' });
  await append(archive, 'next');
  assert.deepEqual(
    archived(folder, 'romeo').map(({ xml }) => xml),
    ['own', 'now', 'later', 'next'],
  );
  await storage.close();
});

test('1.1: after a crash, `last = newest row + 2^24`: nothing given out before it is given out again', async () => {
  const { folder, storage, archive } = await open();
  await append(archive, 'stored');
  const lost = Array.from({ length: 5_000 }, () => archive.nextId('romeo').id);
  const [newest] = archived(folder, 'romeo');
  const after = await open(afterKill(folder));
  await append(after.archive, 'next');
  const next = archived(after.folder, 'romeo').at(-1)!;
  assert.equal(next.seq, newest!.seq + 2 ** 24 + 1);
  assert.ok(!lost.includes(after.archive.nextId('romeo').id));
  await Promise.all([storage.close(), after.storage.close()]);
});

test('1.1: after a proper stop, positions go on where they ended, and ids are valid as before', async () => {
  const first = await open();
  const { id } = first.archive.nextId('romeo');
  await first.archive.append('romeo', { id, with: 'juliet@capulet.lit', xml: 'kept' });
  const last = Array.from({ length: 10 }, () => first.archive.nextId('romeo')).at(-1)!;
  await first.storage.close();
  const second = await open(first.folder);
  await append(second.archive, 'next');
  const [kept, next] = archived(second.folder, 'romeo');
  assert.equal(next!.seq, kept!.seq + 11);
  assert.notEqual(second.archive.nextId('romeo').id, last.id);
  assert.equal(await second.archive.remove('romeo', [id]), 1);
  await second.storage.close();
});

test('T1: positions never go back: with the clock back by an hour, stamps stand still', async () => {
  const { clock, storage, archive } = await open();
  const before = archive.nextId('romeo');
  clock.moveWallClock(-3_600_000);
  const after = archive.nextId('romeo');
  assert.deepEqual([before.at, after.at], [NOON, NOON]);
  assert.notEqual(before.id, after.id);
  await storage.close();
});

test('O9: after an unclean start, received rows newer than `delivered_until` and than the limit become waiting, once', async () => {
  const { folder, clock, storage, archive } = await open();
  for (const xml of ['old', 'delivered', 'in a queue', 'sent']) {
    await append(archive, xml, { flags: xml === 'sent' ? 1 : 0 });
    clock.moveWallClock(60_000);
  }
  await archive.delivered('romeo', NOON + 60_000);
  await archive.append('tybalt', { id: archive.nextId('tybalt').id, with: 'x', xml: 'never was online' });
  const after = await open(afterKill(folder));
  assert.equal(await after.archive.recover(NOON), 2);
  const waiting = (owner: string) =>
    archived(after.folder, owner)
      .filter(({ flags }) => flags & 2)
      .map(({ xml }) => xml);
  assert.deepEqual(waiting('romeo'), ['in a queue']);
  assert.deepEqual(waiting('tybalt'), ['never was online']);
  assert.equal(await after.archive.recover(0), 0, 'a second time');
  await Promise.all([storage.close(), after.storage.close()]);
});

test('O9: after two kills within seconds, what was taken between them does not wait a third time', async () => {
  const { folder, storage, archive } = await open();
  const { id } = archive.nextId('romeo');
  await archive.append('romeo', { id, with: 'juliet@capulet.lit', xml: 'in a queue' });
  const second = await open(afterKill(folder));
  assert.equal(await second.archive.recover(0), 1);
  await second.archive.mark('romeo', [id], { clear: 2 });
  await append(second.archive, 'new');
  const third = await open(afterKill(second.folder));
  assert.equal(await third.archive.recover(0), 1);
  const [taken, fresh] = archived(third.folder, 'romeo');
  assert.deepEqual([taken!.flags & 2, fresh!.flags & 2], [0, 2]);
  await Promise.all([storage, second.storage, third.storage].map((each) => each.close()));
});

test('O9: after a proper stop, or in a new database, nothing has to be recovered', async () => {
  const first = await open();
  await append(first.archive, 'received');
  assert.equal(await first.archive.recover(0), 0);
  await first.storage.close();
  const second = await open(first.folder);
  assert.equal(await second.archive.recover(0), 0);
  await second.storage.close();
});

test('O9: a command that opens the database between a crash and the next start does not hide the crash', async () => {
  const { folder, storage, archive } = await open();
  await append(archive, 'received');
  const killed = afterKill(folder);
  const tool = await SqliteStorage.open(killed);
  await tool.keyval(HOST, 'accounts').set('romeo', 1);
  await tool.close();
  const server = await open(killed);
  assert.equal(await server.archive.recover(0), 1);
  await server.storage.close();
  const next = await open(killed);
  assert.equal(await next.archive.recover(0), 0, 'recovered, then stopped properly');
  await Promise.all([storage.close(), next.storage.close()]);
});

test('a server that only reads leaves a proper stop as it is', async () => {
  const { folder, storage, archive } = await open();
  await append(archive, 'received');
  await storage.close();
  const reader = await SqliteStorage.open(folder);
  assert.equal(await reader.keyval(HOST, 'accounts').get('romeo'), undefined);
  const after = await open(afterKill(folder));
  assert.equal(await after.archive.recover(0), 0);
  await Promise.all([reader.close(), after.storage.close()]);
});

test('7.3: `prune` goes on part by part: a write issued meanwhile does not wait for all of it', async () => {
  const { folder, storage, archive } = await open();
  await storage.batch(() => {
    for (let n = 0; n < 5 * PART; n++) void append(archive, `${n}`);
  });
  let isPruned = false;
  const pruned = archive.prune('romeo', {}).finally(() => {
    isPruned = true;
  });
  const meanwhile = append(archive, 'meanwhile');
  await meanwhile;
  assert.equal(isPruned, false);
  assert.equal(await pruned, 5 * PART);
  assert.deepEqual(
    archived(folder, 'romeo').map(({ xml }) => xml),
    ['meanwhile'],
  );
  await storage.close();
});

test('purge takes the name of an owner from all archives of the host but shared ones', async () => {
  const { folder, storage, archive } = await open();
  await append(archive, 'private');
  const audit = storage.archive(HOST, 'audit', { shared: true });
  await audit.put('romeo', { name: '1', with: 'x', xml: 'audit' });
  await storage.purge(HOST, 'romeo');
  assert.equal(archived(folder, 'romeo').length, 0);
  assert.equal(archived(folder, 'romeo', 'audit').length, 1);
  await storage.close();
});
