import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { openStorage } from '../../../src/storage/index.ts';
import { archived, inDatabase } from '../../storage/archived.ts';
import { emptyFolder } from '../../storage/folder.ts';

const WRITER = fileURLToPath(new URL('../../storage/writer-process.ts', import.meta.url));
const SIZES = `SELECT bytes, (SELECT SUM(octet_length(xml)) FROM archive) AS counted FROM archive_owner`;
const ARCHIVES = fileURLToPath(new URL('../../storage/archive-process.ts', import.meta.url));
const HOST = 'montague.lit';

for (const acknowledged of [1, 700, 4000]) {
  test(`kill -9 after ${acknowledged} acknowledgements: the database is whole and has them all, and no batch in part`, async () => {
    const dataPath = emptyFolder();
    const keys = await writeUntil(acknowledged, dataPath);
    assert.ok(keys.length >= acknowledged);

    const driver = await openStorage({ driver: 'sqlite', dataPath });
    const entries = await driver.map(HOST, 'pep').entries('romeo');
    const rows = archived(dataPath, 'romeo');
    const texts = new Set(rows.map(({ name, xml }) => name ?? xml.split(' ', 1)[0]));
    assert.deepEqual(
      keys.filter((key) => !entries.has(key) || !texts.has(key) || !texts.has(`item ${key}`)),
      [],
    );
    assert.equal(texts.size, rows.length, 'no row is there twice');
    const sizes = new Map<string, number>();
    for (const key of (await driver.map(HOST, 'batches').entries('romeo')).keys()) {
      const [batch = ''] = key.split('/');
      sizes.set(batch, (sizes.get(batch) ?? 0) + 1);
    }
    assert.deepEqual(new Set(sizes.values()), sizes.size === 0 ? new Set() : new Set([1_000]));
    await driver.keyval(HOST, 'vcard').set('romeo', 'still writable');
    await driver.close();

    const db = new Database(join(dataPath, 'enjamb.sqlite'), { readonly: true });
    assert.equal(db.pragma('integrity_check', { simple: true }), 'ok');
    assert.deepEqual(db.pragma('foreign_key_check'), []);
    const size = db.prepare(SIZES).get() as { bytes: number; counted: number };
    assert.equal(size.bytes, size.counted, 'the size of an archive is that of its rows');
    db.close();
  });
}

test('kill -9, six times: each acknowledged message is once in both archives, no id is given out twice, removed rows do not come back, and the index is true', async () => {
  const dataPath = emptyFolder();
  const given: string[] = [];
  const stored: number[] = [];
  let forgotten = -1;
  for (const [round, lines] of [500, 2_000, 8_000, 3_000, 12_000, 1_000].entries()) {
    for (const line of await killAfter(lines, [ARCHIVES, dataPath, `${round * 1_000_000}`])) {
      const [what, value = ''] = line.split(' ');
      if (what === 'given') given.push(value);
      else if (what === 'stored') stored.push(Number(value));
      else forgotten = Number(value);
    }
    const [romeo, juliet] = [numbersOf(dataPath, 'romeo'), numbersOf(dataPath, 'juliet')];
    assert.deepEqual(romeo.toSorted(), juliet.toSorted(), 'a message is in both archives or in none');
    const there = new Set(romeo);
    assert.equal(there.size, romeo.length, 'no message is there twice');
    assert.deepEqual(
      stored.filter((number) => !there.has(number)),
      [],
    );
    assert.ok(numbersOf(dataPath, 'tybalt').every((generation) => generation > forgotten));
    assertConsistent(dataPath);
  }
  assert.equal(new Set(given).size, given.length);
  const upto = inDatabase(dataPath, (db) =>
    db.prepare(`SELECT value FROM meta WHERE name = 'text_upto'`).pluck().get(),
  );
  assert.ok((upto as number) > 0, 'rows were indexed between the kills');
  const driver = await openStorage({ driver: 'sqlite', dataPath });
  assert.ok(!given.includes(driver.archive(HOST, 'archive').nextId('romeo').id));
  await driver.close();
});

function numbersOf(dataPath: string, owner: string): number[] {
  return archived(dataPath, owner).map(({ xml }) => Number(/^<message id='(\d+)'/.exec(xml)![1]));
}

function assertConsistent(dataPath: string): void {
  inDatabase(dataPath, (db) => {
    assert.equal(db.pragma('integrity_check', { simple: true }), 'ok');
    const wrong = db
      .prepare(
        `SELECT archive_owner.* FROM archive_owner WHERE bytes <>
         (SELECT IFNULL(SUM(octet_length(xml)), 0) FROM archive WHERE archive.owner = archive_owner.id)`,
      )
      .all();
    assert.deepEqual(wrong, [], 'the size of an archive is that of its rows');
    assert.equal(
      db
        .prepare('SELECT COUNT(*) FROM archive WHERE owner NOT IN (SELECT id FROM archive_owner)')
        .pluck()
        .get(),
      0,
    );
    assert.equal(
      db
        .prepare(
          `SELECT COUNT(*) FROM archive_owner CROSS JOIN archive_text
           WHERE archive_text MATCH archive_owner.id || 'xwherefore'`,
        )
        .pluck()
        .get(),
      db
        .prepare(
          `SELECT COUNT(*) FROM archive WHERE seq <= IFNULL((SELECT value FROM meta WHERE name = 'text_upto'), 0)`,
        )
        .pluck()
        .get(),
      'the index has the rows up to its mark',
    );
  });
}

/** Lets another process write, kills it in the middle of that, and gives the keys it acknowledged. */
function writeUntil(acknowledged: number, dataPath: string): Promise<string[]> {
  return killAfter(acknowledged, [WRITER, dataPath]);
}

/** Kills a script once it has printed so many lines. Returns its lines. */
async function killAfter(count: number, script: readonly string[]): Promise<string[]> {
  const child = spawn(process.execPath, ['--conditions=source', ...script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let output = '';
  let lines = 0;
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    output += chunk;
    lines += chunk.split('\n').length - 1;
    if (lines >= count) child.kill('SIGKILL');
  }
  const [, signal] = await closed;
  assert.equal(signal, 'SIGKILL');
  return output.slice(0, output.lastIndexOf('\n')).split('\n');
}
