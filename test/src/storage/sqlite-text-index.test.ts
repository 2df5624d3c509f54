// The index of words on a database of its own: the rows of these tests need no driver.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { ARCHIVE_FLAGS } from '../../../src/storage/archive.ts';
import { openDatabase } from '../../../src/storage/drivers/sqlite-open.ts';
import { indexedWord, type StoredRow, TextIndex } from '../../../src/storage/drivers/sqlite-text-index.ts';
import { emptyFolder } from '../../storage/folder.ts';

const ROMEO = 1;
const LOG = 2;

test('F2: the index is written behind: rows beyond meta.text_upto are not in it', () => {
  const { put, inTransaction, index, found } = openIndex();
  put({ seq: 10 }, 'hark, what light');
  put({ seq: 20 }, 'what light');
  assert.deepEqual(found('light'), []);
  assert.equal(
    inTransaction(() => index.advance(() => true)),
    false,
    'nothing more',
  );
  assert.deepEqual(found('light'), [10, 20]);
  put({ seq: 30 }, 'light');
  assert.deepEqual(found('light'), [10, 20]);
});

test('F2: a row that is stored late, below meta.text_upto, is in the index with its transaction', () => {
  const { put, inTransaction, index, found } = openIndex();
  put({ seq: 20 }, 'light');
  inTransaction(() => index.advance(() => true));
  put({ seq: 10 }, 'light');
  assert.deepEqual(found('light'), [10, 20]);
});

test('F2: advance works in steps, and goes on where it stopped, also after a restart', () => {
  const { db, put, inTransaction, index, found } = openIndex();
  for (let n = 1; n <= 300; n++) put({ seq: n }, 'light');
  assert.equal(
    inTransaction(() => index.advance(() => true)),
    true,
  );
  const some = found('light').length;
  assert.ok(some > 0 && some < 300, `${some}`);
  const next = new TextIndex(db);
  inTransaction(() => next.advance(() => false), next);
  assert.equal(found('light').length, 300);
});

test('F2: only rows of searchable stores are in the index; when that changes, it begins anew', () => {
  const { db, put, remove, inTransaction, index, found } = openIndex();
  const advance = () => inTransaction(() => index.advance(() => false));
  put({ seq: 10 }, 'light');
  put({ seq: 11, owner: LOG }, 'light');
  advance();
  assert.deepEqual(found('light'), [10]);
  db.exec('UPDATE store SET searchable = 1');
  inTransaction(() => index.restart());
  assert.deepEqual(found('light'), []);
  advance();
  assert.deepEqual(found('light', LOG), [11]);
  remove({ seq: 11, owner: LOG }, 'light');
  assert.deepEqual(found('light', LOG), []);
  assert.deepEqual(found('light'), [10]);
});

test('F4: encrypted rows and tombstones are not in the index', () => {
  const { put, inTransaction, index, found } = openIndex();
  put({ seq: 1, flags: ARCHIVE_FLAGS.encrypted }, 'light');
  put({ seq: 2, flags: ARCHIVE_FLAGS.tombstone }, 'light');
  put({ seq: 3, flags: ARCHIVE_FLAGS.sent }, 'light');
  inTransaction(() => index.advance(() => false));
  assert.deepEqual(found('light'), [3]);
});

test('F2: a word that leaves the index is no longer in the file', () => {
  const { db, file, put, remove, inTransaction, index } = openIndex();
  for (let n = 1; n <= 300; n++) put({ seq: n }, `Rosaline${n} and mercutio${n}`);
  inTransaction(() => index.advance(() => false));
  db.pragma('wal_checkpoint(TRUNCATE)');
  assert.ok(textOf(file).includes('osaline77'));
  for (let n = 77; n < 200; n++) remove({ seq: n }, `Rosaline${n} and mercutio${n}`);
  db.pragma('wal_checkpoint(TRUNCATE)');
  for (const word of ['77', '131', '199']) assert.ok(!textOf(file).includes(`osaline${word}`), word);
  assert.ok(textOf(file).includes('osaline250'), 'others stay');
});

test('F5: a word of one owner cannot pass for that of another', () => {
  const { put, inTransaction, index, found } = openIndex();
  put({ seq: 1, owner: ROMEO }, `${LOG}xlight ${indexedWord(LOG, 'dark')} ${LOG} xsun`);
  inTransaction(() => index.advance(() => false));
  for (const word of ['light', 'dark', 'sun', '', 'xsun']) assert.deepEqual(found(word, LOG), [], word);
  assert.deepEqual(found(`${LOG}xlight`, ROMEO), [1]);
});

interface Row extends Partial<StoredRow> {
  readonly seq: number;
}

function openIndex() {
  const file = join(emptyFolder(), 'index.sqlite');
  new Database(file).close();
  const db = openDatabase({ file, isBackedUp: false, report: () => {} });
  db.exec(`
    INSERT INTO store (id, host, kind, name, searchable)
      VALUES (1, 'montague.lit', 'archive', 'archive', 1), (2, 'montague.lit', 'archive', 'log', 0);
    INSERT INTO archive_owner (id, store, owner, bytes) VALUES (${ROMEO}, 1, 'romeo', 0), (${LOG}, 2, 'log', 0);
  `);
  const index = new TextIndex(db);
  const inTransaction = <T>(work: () => T, on: TextIndex = index): T =>
    db.transaction(() => {
      on.begin();
      return work();
    })();
  const rowOf = (row: Row, body: string): StoredRow => ({
    owner: ROMEO,
    flags: 0,
    xml: `<message><body>${body}</body></message>`,
    ...row,
  });
  return {
    db,
    file,
    index,
    inTransaction,
    put: (partial: Row, body: string) => {
      const row = rowOf(partial, body);
      db.prepare('INSERT INTO archive (seq, owner, peer, flags, xml) VALUES (?, ?, 1, ?, ?)').run(
        row.seq,
        row.owner,
        row.flags,
        row.xml,
      );
      inTransaction(() => index.added(row));
    },
    remove: (partial: Row, body: string) => {
      db.prepare('DELETE FROM archive WHERE seq = ?').run(partial.seq);
      inTransaction(() => index.removed(rowOf(partial, body)));
    },
    found: (word: string, owner = ROMEO) => {
      const query = `"${indexedWord(owner, word)}"`;
      const sql = 'SELECT rowid FROM archive_text WHERE archive_text MATCH ? ORDER BY rowid';
      return db.prepare<[string], number>(sql).pluck().all(query);
    },
  };
}

function textOf(file: string): string {
  return [file, `${file}-wal`]
    .map((each) => readFileSync(each, 'latin1'))
    .join('')
    .toLowerCase();
}
