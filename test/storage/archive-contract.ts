// What every driver's archives promise (src/storage/stores.ts).

import assert from 'node:assert/strict';
import type { ArchiveQuery } from '../../src/storage/stores.ts';
import { all, entry, fill, HOST, ids, type Rule } from './rows.ts';

export function archiveContract(rule: Rule): void {
  rule('an archive gives its entries back by time, ties in order of appending', async (driver) => {
    const store = driver.archive(HOST, 'mam');
    const late = entry('z', 30, 'juliet@capulet.lit');
    const entries = [entry('b', 20), entry('a', 20), entry('c', 10), late];
    for (const each of entries) await store.append('romeo', each);
    const page = await store.query('romeo', {});
    assert.deepEqual(ids(page.entries), ['c', 'b', 'a', 'z']);
    assert.deepEqual(page.entries[3], late);
    assert.equal(page.complete, true);
    assert.equal(page.total, 4);
    assert.deepEqual(await store.query('juliet', {}), { entries: [], complete: true, total: 0 });
  });

  rule('an archive filters by whom and when, both ends included', async (driver) => {
    const store = driver.archive(HOST, 'mam');
    await fill(driver, 10);
    const select = async (query: ArchiveQuery) => ids((await store.query('romeo', query)).entries);
    assert.deepEqual(await select({ start: 3000, end: 5000 }), ['3', '4', '5']);
    assert.deepEqual(await select({ start: 9000 }), ['9', '10']);
    assert.deepEqual(await select({ end: 1999 }), ['1']);
    assert.deepEqual(await select({ start: 5000, end: 4000 }), []);
    assert.deepEqual(await select({ with: 'odd@capulet.lit', end: 6000 }), ['1', '3', '5']);
    assert.deepEqual(await select({ with: 'nobody@capulet.lit' }), []);
  });

  rule('an entry appended again replaces the old one and keeps its place', async (driver) => {
    const store = driver.archive(HOST, 'mam');
    for (const id of ['a', 'b', 'c']) await store.append('romeo', entry(id, 1));
    await store.append('romeo', { id: 'b', at: 1, with: 'x', xml: '<tombstone/>' });
    const page = await store.query('romeo', {});
    assert.deepEqual(ids(page.entries), ['a', 'b', 'c']);
    assert.deepEqual(page.entries[1], { id: 'b', at: 1, with: 'x', xml: '<tombstone/>' });
    await store.append('juliet', entry('b', 1));
    assert.equal((await store.query('romeo', {})).total, 3);
  });

  rule('an archive deletes what the query would give', async (driver) => {
    const store = driver.archive(HOST, 'mam');
    await fill(driver, 10);
    await store.append('juliet', entry('1', 1000));
    const rest = async () => ids((await store.query('romeo', {})).entries);
    assert.equal(await store.delete('romeo', { end: 2000 }), 2);
    assert.equal(await store.delete('romeo', { with: 'odd@capulet.lit', limit: 1 }), 1);
    assert.deepEqual(await rest(), ['4', '5', '6', '7', '8', '9', '10']);
    assert.equal(await store.delete('romeo', { newestFirst: true, limit: 2 }), 2);
    assert.equal(await store.delete('romeo', { after: '4', before: '7' }), 2);
    assert.deepEqual(await rest(), ['4', '7', '8']);
    await assert.rejects(store.delete('romeo', { after: 'gone' }), { condition: 'item-not-found' });
    assert.equal(await store.delete('romeo', {}), 3);
    assert.equal(await store.delete('romeo', {}), 0);
    assert.deepEqual(await all(store.owners()), ['juliet']);
  });

  rule('an archive finds and deletes entries by their ids, and passes over unknown ones', async (driver) => {
    const store = driver.archive(HOST, 'mam');
    await fill(driver, 6);
    const page = await store.query('romeo', { ids: ['5', '2', 'gone'] });
    assert.deepEqual(ids(page.entries), ['2', '5']);
    assert.equal(page.total, 2);
    assert.equal(await store.delete('romeo', { ids: ['1', '3', 'gone'] }), 2);
    assert.equal(await store.delete('romeo', { ids: [] }), 0);
    assert.deepEqual(ids((await store.query('romeo', {})).entries), ['2', '4', '5', '6']);
  });
}

export function archivePaging(rule: Rule): void {
  rule('XEP-0059: pages forward from an id, none lost or twice', async (driver) => {
    const store = driver.archive(HOST, 'mam');
    for (let n = 1; n <= 7; n++) await store.append('romeo', entry(`${n}`, 5)); // All in one millisecond.
    const seen: string[] = [];
    let query: ArchiveQuery = { limit: 3 };
    for (;;) {
      const page = await store.query('romeo', query);
      seen.push(...ids(page.entries));
      assert.equal(page.total, 7);
      if (page.complete) break;
      query = { limit: 3, after: seen.at(-1) ?? '' };
    }
    assert.deepEqual(seen, ['1', '2', '3', '4', '5', '6', '7']);
  });

  rule('XEP-0059: pages backward from the end', async (driver) => {
    const store = driver.archive(HOST, 'mam');
    await fill(driver, 7);
    const last = await store.query('romeo', { newestFirst: true, limit: 3 });
    assert.deepEqual(ids(last.entries), ['7', '6', '5']);
    assert.equal(last.complete, false);
    const first = await store.query('romeo', { newestFirst: true, limit: 4, before: '5' });
    assert.deepEqual(ids(first.entries), ['4', '3', '2', '1']);
    assert.equal(first.complete, true);
  });

  rule('XEP-0059: ids bound the page, filters the total', async (driver) => {
    const store = driver.archive(HOST, 'mam');
    await fill(driver, 10);
    const query = { with: 'odd@capulet.lit', start: 2000 };
    const page = await store.query('romeo', { ...query, after: '4', before: '9' });
    assert.deepEqual(ids(page.entries), ['5', '7']);
    assert.equal(page.complete, true);
    assert.equal(page.total, 4);
    const exact = await store.query('romeo', { ...query, limit: 4 });
    assert.equal(exact.complete, true, 'a full last page is known to be the last');
  });

  rule('XEP-0059 §2.6: a limit of 0 asks for the count alone', async (driver) => {
    await fill(driver, 3);
    const store = driver.archive(HOST, 'mam');
    assert.deepEqual(await store.query('romeo', { limit: 0 }), { entries: [], complete: false, total: 3 });
    assert.deepEqual(await store.query('juliet', { limit: 0 }), { entries: [], complete: true, total: 0 });
  });

  rule('XEP-0059 §2.2: an unknown id is item-not-found', async (driver) => {
    await fill(driver, 3);
    const store = driver.archive(HOST, 'mam');
    const notFound = { name: 'StorageError', condition: 'item-not-found', store: 'mam' };
    await assert.rejects(store.query('romeo', { after: 'gone' }), notFound);
    await assert.rejects(store.query('romeo', { before: 'gone' }), notFound);
    await assert.rejects(store.query('juliet', { after: '1' }), notFound, "another owner's id");
  });

  rule('an archive read sees the entries appended before it', async (driver) => {
    const store = driver.archive(HOST, 'mam');
    const writes = [entry('1', 1), entry('2', 2)].map((each) => store.append('romeo', each));
    assert.deepEqual(ids((await store.query('romeo', { after: '1' })).entries), ['2']);
    await Promise.all(writes);
  });
}
