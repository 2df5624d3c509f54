// What every driver's batches promise (src/storage/stores.ts).

import assert from 'node:assert/strict';
import type { StorageDriver } from '../../src/storage/stores.ts';
import { append, bodies, HOST, mam, message, type Rule } from './rows.ts';

export function batchContract(rule: Rule): void {
  const stores = (driver: StorageDriver) => ({
    keyval: driver.keyval(HOST, 'vcard'),
    map: driver.map(HOST, 'pep'),
    archive: mam(driver),
  });
  const filled = async (driver: StorageDriver) => {
    const all = stores(driver);
    await all.keyval.set('romeo', 'old');
    await all.map.set('romeo', 'a', 'old');
    await append(all.archive, 'romeo', { xml: message('1') });
    return all;
  };
  const contents = async (driver: StorageDriver) => {
    const { keyval, map, archive } = stores(driver);
    return [
      await keyval.get('romeo'),
      Object.fromEntries(await map.entries('romeo')),
      await bodies(archive, 'romeo'),
    ];
  };

  rule('a batch writes all that it was given', async (driver) => {
    const { keyval, map, archive } = await filled(driver);
    await driver.batch(() => {
      void keyval.set('romeo', 'new');
      void map.set('romeo', 'b', 'new');
      void map.delete('romeo', 'a');
      void append(archive, 'romeo', { xml: message('2') });
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
      writes.push(append(archive, 'romeo', { xml: message('2') }), archive.prune('romeo', {}));
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

  rule('an archive row without an id of its owner fails the whole batch', async (driver) => {
    const { keyval, archive } = await filled(driver);
    const { id } = archive.nextId('juliet');
    const batch = driver.batch(() => {
      void keyval.set('romeo', 'new');
      void archive.append('romeo', { id, with: '', xml: message('2') });
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
