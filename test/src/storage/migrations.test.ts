import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { openStorage } from '../../../src/storage/index.ts';
import { MIGRATIONS } from '../../../src/storage/migrations.ts';
import { emptyFolder } from '../../storage/folder.ts';

const HOST = 'montague.lit';
const SCHEMA_V1 = readFileSync(new URL('../../storage/schema-v1.sql', import.meta.url), 'utf8');

test('a database of the first version is brought up to date and keeps its data', async () => {
  const dataPath = emptyFolder();
  edit(dataPath, (db) => db.exec(SCHEMA_V1));
  const driver = await openStorage({ driver: 'sqlite', dataPath });
  assert.deepEqual(await driver.keyval(HOST, 'vcard').get('romeo'), { name: 'Romeo' });
  assert.equal(await driver.map(HOST, 'pep').get('romeo', 'mood'), 'sad');
  const page = await driver.archive(HOST, 'mam').query('romeo', {});
  assert.deepEqual(
    page.entries.map(({ id }) => id),
    ['first', 'second'],
  );
  await driver.keyval(HOST, 'vcard').set('juliet', 1);
  await driver.close();
  edit(dataPath, (db) => assert.equal(db.pragma('user_version', { simple: true }), MIGRATIONS.length));
});

test('keys with U+0000 of the first version get a slash instead', async () => {
  const dataPath = emptyFolder();
  edit(dataPath, (db) => {
    db.exec(SCHEMA_V1);
    const id = (kind: string) =>
      db.prepare('INSERT INTO store (host, kind, name) VALUES (?, ?, ?)').run(HOST, kind, 'old')
        .lastInsertRowid;
    const keyval = db.prepare('INSERT INTO keyval (store, owner, value) VALUES (?, ?, ?)');
    const map = db.prepare('INSERT INTO map (store, owner, key, value) VALUES (?, ?, ?, ?)');
    keyval.run(id('keyval'), 'a\0b\0c', '1');
    const old = id('map');
    map.run(old, 'romeo', 'x\0y', '2');
    map.run(old, 'a\0b', 'plain', '3');
  });
  const driver = await openStorage({ driver: 'sqlite', dataPath });
  assert.equal(await driver.keyval(HOST, 'old').get('a/b/c'), 1);
  assert.equal(await driver.map(HOST, 'old').get('romeo', 'x/y'), 2);
  assert.equal(await driver.map(HOST, 'old').get('a/b', 'plain'), 3);
  await driver.close();
});

test('a fresh database and one migrated from the first version have the same schema', async () => {
  const [fresh, old] = [emptyFolder(), emptyFolder()];
  edit(old, (db) => db.exec(SCHEMA_V1));
  const schemas: string[] = [];
  for (const dataPath of [fresh, old]) {
    await (await openStorage({ driver: 'sqlite', dataPath })).close();
    edit(dataPath, (db) => schemas.push(schemaOf(db)));
  }
  assert.equal(schemas[0], schemas[1]);
});

test('the first step is never edited', () => {
  const frozen = new Database(':memory:').exec(SCHEMA_V1);
  const first = new Database(':memory:').exec(MIGRATIONS[0] ?? '');
  assert.equal(schemaOf(first), schemaOf(frozen));
});

test('a database of a newer version is refused and left as it is', async () => {
  const dataPath = emptyFolder();
  edit(dataPath, (db) => db.exec(`${SCHEMA_V1}; PRAGMA user_version = ${MIGRATIONS.length + 1}`));
  await assert.rejects(openStorage({ driver: 'sqlite', dataPath }), {
    name: 'StorageError',
    condition: 'newer-database',
    driver: 'sqlite',
  });
  edit(dataPath, (db) => assert.equal(db.pragma('user_version', { simple: true }), MIGRATIONS.length + 1));
});

function edit(dataPath: string, work: (db: Database.Database) => unknown): void {
  const db = new Database(join(dataPath, 'enjamb.sqlite'));
  work(db);
  db.close();
}

/** The statements that made the tables and indexes, without the white space of their source. */
function schemaOf(db: Database.Database): string {
  const rows = db.prepare('SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name').all();
  return (rows as { sql: string }[]).map(({ sql }) => sql.replace(/\s+/g, ' ')).join('\n');
}
