import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setLatest } from '../../../src/util/latest.ts';

test('beyond the bound the entry that was set first is forgotten; one that is set again is new', () => {
  const map = new Map<string, number>();
  for (const key of ['a', 'b', 'c', 'a', 'd']) setLatest(map, key, map.size, 3);
  assert.deepEqual([...map.keys()], ['c', 'a', 'd']);
});
