import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { didYouMean, editDistance, nearest } from '../../../src/config/suggest.ts';

const WORDS = ['modules_enabled', 'modules_disabled', 'c2s_ports', 's2s_ports', 'ping_muc', 'mam', 'admins'];

test('the nearest known word is suggested, for swaps, gaps, case and hyphens alike', () => {
  const cases = {
    modules_enabeld: 'modules_enabled',
    'Ping-Muc': 'ping_muc',
    pingmuc: 'ping_muc',
    admin: 'admins',
    s2sports: 's2s_ports',
  };
  for (const [typed, meant] of Object.entries(cases)) assert.equal(nearest(typed, WORDS), meant);
});

test('suggests nothing when no known word is near', () => {
  for (const typed of ['colour', 'x', 'xyz', 'hosts'])
    assert.equal(didYouMean(typed, WORDS), undefined, typed);
});

test('editDistance is a distance: symmetric, zero for equal words alone, at most the longer length', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      const distance = editDistance(a, b);
      assert.equal(distance, editDistance(b, a));
      assert.equal(distance === 0, a === b);
      assert.ok(distance <= Math.max(a.length, b.length));
    }),
  );
  assert.equal(editDistance('ab', 'ba'), 1);
  assert.equal(editDistance('kitten', 'sitting'), 3);
});
