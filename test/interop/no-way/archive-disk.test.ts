// Archives on a disk that becomes full, and a database that has no room to be converted.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { SqliteStorage } from '../../../src/storage/drivers/sqlite.ts';
import { archived, inDatabase } from '../../storage/archived.ts';
import { fill, smallDisk } from './small-disk.ts';

const HOST = 'montague.lit';
const LIMIT = { timeout: 120_000 };
const SCHEMA_V2 = readFileSync(new URL('../../storage/schema-v2.sql', import.meta.url), 'utf8');

test(
  'X2: a disk of 64 MiB filled and freed under load: what was acknowledged is there once, what was refused is not',
  LIMIT,
  async (t) => {
    const data = await smallDisk(t, 'size=64m');
    const storage = await SqliteStorage.open(data);
    const archive = storage.archive(HOST, 'archive');
    await storage.keyval(HOST, 'vcard').set('romeo', 'here');
    const stored: number[] = [];
    const refused = new Map<string, number>();
    let next = 0;
    const write = async (count: number): Promise<void> => {
      for (let left = count; left > 0; left--) {
        const number = next++;
        const row = {
          id: archive.nextId('romeo').id,
          with: 'juliet@capulet.lit',
          xml: `${number} ${'x'.repeat(1_000)}`,
        };
        await archive.append('romeo', row).then(
          () => stored.push(number),
          ({ condition }) => refused.set(condition, (refused.get(condition) ?? 0) + 1),
        );
      }
    };
    const writers = (count: number) => Promise.all(Array.from({ length: 40 }, () => write(count)));
    await writers(20);
    const before = stored.length;
    const load = writers(200);
    await fill(join(data, 'ballast'));
    await load;
    assert.equal(await storage.keyval(HOST, 'vcard').get('romeo'), 'here', 'reads go on');
    await rm(join(data, 'ballast'));
    const during = stored.length;
    await writers(20);
    await storage.close();
    assert.equal(before, 800);
    assert.deepEqual([...refused.keys()], ['full']);
    assert.equal(stored.length - during, 800, 'it heals by itself');
    const rows = archived(data, 'romeo').map(({ xml }) => Number(xml.split(' ', 1)[0]));
    assert.deepEqual(
      rows.toSorted((a, b) => a - b),
      stored.toSorted((a, b) => a - b),
    );
    inDatabase(data, (db) => {
      assert.equal(db.pragma('integrity_check', { simple: true }), 'ok');
      assert.equal(
        db.prepare('SELECT bytes FROM archive_owner').pluck().get(),
        db.prepare('SELECT SUM(octet_length(xml)) FROM archive').pluck().get(),
      );
    });
  },
);

test(
  'G1: less than 1.2 times the size free: start refused, with the size and --no-backup; the database is as before',
  LIMIT,
  async (t) => {
    const data = await smallDisk(t, 'size=24m');
    const file = join(data, 'enjamb.sqlite');
    const old = new Database(file).exec(SCHEMA_V2);
    const insert = old.prepare('INSERT INTO keyval VALUES (1, ?, ?)');
    for (let n = 0; n < 26; n++) insert.run(`user${n}`, 'x'.repeat(500_000));
    old.close();
    await assert.rejects(SqliteStorage.open(data), {
      condition: 'failed',
      message:
        /a copy of it needs 15 MiB, but \S+ has \d+ MiB free\. Free some space, or start with --no-backup/,
    });
    inDatabase(data, (db) => assert.equal(db.pragma('user_version', { simple: true }), 2));
    const storage = await SqliteStorage.open(data, { isBackedUp: false });
    await storage.close();
    assert.equal(archived(data, 'romeo').length, 3);
  },
);
