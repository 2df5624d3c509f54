import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BoundedMap } from '../../../../src/util/flow/index.ts';

test('beyond the bound the entry that was set first is forgotten; one that is set again is new', () => {
  const map = new BoundedMap<string, number>(3);
  for (const key of ['a', 'b', 'c', 'a', 'd']) map.set(key, map.size);
  assert.deepEqual([...map.keys()], ['c', 'a', 'd']);
});

test('a key with an undefined value is an entry like any other', () => {
  const map = new BoundedMap<string | undefined, undefined>(2);
  for (const key of [undefined, 'a', 'b']) map.set(key, undefined);
  assert.deepEqual([...map.keys()], ['a', 'b']);
});

test('it is never above its bound, and holds what was set last', () => {
  const steps = fc.array(fc.record({ key: fc.nat(30), deletes: fc.boolean() }), { maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), steps, (max, given) => {
      const map = new BoundedMap<number, number>(max);
      let expected: number[] = [];
      for (const [i, { key, deletes }] of given.entries()) {
        expected = expected.filter((other) => other !== key);
        if (deletes) map.delete(key);
        else {
          map.set(key, i);
          expected = [...expected, key].slice(-max);
        }
        assert.deepEqual([...map.keys()], expected);
      }
    }),
  );
});
