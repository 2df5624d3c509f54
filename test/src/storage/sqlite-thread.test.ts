// The writing thread ends, or cannot start: nothing that was acknowledged is lost, and the server can go on.

import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SqliteStorage } from '../../../src/storage/drivers/sqlite.ts';
import { Faults } from '../../../src/util/faults.ts';
import type { Death } from '../../storage/dying-writer.ts';
import { emptyFolder } from '../../storage/folder.ts';
import { assertFaults, ErrorLog } from '../../support/server.ts';

const HOST = 'montague.lit';
const DYING = new URL('../../storage/dying-writer.ts', import.meta.url);

async function open() {
  const folder = emptyFolder();
  const faults = new Faults(new ErrorLog());
  const storage = await SqliteStorage.open(folder, { faults, writer: DYING });
  const death = (die: Death['die'], times = 1): Death => ({ die, times, file: join(folder, 'deaths') });
  return { folder, faults, storage, death, store: storage.keyval(HOST, 'vcard') };
}

/** How each write ended: its value when it was acknowledged and can be read, or the condition of its error. */
async function outcomes(writes: Promise<unknown>[]): Promise<string[]> {
  const results = await Promise.allSettled(writes);
  return results.map((result) => (result.status === 'fulfilled' ? 'written' : String(result.reason.message)));
}

for (const die of ['before', 'after'] as const) {
  test(`the thread ends ${die} it has committed: all is written once more by the next one`, async () => {
    const { storage, store, faults, death } = await open();
    const archive = storage.archive(HOST, 'mam');
    const writes = [
      store.set('romeo', 1),
      archive.append('romeo', { id: 'a', at: 1, with: 'juliet@capulet.lit', xml: '<message/>' }),
      store.set('poison', death(die)),
      archive.append('romeo', { id: 'b', at: 2, with: 'juliet@capulet.lit', xml: '<message/>' }),
      store.set('romeo', 2),
    ];
    assert.deepEqual(await outcomes(writes), ['written', 'written', 'written', 'written', 'written']);
    assert.equal(await store.get('romeo'), 2);
    const { entries } = await archive.query('romeo', {});
    assert.deepEqual(
      entries.map(({ id }) => id),
      ['a', 'b'],
    );
    assertFaults(faults, { storage: 1 });
    await storage.close();
  });
}

test('an operation that ends every thread fails alone', async () => {
  const { storage, store, faults, death } = await open();
  const writes = [store.set('romeo', 1), store.set('poison', death('before', 99)), store.set('juliet', 2)];
  const [first, poison, last] = await outcomes(writes);
  assert.deepEqual([first, last], ['written', 'written']);
  assert.match(poison!, /Not written: the writing thread ended: it ended without a word/);
  assert.equal(await store.get('poison'), undefined);
  assert.deepEqual([await store.get('romeo'), await store.get('juliet')], [1, 2]);
  assertFaults(faults, { storage: 2 });
  await storage.close();
});

test('removing the first entries is not done twice: whether it was done is not known, and so it fails', async () => {
  const { storage, store, death } = await open();
  const archive = storage.archive(HOST, 'offline');
  for (const id of ['a', 'b', 'c', 'd'])
    await archive.append('romeo', { id, at: 1, with: 'juliet@capulet.lit', xml: '<message/>' });
  const writes = [archive.delete('romeo', { limit: 2 }), store.set('poison', death('after'))];
  const [removal, poison] = await outcomes(writes);
  assert.match(removal!, /the writing thread ended/);
  assert.equal(poison, 'written');
  assert.equal((await archive.query('romeo', {})).entries.length, 2);
  await storage.close();
});

test('while no thread can be started writes are refused at once; when it can, they are taken again', async () => {
  const { folder, storage, store, faults, death } = await open();
  await store.set('romeo', 1);
  const file = join(folder, 'enjamb.sqlite');
  const lost = store.set('poison', death('before'));
  renameSync(file, `${file}.away`); // SQLite would make a new file, but not where there is a folder.
  mkdirSync(file);
  assert.match((await outcomes([lost]))[0]!, /Not written: the writing thread ended/);
  assert.match((await outcomes([store.set('romeo', 2)]))[0]!, /enjamb\.sqlite: /);
  assert.equal(await store.get('romeo'), 1, 'what is there can be read');
  rmdirSync(file);
  renameSync(`${file}.away`, file);
  let last = '';
  for (let attempt = 0; attempt < 100 && last !== 'written'; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    last = (await outcomes([store.set('romeo', 3)]))[0]!;
  }
  assert.equal(last, 'written');
  assert.equal(await store.get('romeo'), 3);
  assert.ok((faults.counts.get('storage') ?? 0) >= 2);
  await storage.close();
});

test('a driver whose thread is gone can be closed', async () => {
  const { folder, storage, store, death } = await open();
  const file = join(folder, 'enjamb.sqlite');
  const lost = store.set('poison', death('before'));
  renameSync(file, `${file}.away`);
  mkdirSync(file);
  await assert.rejects(lost);
  await storage.close();
  await assert.rejects(store.set('romeo', 1), { condition: 'closed' });
});
