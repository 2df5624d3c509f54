import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStorage } from '../../../src/storage/drivers/memory.ts';
import { StorageError } from '../../../src/storage/error.ts';
import { openStorage, storesFor } from '../../../src/storage/index.ts';
import type { KeyvalStore } from '../../../src/storage/stores.ts';
import { openTable } from '../../../src/storage/table.ts';
import { emptyFolder } from '../../storage/folder.ts';

const HOST = 'montague.lit';

test('a table has what was stored before, and what is set is read at once', async () => {
  const stores = storesFor(new MemoryStorage(), HOST);
  await stores.keyval('roster').set('romeo', ['juliet']);
  const table = await stores.table<string[]>('roster');
  assert.deepEqual(table.get('romeo'), ['juliet']);
  assert.equal(table.get('tybalt'), undefined);
  const written = table.set('tybalt', []);
  assert.deepEqual(table.get('tybalt'), []);
  assert.deepEqual([...table.keys()].sort(), ['romeo', 'tybalt']);
  assert.deepEqual(new Map(table), new Map<string, string[]>([['romeo', ['juliet']]]).set('tybalt', []));
  await written;
  assert.deepEqual(await stores.keyval('roster').get('tybalt'), []);
  const removed = table.delete('romeo');
  assert.equal(table.get('romeo'), undefined);
  await removed;
  assert.equal(await stores.keyval('roster').get('romeo'), undefined);
});

test('modules of a host share one table per name; hosts do not', async () => {
  const driver = new MemoryStorage();
  const [one, again] = await Promise.all([
    storesFor(driver, HOST).table('roster'),
    storesFor(driver, HOST).table('roster'),
  ]);
  assert.equal(one, again);
  assert.notEqual(one, await storesFor(driver, HOST).table('blocklist'));
  assert.notEqual(one, await storesFor(driver, 'capulet.lit').table('roster'));
  assert.notEqual(one, await storesFor(new MemoryStorage(), HOST).table('roster'));
});

test('a table that could not be opened can be opened later', async () => {
  const driver = new MemoryStorage();
  const keyval = driver.keyval(HOST, 'roster');
  await keyval.set('romeo', 1);
  const { entries } = keyval;
  keyval.entries = () => {
    throw new StorageError('failed', 'disk', { driver: 'memory' });
  };
  await assert.rejects(storesFor(driver, HOST).table('roster'), { condition: 'failed' });
  keyval.entries = entries;
  assert.equal((await storesFor(driver, HOST).table('roster')).get('romeo'), 1);
});

test('purge empties tables and stores of the owner', async () => {
  const driver = await openStorage({ driver: 'sqlite', dataPath: emptyFolder() });
  const stores = storesFor(driver, HOST);
  const table = await stores.table<number>('roster');
  await Promise.all([table.set('romeo', 1), table.set('juliet', 1), stores.map('pep').set('romeo', 'a', 1)]);
  await stores.purge('romeo');
  assert.deepEqual([...table.keys()], ['juliet']);
  assert.equal(await stores.keyval('roster').get('romeo'), undefined);
  assert.equal(await stores.map('pep').get('romeo', 'a'), undefined);
  await driver.close();
});

test('purge leaves a shared table alone; a store is opened as shared by all, or by none', async () => {
  const stores = storesFor(new MemoryStorage(), HOST);
  const groups = await stores.table<string[]>('groups', { shared: true });
  await groups.set('romeo', ['a group of that name']);
  await stores.purge('romeo');
  assert.deepEqual(groups.get('romeo'), ['a group of that name']);
  assert.equal(await stores.table('groups', { shared: true }), groups);
  const message = 'The keyval store "groups" was opened with { shared: true } before';
  await assert.rejects(stores.table('groups'), { message });
  assert.throws(() => stores.keyval('groups'), { message });
});

test('after a failed write, memory has the value of the driver', async () => {
  const { store, answers } = scriptedStore({ romeo: 'old' });
  const table = await openTable(store);
  const written = table.set('romeo', 'new');
  const removed = table.delete('romeo');
  const added = table.set('tybalt', 'new');
  assert.equal(table.get('tybalt'), 'new');
  answers.splice(0).forEach(({ reject }) => {
    reject(new StorageError('failed', 'disk', { driver: 'memory' }));
  });
  await assert.rejects(written, { condition: 'failed' });
  await assert.rejects(removed, { condition: 'failed' });
  await assert.rejects(added, { condition: 'failed' });
  assert.deepEqual([...table], [['romeo', 'old']]);
});

test('a write that failed does not undo a newer one', async () => {
  const { store, answers } = scriptedStore({ romeo: 'old' });
  const table = await openTable(store);
  const first = table.set('romeo', 'first');
  const second = table.set('romeo', 'second');
  const [one, two] = answers;
  one?.reject(new StorageError('failed', 'disk', { driver: 'memory' }));
  await assert.rejects(first);
  assert.equal(table.get('romeo'), 'second');
  two?.resolve();
  await second;
  assert.equal(table.get('romeo'), 'second');
});

/** A store whose writes wait for the test, and change nothing. */
function scriptedStore(values: Record<string, string>) {
  const answers: PromiseWithResolvers<void>[] = [];
  const write = () => {
    const answer = Promise.withResolvers<void>();
    answers.push(answer);
    return answer.promise;
  };
  const store: KeyvalStore<string> = {
    get: async (owner) => values[owner],
    set: write,
    delete: write,
    change: write,
    owners: async function* () {
      yield* Object.keys(values);
    },
    entries: async function* () {
      yield* Object.entries(values);
    },
  };
  return { store, answers };
}

test('a batch writes tables and stores of several hosts together', async () => {
  const driver = await openStorage({ driver: 'sqlite', dataPath: emptyFolder() });
  const [one, other] = [storesFor(driver, HOST), storesFor(driver, 'rooms.lit')];
  const roster = await one.table<number>('roster');
  await one.batch(() => {
    void roster.set('romeo', 1);
    void one.map<number>('pep').set('romeo', 'a', 2);
    void other.keyval<number>('rooms').set('hall', 3);
  });
  assert.equal(await one.keyval('roster').get('romeo'), 1);
  assert.equal(await one.map('pep').get('romeo', 'a'), 2);
  assert.equal(await other.keyval('rooms').get('hall'), 3);
  await driver.close();
});

test('when a batch fails, tables are as before, but for newer writes', async () => {
  const driver = await openStorage({ driver: 'sqlite', dataPath: emptyFolder() });
  const stores = storesFor(driver, HOST);
  const table = await stores.table<string>('roster');
  await table.set('romeo', 'old');
  await table.set('juliet', 'old');
  const failed = stores.batch(() => {
    void table.set('romeo', 'lost');
    void table.set('juliet', 'lost');
    void table.delete('nurse');
    throw new Error('changed my mind');
  });
  const newer = table.set('juliet', 'newer');
  await assert.rejects(failed, /changed my mind/);
  await newer;
  assert.deepEqual(
    [...table],
    [
      ['romeo', 'old'],
      ['juliet', 'newer'],
    ],
  );
  assert.equal(await stores.keyval('roster').get('romeo'), 'old');
  await driver.close();
});
