// One suite that every storage driver passes: what src/storage/stores.ts promises.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../support/clock.ts';
import { archiveContract } from './archive-contract.ts';
import { archiveModelContract } from './archive-model-contract.ts';
import { archivePagesContract } from './archive-pages-contract.ts';
import { archiveRetentionContract } from './archive-retention-contract.ts';
import { archiveSearchContract } from './archive-search-contract.ts';
import { batchContract } from './batch-contract.ts';
import { all, append, bodies, fill, HOST, mam, type Open, type Rule } from './rows.ts';

/** All promises of a driver. `open` gives an empty storage with the clock of the suite, which closes it. */
export function storageContract(name: string, open: Open): void {
  storesContract(name, open);
  archivesContract(name, open);
  pagesContract(name, open);
  searchesContract(name, open);
}

/** The small stores, batches, and the driver itself. */
export function storesContract(name: string, open: Open): void {
  const rule = rulesOf(name, open);
  keyvalContract(rule);
  entriesContract(rule);
  changeContract(rule);
  keyContract(rule);
  mapContract(rule);
  driverContract(rule);
  batchContract(rule);
  closedContract(name, open);
}

/** What archives store, change and remove. */
export function archivesContract(name: string, open: Open): void {
  const rule = rulesOf(name, open);
  archiveContract(rule);
  archiveRetentionContract(rule);
}

/** Pages and counts of archives. */
export function pagesContract(name: string, open: Open): void {
  archivePagesContract(rulesOf(name, open));
}

/** Searches in archives, and any query at all. */
export function searchesContract(name: string, open: Open): void {
  const rule = rulesOf(name, open);
  archiveSearchContract(rule);
  archiveModelContract(rule);
}

function rulesOf(name: string, open: Open): Rule {
  return (title, check) =>
    test(`${name}: ${title}`, async () => {
      const clock = new FakeClock();
      const driver = await open(clock);
      try {
        await check(driver, clock);
      } finally {
        await driver.close();
      }
    });
}

function closedContract(name: string, open: Open): void {
  test(`${name}: a closed driver refuses every call`, async () => {
    const driver = await open(new FakeClock());
    const keyval = driver.keyval(HOST, 'vcard');
    const archive = mam(driver);
    const retraction = { with: '', isSent: false, messageId: 'a', by: { id: 'b', at: 0 } };
    await keyval.set('romeo', 1);
    await driver.close();
    await driver.close();
    const closed = { name: 'StorageError', condition: 'closed' };
    await assert.rejects(keyval.get('romeo'), closed);
    await assert.rejects(keyval.set('romeo', 2), closed);
    await assert.rejects(keyval.delete('romeo'), closed);
    await assert.rejects(all(keyval.owners()), closed);
    await assert.rejects(all(keyval.entries()), closed);
    await assert.rejects(all(driver.map(HOST, 'pep').all()), closed);
    await assert.rejects(driver.map(HOST, 'pep').entries('romeo'), closed);
    await assert.rejects(append(archive, 'romeo'), closed);
    await assert.rejects(archive.put('romeo', { name: 'n', with: '', xml: '' }), closed);
    await assert.rejects(archive.adopt('romeo', { name: 'n', at: 1, with: '', xml: '' }), closed);
    await assert.rejects(archive.get('romeo', ['n']), closed);
    await assert.rejects(archive.remove('romeo', ['n']), closed);
    await assert.rejects(archive.mark('romeo', ['n'], { add: 1 }), closed);
    await assert.rejects(archive.replace('romeo', 'n', { xml: '', flags: 0 }), closed);
    await assert.rejects(archive.retract('romeo', retraction), closed);
    await assert.rejects(archive.page('romeo', { limit: 1 }), closed);
    await assert.rejects(archive.waiting('romeo'), closed);
    await assert.rejects(archive.usage('romeo'), closed);
    await assert.rejects(archive.prune('romeo', {}), closed);
    await assert.rejects(archive.keep('romeo', 1), closed);
    await assert.rejects(archive.expire({ now: 1 }), closed);
    await assert.rejects(archive.delivered('romeo', 1), closed);
    await assert.rejects(archive.recover(1), closed);
    await assert.rejects(archive.forget('romeo'), closed);
    await assert.rejects(all(archive.owners()), closed);
    await assert.rejects(driver.purge(HOST, 'romeo'), closed);
    await assert.rejects(
      driver.batch(() => void keyval.set('romeo', 3)),
      closed,
    );
  });
}

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

function entriesContract(rule: Rule): void {
  rule('a keyval store gives all owners with their values, page by page', async (driver) => {
    const store = driver.keyval(HOST, 'vcard');
    const values = new Map<string, unknown>([['', 'the host']]);
    for (let n = 0; n < 250; n++) values.set(`user${n}`, { n });
    await Promise.all([...values].map(([owner, value]) => store.set(owner, value)));
    await driver.keyval(HOST, 'other').set('user1', 'elsewhere');
    await driver.keyval('capulet.lit', 'vcard').set('user1', 'elsewhere');
    const seen: [string, unknown][] = [];
    for await (const entry of store.entries()) seen.push([...entry]);
    assert.equal(seen.length, values.size);
    assert.deepEqual(new Map(seen.sort()), new Map([...values].sort()));
  });

  rule('entries see the writes before them', async (driver) => {
    const store = driver.keyval(HOST, 'vcard');
    const written = [store.set('romeo', 1), store.set('juliet', 2), store.delete('romeo')];
    const seen: unknown[] = [];
    for await (const entry of store.entries()) seen.push(entry);
    assert.deepEqual(seen, [['juliet', 2]]);
    await Promise.all(written);
  });
}

function changeContract(rule: Rule): void {
  const plus = (n: number) => (value: unknown) => Number(value ?? 0) + n;

  rule('changes of one value happen one after the other, and none is lost', async (driver) => {
    const store = driver.keyval(HOST, 'counts');
    await Promise.all(Array.from({ length: 100 }, (_, n) => store.change(`user${n % 2}`, plus(1))));
    assert.equal(await store.get('user0'), 50);
    assert.equal(await store.get('user1'), 50);
  });

  rule('a change sees all writes that were issued before it is made', async (driver) => {
    const store = driver.keyval(HOST, 'counts');
    const writes = [store.set('romeo', 10), store.change('romeo', plus(1)), store.set('romeo', 20)];
    writes.push(store.change('romeo', plus(2)));
    await Promise.all(writes);
    const value = await store.get('romeo');
    assert.ok(value === 22 || value === 23, `${value}`);
  });

  rule('a change makes and removes values; one that throws writes nothing', async (driver) => {
    const store = driver.keyval(HOST, 'counts');
    await store.change('romeo', (value) => value ?? ['made']);
    await store.change('romeo', (value) => {
      (value as string[]).push('edited');
      return value;
    });
    assert.deepEqual(await store.get('romeo'), ['made', 'edited']);
    const fails = () => {
      throw new RangeError('no');
    };
    await assert.rejects(store.change('romeo', fails), RangeError);
    assert.deepEqual(await store.get('romeo'), ['made', 'edited']);
    await store.change('romeo', () => undefined);
    await store.change('juliet', () => undefined);
    assert.deepEqual(await all(store.entries()), []);
  });

  rule('a change fails the batch that it is in', async (driver) => {
    const store = driver.keyval(HOST, 'counts');
    const batch = driver.batch(() => {
      void store.set('juliet', 1);
      void store.change('romeo', plus(1));
    });
    await assert.rejects(batch, { name: 'StorageError', message: 'A change cannot be part of a batch' });
    assert.deepEqual(await all(store.entries()), []);
  });
}

function keyContract(rule: Rule): void {
  rule('keys with U+0000 are refused', async (driver) => {
    const refused = {
      name: 'TypeError',
      message: /^A key of a store must not contain U\+0000: "a\\u0000b"$/,
    };
    const key = 'a\0b';
    const keyval = driver.keyval(HOST, 'vcard');
    const map = driver.map(HOST, 'pep');
    await assert.rejects(keyval.get(key), refused);
    await assert.rejects(keyval.set(key, 1), refused);
    await assert.rejects(keyval.delete(key), refused);
    await assert.rejects(
      keyval.change(key, () => 1),
      refused,
    );
    await assert.rejects(map.get('romeo', key), refused);
    await assert.rejects(map.set('romeo', key, 1), refused);
    await assert.rejects(map.set(key, 'mood', 1), refused);
    await assert.rejects(map.delete('romeo', key), refused);
    await assert.rejects(map.entries(key), refused);
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

  rule('a map store gives all entries of all owners, page by page', async (driver) => {
    const store = driver.map(HOST, 'pep');
    const owners = Array.from({ length: 30 }, (_, n) => `user${n}`);
    const entries = new Map(Array.from({ length: 11 }, (_, n) => [`key${n}`, n]));
    await Promise.all(owners.flatMap((owner) => [...entries].map(([key, n]) => store.set(owner, key, n))));
    await driver.map(HOST, 'other').set('user1', 'a', 'elsewhere');
    const seen = new Map<string, ReadonlyMap<string, unknown>>();
    for await (const [owner, values] of store.all()) {
      assert.equal(seen.has(owner), false, 'an owner comes once');
      seen.set(owner, new Map([...values].sort()));
    }
    assert.deepEqual([...seen.keys()].sort(), owners.toSorted());
    for (const values of seen.values()) assert.deepEqual(values, new Map([...entries].sort()));
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

function driverContract(rule: Rule): void {
  rule('purge removes an owner from all stores of the host', async (driver, clock) => {
    await fill(driver, clock, 3);
    await driver.keyval(HOST, 'vcard').set('romeo', 1);
    await driver.keyval(HOST, 'vcard').set('juliet', 1);
    await driver.map(HOST, 'pep').set('romeo', 'mood', 1);
    await driver.keyval('capulet.lit', 'vcard').set('romeo', 'elsewhere');
    const purged = driver.purge(HOST, 'romeo');
    assert.equal(await driver.keyval(HOST, 'vcard').get('romeo'), undefined);
    assert.equal((await driver.map(HOST, 'pep').entries('romeo')).size, 0);
    assert.deepEqual(await bodies(mam(driver), 'romeo'), []);
    await purged;
    assert.equal(await driver.keyval(HOST, 'vcard').get('juliet'), 1);
    assert.equal(await driver.keyval('capulet.lit', 'vcard').get('romeo'), 'elsewhere');
    await driver.purge('nowhere.lit', 'romeo');
  });

  rule('purge leaves shared stores alone', async (driver) => {
    const shared = { shared: true };
    await driver.keyval(HOST, 'invites', shared).set('romeo', 'a token');
    await driver.map(HOST, 'groups', shared).set('romeo', 'a group', 1);
    await append(driver.archive(HOST, 'audit', shared), 'romeo');
    await driver.keyval(HOST, 'vcard').set('romeo', 1);
    await driver.purge(HOST, 'romeo');
    assert.equal(await driver.keyval(HOST, 'vcard').get('romeo'), undefined);
    assert.equal(await driver.keyval(HOST, 'invites', shared).get('romeo'), 'a token');
    assert.equal((await driver.map(HOST, 'groups', shared).entries('romeo')).size, 1);
    assert.deepEqual(await bodies(driver.archive(HOST, 'audit', shared), 'romeo'), ['hark']);
  });

  rule('nothing is queued once all writes have resolved', async (driver) => {
    const store = driver.keyval(HOST, 'vcard');
    await Promise.all(Array.from({ length: 500 }, (_, n) => store.set(`user${n % 7}`, n)));
    assert.equal(driver.queuedBytes, 0);
    assert.equal(await store.get('user0'), 497);
  });
}
