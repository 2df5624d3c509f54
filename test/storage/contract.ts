// One suite that every storage driver passes: what src/storage/stores.ts promises.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArchiveEntry, ArchiveQuery, StorageDriver } from '../../src/storage/stores.ts';

const HOST = 'montague.lit';

/** `open` gives an empty storage; it is closed by the suite. */
export function storageContract(name: string, open: () => Promise<StorageDriver>): void {
  const rule = (title: string, check: (driver: StorageDriver) => Promise<void>) =>
    test(`${name}: ${title}`, async () => {
      const driver = await open();
      try {
        await check(driver);
      } finally {
        await driver.close();
      }
    });

  keyvalContract(rule);
  mapContract(rule);
  archiveContract(rule);
  archivePaging(rule);
  driverContract(rule);
  batchContract(rule);

  test(`${name}: a closed driver refuses every call`, async () => {
    const driver = await open();
    const keyval = driver.keyval(HOST, 'vcard');
    await keyval.set('romeo', 1);
    await driver.close();
    await driver.close();
    const closed = { name: 'StorageError', condition: 'closed' };
    await assert.rejects(keyval.get('romeo'), closed);
    await assert.rejects(keyval.set('romeo', 2), closed);
    await assert.rejects(keyval.delete('romeo'), closed);
    await assert.rejects(all(keyval.owners()), closed);
    await assert.rejects(driver.map(HOST, 'pep').entries('romeo'), closed);
    await assert.rejects(driver.archive(HOST, 'mam').query('romeo', {}), closed);
    await assert.rejects(driver.archive(HOST, 'mam').append('romeo', entry('1', 1)), closed);
    await assert.rejects(driver.purge(HOST, 'romeo'), closed);
    await assert.rejects(
      driver.batch(() => void keyval.set('romeo', 3)),
      closed,
    );
  });
}

type Rule = (title: string, check: (driver: StorageDriver) => Promise<void>) => void;

function keyvalContract(rule: Rule): void {
  rule('a keyval store keeps one value per owner', async (driver) => {
    const store = driver.keyval(HOST, 'vcard');
    assert.equal(await store.get('romeo'), undefined);
    await store.set('romeo', { name: 'Romeo', tags: ['ü', '\u0000', '🌹'], none: null });
    await store.set('juliet', 'Juliet');
    assert.deepEqual(await store.get('romeo'), { name: 'Romeo', tags: ['ü', '\u0000', '🌹'], none: null });
    await store.set('romeo', 2);
    assert.equal(await store.get('romeo'), 2);
    await store.delete('romeo');
    await store.delete('romeo');
    assert.equal(await store.get('romeo'), undefined);
    assert.equal(await store.get('juliet'), 'Juliet');
  });

  rule('stores of other names, kinds and hosts are apart', async (driver) => {
    await driver.keyval(HOST, 'a').set('romeo', 'keyval');
    await driver.keyval(HOST, 'b').set('romeo', 'other name');
    await driver.keyval('capulet.lit', 'a').set('romeo', 'other host');
    await driver.map(HOST, 'a').set('romeo', 'key', 'map');
    assert.equal(await driver.keyval(HOST, 'a').get('romeo'), 'keyval');
    await driver.keyval(HOST, 'a').delete('romeo');
    assert.equal(await driver.keyval(HOST, 'b').get('romeo'), 'other name');
    assert.equal(await driver.keyval('capulet.lit', 'a').get('romeo'), 'other host');
    assert.equal(await driver.map(HOST, 'a').get('romeo', 'key'), 'map');
  });

  rule('values are copied on the way in and out', async (driver) => {
    const store = driver.keyval(HOST, 'vcard');
    const value = { list: [1] };
    const written = store.set('romeo', value);
    value.list.push(2);
    await written;
    const read = (await store.get('romeo')) as { list: number[] };
    read.list.push(3);
    assert.deepEqual(await store.get('romeo'), { list: [1] });
  });

  rule('what JSON cannot hold is refused', async (driver) => {
    const store = driver.keyval(HOST, 'vcard');
    await assert.rejects(store.set('romeo', undefined), TypeError);
    await assert.rejects(store.set('romeo', 1n), TypeError);
    await assert.rejects(driver.map(HOST, 'pep').set('romeo', 'key', undefined), TypeError);
    assert.equal(await store.get('romeo'), undefined);
  });

  rule('owners() gives each owner once', async (driver) => {
    const store = driver.keyval(HOST, 'vcard');
    const names = Array.from({ length: 250 }, (_, index) => `user${index}`);
    const writes = ['', ...names].map((owner) => store.set(owner, owner));
    const seen = await all(store.owners());
    await Promise.all(writes);
    assert.deepEqual(seen.sort(), ['', ...names].sort());
    assert.deepEqual(await all(driver.keyval(HOST, 'other').owners()), []);
  });

  rule('a read sees the writes issued before it', async (driver) => {
    const store = driver.keyval(HOST, 'vcard');
    const first = store.set('romeo', 1);
    const second = store.set('romeo', 2);
    const seen = store.get('romeo');
    const removed = store.delete('romeo');
    assert.ok(((await seen) as number | undefined) !== 1, 'the first value was overtaken');
    assert.equal(await store.get('romeo'), undefined);
    await Promise.all([first, second, removed]);
    const map = driver.map(HOST, 'pep');
    const put = map.set('romeo', 'mood', 'sad');
    assert.deepEqual(await map.entries('romeo'), new Map([['mood', 'sad']]));
    await put;
  });
}

function mapContract(rule: Rule): void {
  rule('a map store keeps many values per owner', async (driver) => {
    const store = driver.map(HOST, 'pep');
    assert.deepEqual(await store.entries('romeo'), new Map());
    await store.set('romeo', 'mood', 'sad');
    await store.set('romeo', 'tune', { title: 'Nightingale' });
    await store.set('juliet', 'mood', 'merry');
    await store.set('romeo', 'mood', 'happy');
    assert.equal(await store.get('romeo', 'mood'), 'happy');
    assert.equal(await store.get('romeo', 'place'), undefined);
    assert.deepEqual(
      new Map([...(await store.entries('romeo'))].sort()),
      new Map<string, unknown>([
        ['mood', 'happy'],
        ['tune', { title: 'Nightingale' }],
      ]),
    );
    await store.delete('romeo', 'mood');
    await store.delete('romeo', 'mood');
    assert.deepEqual([...(await store.entries('romeo')).keys()], ['tune']);
    assert.equal(await store.get('juliet', 'mood'), 'merry');
  });

  rule('a map owner without entries is no owner', async (driver) => {
    const store = driver.map(HOST, 'pep');
    await store.set('romeo', 'mood', 1);
    await store.set('romeo', 'tune', 1);
    await store.set('juliet', 'mood', 1);
    await store.delete('juliet', 'mood');
    assert.deepEqual(await all(store.owners()), ['romeo']);
  });
}

function archiveContract(rule: Rule): void {
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

function archivePaging(rule: Rule): void {
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

function driverContract(rule: Rule): void {
  rule('purge removes an owner from all stores of the host', async (driver) => {
    await fill(driver, 3);
    await driver.keyval(HOST, 'vcard').set('romeo', 1);
    await driver.keyval(HOST, 'vcard').set('juliet', 1);
    await driver.map(HOST, 'pep').set('romeo', 'mood', 1);
    await driver.keyval('capulet.lit', 'vcard').set('romeo', 'elsewhere');
    const purged = driver.purge(HOST, 'romeo');
    assert.equal(await driver.keyval(HOST, 'vcard').get('romeo'), undefined);
    assert.equal((await driver.map(HOST, 'pep').entries('romeo')).size, 0);
    assert.equal((await driver.archive(HOST, 'mam').query('romeo', {})).total, 0);
    await purged;
    assert.equal(await driver.keyval(HOST, 'vcard').get('juliet'), 1);
    assert.equal(await driver.keyval('capulet.lit', 'vcard').get('romeo'), 'elsewhere');
    await driver.purge('nowhere.lit', 'romeo');
  });

  rule('nothing is queued once all writes have resolved', async (driver) => {
    const store = driver.keyval(HOST, 'vcard');
    await Promise.all(Array.from({ length: 500 }, (_, n) => store.set(`user${n % 7}`, n)));
    assert.equal(driver.queuedBytes, 0);
    assert.equal(await store.get('user0'), 497);
  });
}

/** Entries '1' to 'n' of romeo's, a second apart, with odd@ and even@ in turn. */
async function fill(driver: StorageDriver, count: number): Promise<void> {
  const store = driver.archive(HOST, 'mam');
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const peer = (n: number) => (n % 2 ? 'odd@capulet.lit' : 'even@capulet.lit');
  await Promise.all(numbers.map((n) => store.append('romeo', entry(`${n}`, n * 1000, peer(n)))));
}

function entry(id: string, at: number, peer = 'juliet@capulet.lit'): ArchiveEntry {
  return { id, at, with: peer, xml: `<message id='${id}'><body>é</body></message>` };
}

function ids(entries: readonly ArchiveEntry[]): string[] {
  return entries.map(({ id }) => id);
}

async function all(owners: AsyncIterable<string>): Promise<string[]> {
  const seen: string[] = [];
  for await (const owner of owners) seen.push(owner);
  return seen;
}

function batchContract(rule: Rule): void {
  const stores = (driver: StorageDriver) => ({
    keyval: driver.keyval(HOST, 'vcard'),
    map: driver.map(HOST, 'pep'),
    archive: driver.archive(HOST, 'mam'),
  });
  const filled = async (driver: StorageDriver) => {
    const all = stores(driver);
    await all.keyval.set('romeo', 'old');
    await all.map.set('romeo', 'a', 'old');
    await all.archive.append('romeo', entry('1', 1));
    return all;
  };
  const contents = async (driver: StorageDriver) => {
    const { keyval, map, archive } = stores(driver);
    const { entries } = await archive.query('romeo', {});
    return [
      await keyval.get('romeo'),
      Object.fromEntries(await map.entries('romeo')),
      entries.map(({ id }) => id),
    ];
  };

  rule('a batch writes all that it was given', async (driver) => {
    const { keyval, map, archive } = await filled(driver);
    await driver.batch(() => {
      void keyval.set('romeo', 'new');
      void map.set('romeo', 'b', 'new');
      void map.delete('romeo', 'a');
      void archive.append('romeo', entry('2', 2));
    });
    assert.deepEqual(await contents(driver), ['new', { b: 'new' }, ['1', '2']]);
  });

  rule('a read after a batch was begun sees its writes', async (driver) => {
    const { keyval } = await filled(driver);
    const batch = driver.batch(() => void keyval.set('romeo', 'new'));
    assert.equal(await keyval.get('romeo'), 'new');
    await batch;
  });

  rule('a batch that throws writes nothing', async (driver) => {
    const { keyval, map, archive } = await filled(driver);
    const writes = [] as Promise<unknown>[];
    const batch = driver.batch(() => {
      writes.push(keyval.delete('romeo'), map.set('romeo', 'b', 1), map.delete('romeo', 'a'));
      writes.push(archive.append('romeo', entry('2', 2)), archive.delete('romeo', {}));
      writes.push(driver.purge(HOST, 'romeo'));
      throw new Error('no');
    });
    await assert.rejects(batch, /no/);
    await Promise.all(writes);
    assert.deepEqual(await contents(driver), ['old', { a: 'old' }, ['1']]);
  });

  rule('a write that cannot be made fails the whole batch, and only that', async (driver) => {
    const { keyval, map } = await filled(driver);
    const bad = driver.batch(() => {
      void keyval.set('romeo', 'new');
      void map.set('romeo', 'a', undefined);
    });
    const good = map.set('romeo', 'c', 'good');
    await assert.rejects(bad, TypeError);
    await good;
    assert.deepEqual(await contents(driver), ['old', { a: 'old', c: 'good' }, ['1']]);
  });

  rule('an archive entry that is not there fails the whole batch', async (driver) => {
    const { keyval, archive } = await filled(driver);
    const batch = driver.batch(() => {
      void keyval.set('romeo', 'new');
      void archive.delete('romeo', { after: 'nobody' });
    });
    await assert.rejects(batch, { name: 'StorageError' });
    assert.equal(await keyval.get('romeo'), 'old');
  });

  rule('1,000 writes fit into a batch, 1,001 do not; neither do more than 2 MiB', async (driver) => {
    const { keyval, map } = stores(driver);
    const many = (count: number) => () => {
      for (let n = 0; n < count; n++) void map.set('romeo', `${n}`, n);
    };
    await assert.rejects(driver.batch(many(1_001)), { name: 'StorageError', condition: 'failed' });
    assert.equal((await map.entries('romeo')).size, 0);
    await driver.batch(many(1_000));
    assert.equal((await map.entries('romeo')).size, 1_000);
    const large = () => {
      for (let n = 0; n < 3; n++) void keyval.set(`${n}`, 'x'.repeat(1024 * 1024));
    };
    await assert.rejects(driver.batch(large), { name: 'StorageError', condition: 'failed' });
    assert.equal(await keyval.get('0'), undefined);
  });

  rule('a batch inside another one belongs to it; an empty one does nothing', async (driver) => {
    const { keyval } = await filled(driver);
    await driver.batch(() => {});
    const batch = driver.batch(() => {
      void driver.batch(() => void keyval.set('romeo', 'new'));
      throw new Error('no');
    });
    await assert.rejects(batch, /no/);
    assert.equal(await keyval.get('romeo'), 'old');
  });
}
