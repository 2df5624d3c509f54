import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { openStorage } from '../../../src/storage/index.ts';
import { archived } from '../../storage/archived.ts';
import { emptyFolder } from '../../storage/folder.ts';

const WRITER = fileURLToPath(new URL('../../storage/writer-process.ts', import.meta.url));
const SIZES = `SELECT bytes, (SELECT SUM(octet_length(xml)) FROM archive) AS counted FROM archive_owner`;
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

/** Lets another process write, kills it in the middle of that, and gives the keys it acknowledged. */
async function writeUntil(acknowledged: number, dataPath: string): Promise<string[]> {
  const child = spawn(process.execPath, ['--conditions=source', WRITER, dataPath], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let output = '';
  let lines = 0;
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    output += chunk;
    lines += chunk.split('\n').length - 1;
    if (lines >= acknowledged) child.kill('SIGKILL');
  }
  const [, signal] = await closed;
  assert.equal(signal, 'SIGKILL');
  return output.slice(0, output.lastIndexOf('\n')).split('\n');
}
