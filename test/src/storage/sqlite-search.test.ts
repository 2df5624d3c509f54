// Searches on SQLite beyond the contract: what is in the index of words, and in the files.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStorage } from '../../../src/storage/index.ts';
import { inDatabase } from '../../storage/archived.ts';
import { emptyFolder } from '../../storage/folder.ts';
import { append, bodies, HOST, indexed, JULIET, mam, message } from '../../storage/rows.ts';
import { FakeClock } from '../../support/clock.ts';

const open = (dataPath: string, clock = new FakeClock()) =>
  openStorage({ driver: 'sqlite', dataPath, clock });

test('R4: the text of a tombstone leaves index and file', async () => {
  const folder = emptyFolder();
  const clock = new FakeClock();
  const storage = await open(folder, clock);
  const store = mam(storage);
  for (let n = 0; n < 50; n++)
    await append(store, 'romeo', { xml: message(`hark${n} nightingale`, { id: `${n}` }) });
  await indexed(storage, clock);
  assert.ok(filesOf(folder).includes('hark23'));
  assert.equal(wordsIn(folder).includes('hark23'), true);
  const by = { id: 'r', at: 0 };
  await store.retract('romeo', { with: JULIET, isSent: false, messageId: '23', by });
  const [replaced] = (await store.page('romeo', { limit: 1, index: 24 })).rows;
  await store.replace('romeo', replaced!.id, { xml: message('lark'), flags: 0 });
  inDatabase(folder, (db) => db.pragma('wal_checkpoint(TRUNCATE)'));
  for (const word of ['hark23', 'hark24']) {
    assert.equal(filesOf(folder).includes(word), false, word);
    assert.equal(wordsIn(folder).includes(word), false, word);
  }
  assert.deepEqual(await bodies(store, 'romeo', { words: ['hark'], limit: 3, index: 22 }), [
    'hark22 nightingale',
    'hark25 nightingale',
    'hark26 nightingale',
  ]);
  await storage.close();
});

test('a store that becomes searchable is indexed from its first row; until then its rows are read', async () => {
  const folder = emptyFolder();
  const first = await open(folder);
  for (const body of ['light', 'lighter', 'dark']) {
    await append(first.archive(HOST, 'archive'), 'romeo', { xml: message(body) });
  }
  assert.deepEqual(await bodies(first.archive(HOST, 'archive'), 'romeo', { words: ['light'] }), [
    'light',
    'lighter',
  ]);
  await first.close();
  assert.deepEqual(wordsIn(folder), []);
  const clock = new FakeClock();
  const second = await open(folder, clock);
  const store = mam(second);
  assert.deepEqual(await bodies(store, 'romeo', { words: ['light'] }), ['light', 'lighter']);
  await append(store, 'romeo', { xml: message('light again') });
  await indexed(second, clock);
  assert.deepEqual(wordsIn(folder), ['again', 'dark', 'light', 'lighter']);
  assert.deepEqual(await bodies(store, 'romeo', { words: ['light'] }), ['light', 'lighter', 'light again']);
  await second.close();
});

test('F2: rows that were indexed are found through the index, newer ones beside it, in either direction', async () => {
  const folder = emptyFolder();
  const clock = new FakeClock();
  const storage = await open(folder, clock);
  const store = mam(storage);
  const [one] = await Promise.all(
    ['1 light', '2 light'].map((body) => append(store, 'romeo', { xml: message(body) })),
  );
  await indexed(storage, clock);
  for (const body of ['3 light', '4 light']) await append(store, 'romeo', { xml: message(body) });
  // Only the index still knows this word of the first row, so the answer tells where it was looked up.
  inDatabase(folder, (db) =>
    db.prepare('UPDATE archive SET xml = ? WHERE seq IN (SELECT MIN(seq) FROM archive)').run('<message/>'),
  );
  const search = async (query: object) =>
    (await store.page('romeo', { words: ['light'], limit: 3, ...query })).rows.map(({ id, xml }) =>
      id === one!.id ? '1' : /<body>(\d)/.exec(xml)![1],
    );
  assert.deepEqual(await search({}), ['1', '2', '3']);
  assert.deepEqual(await search({ isBackwards: true }), ['2', '3', '4']);
  assert.deepEqual(await search({ after: one!.id }), ['2', '3', '4']);
  assert.deepEqual(await search({ index: 1 }), ['2', '3', '4']);
  await storage.close();
});

/** The words in the index, without the numbers of their owners. */
function wordsIn(folder: string): string[] {
  return inDatabase(folder, (db) => {
    db.exec("CREATE VIRTUAL TABLE temp.words USING fts5vocab (main, archive_text, 'row')");
    const terms = db.prepare<[], string>('SELECT term FROM temp.words ORDER BY term').pluck().all();
    return terms.map((term) => term.replace(/^\d+x/, ''));
  });
}

function filesOf(folder: string): string {
  const files = ['', '-wal'].map((suffix) => join(folder, `enjamb.sqlite${suffix}`)).filter(existsSync);
  return files.map((file) => readFileSync(file, 'latin1')).join('');
}
