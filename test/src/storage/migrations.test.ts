import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { openStorage } from '../../../src/storage/index.ts';
import { MIGRATION_FUNCTIONS, MIGRATIONS } from '../../../src/storage/migrations.ts';
import { type Logger, silentLogger } from '../../../src/util/logger.ts';
import { archived, inDatabase } from '../../storage/archived.ts';
import { emptyFolder } from '../../storage/folder.ts';

const HOST = 'montague.lit';
const SCHEMA_V1 = readFileSync(new URL('../../storage/schema-v1.sql', import.meta.url), 'utf8');
const SCHEMA_V2 = readFileSync(new URL('../../storage/schema-v2.sql', import.meta.url), 'utf8');
const KILLED = fileURLToPath(new URL('../../storage/killed-migration.ts', import.meta.url));

test('a database of the first version is brought up to date and keeps its data', async () => {
  const dataPath = emptyFolder();
  edit(dataPath, (db) => db.exec(SCHEMA_V1));
  const driver = await openStorage({ driver: 'sqlite', dataPath });
  assert.deepEqual(await driver.keyval(HOST, 'vcard').get('romeo'), { name: 'Romeo' });
  assert.equal(await driver.map(HOST, 'pep').get('romeo', 'mood'), 'sad');
  await driver.keyval(HOST, 'vcard').set('juliet', 1);
  await driver.close();
  assert.deepEqual(
    archived(dataPath, 'romeo', 'mam').map(({ name }) => name),
    ['first', 'second'],
  );
  edit(dataPath, (db) => assert.equal(db.pragma('user_version', { simple: true }), MIGRATIONS.length));
});

test('G2: stored messages become hidden waiting rows in their order; rows of other archives keep their ids', async () => {
  const dataPath = emptyFolder();
  edit(dataPath, (db) => db.exec(SCHEMA_V2));
  const reports: unknown[] = [];
  const info = (_: string, fields?: object) => void reports.push(fields);
  const log: Logger = { ...silentLogger, info, child: () => log };
  const driver = await openStorage({ driver: 'sqlite', dataPath, log });
  await driver.close();
  const at = Date.parse('2026-11-29T20:00:00Z') * 1024;
  assert.deepEqual(
    archived(dataPath, 'romeo').map(({ xml, ...row }) => ({ ...row, body: /Wherefore \d/.exec(xml)?.[0] })),
    [
      { seq: at, with: 'juliet@capulet.lit', flags: 6, name: null, body: 'Wherefore 0' },
      { seq: at + 1, with: 'juliet@capulet.lit', flags: 6, name: null, body: 'Wherefore 1' },
      { seq: at + 2000 * 1024, with: 'nurse@capulet.lit', flags: 6, name: null, body: 'Wherefore 2' },
    ],
  );
  assert.equal(archived(dataPath, 'tybalt').length, 1);
  const [note] = archived(dataPath, 'romeo', 'notes');
  assert.deepEqual(note, { seq: at + 500 * 1024, with: 'list', flags: 0, name: 'first', xml: '<note/>' });
  const [bytes, counted] = inDatabase(dataPath, (db) =>
    ['SUM(bytes) FROM archive_owner', 'SUM(octet_length(xml)) FROM archive'].map((sum) =>
      db.prepare(`SELECT ${sum}`).pluck().get(),
    ),
  );
  assert.equal(bytes, counted);
  assert.deepEqual(reports, [
    { step: 'copying the database', rows: 0 },
    { step: 'converting archives', rows: 5 },
  ]);
});

test('G2: more messages in a millisecond than it has positions keep their order', async () => {
  const dataPath = emptyFolder();
  edit(dataPath, (db) => {
    db.exec(SCHEMA_V2);
    const insert = db.prepare(`INSERT INTO archive (store, owner, id, at, peer, xml)
      SELECT id, 'mercutio', ?, 1000, 'a@b', ? FROM store WHERE name = 'offline'`);
    db.transaction(() => {
      for (let n = 0; n < 2_500; n++) insert.run(`id ${n}`, `${n}`);
    })();
  });
  await (await openStorage({ driver: 'sqlite', dataPath })).close();
  assert.deepEqual(
    archived(dataPath, 'mercutio').map(({ xml }) => Number(xml)),
    Array.from({ length: 2_500 }, (_, n) => n),
  );
});

test('G1: a copy is made before the first step, whole and only for its owner; an interrupted start leaves the old version', async () => {
  const dataPath = emptyFolder();
  edit(dataPath, (db) => {
    db.exec(SCHEMA_V2);
    db.exec(`CREATE TABLE peer (x)`); // The step fails in the middle.
  });
  const before = dump(join(dataPath, 'enjamb.sqlite'));
  await assert.rejects(openStorage({ driver: 'sqlite', dataPath }), /table peer already exists/);
  edit(dataPath, (db) => assert.equal(db.pragma('user_version', { simple: true }), 2));
  assert.deepEqual(dump(join(dataPath, 'enjamb.sqlite')), before);
  const copies = readdirSync(dataPath).filter((name) => /^enjamb-v2-\d{8}T\d{9}Z\.sqlite$/.test(name));
  assert.equal(copies.length, 1);
  const copy = join(dataPath, copies[0]!);
  assert.equal(statSync(copy).mode & 0o777, 0o600);
  assert.deepEqual(dump(copy), before);
  edit(dataPath, (db) => db.exec('DROP TABLE peer'));
  await (await openStorage({ driver: 'sqlite', dataPath, isBackedUp: false })).close();
  assert.equal(archived(dataPath, 'romeo').length, 3);
  assert.equal(
    readdirSync(dataPath).filter((name) => name.startsWith('enjamb-v2')).length,
    1,
    'no second copy',
  );
});

test('G1: killed in the middle of a step, the next start begins with the old version again', async () => {
  const dataPath = emptyFolder();
  edit(dataPath, (db) => db.exec(SCHEMA_V2));
  const killed = spawnSync(process.execPath, ['--conditions=source', KILLED, dataPath]);
  assert.equal(killed.signal, 'SIGKILL', String(killed.stderr));
  edit(dataPath, (db) => assert.equal(db.pragma('user_version', { simple: true }), 2));
  await (await openStorage({ driver: 'sqlite', dataPath })).close();
  assert.equal(archived(dataPath, 'romeo').length, 3);
});

test('a new database needs no copy', async () => {
  const dataPath = emptyFolder();
  await (await openStorage({ driver: 'sqlite', dataPath })).close();
  assert.deepEqual(readdirSync(dataPath), ['enjamb.sqlite']);
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

test('the second step is never edited', () => {
  const frozen = new Database(':memory:').exec(SCHEMA_V2);
  const second = new Database(':memory:').exec(MIGRATIONS[0] as string);
  for (const [name, run] of Object.entries(MIGRATION_FUNCTIONS)) second.function(name, run);
  assert.equal(schemaOf(second.exec(MIGRATIONS[1] as string)), schemaOf(frozen));
});

test('the first step is never edited', () => {
  const frozen = new Database(':memory:').exec(SCHEMA_V1);
  const first = new Database(':memory:').exec(MIGRATIONS[0] as string);
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

/** All rows of a database of the second version. */
function dump(file: string): unknown[] {
  const db = new Database(file, { readonly: true });
  const rows = ['store', 'keyval', 'map', 'archive'].map((table) =>
    db.prepare(`SELECT * FROM ${table}`).all(),
  );
  db.close();
  return rows;
}

/** The statements that made the tables and indexes, without the white space of their source. */
function schemaOf(db: Database.Database): string {
  const rows = db.prepare('SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name').all();
  return (rows as { sql: string }[]).map(({ sql }) => sql.replace(/\s+/g, ' ')).join('\n');
}
