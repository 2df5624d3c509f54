import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DirectedAddresses } from '../../modules/presence/directed.ts';

test('addresses of directed presence are counted once, and removed ones no longer', () => {
  const directed = new DirectedAddresses();
  const size = () => [directed.count, directed.bytes];
  directed.add('a@b', 'a@b/1');
  directed.add('a@b', 'a@b/ö');
  directed.add('c@d', 'c@d');
  directed.add('a@b', 'a@b/1');
  assert.deepEqual(size(), [3, 14]);
  directed.remove('c@d', 'c@d/unknown');
  directed.remove('c@d', 'c@d');
  directed.remove('c@d', 'c@d');
  assert.deepEqual(size(), [2, 11]);
  assert.equal(directed.has('c@d'), false);
  directed.delete('a@b');
  assert.deepEqual([size(), [...directed]], [[0, 0], []]);
});
