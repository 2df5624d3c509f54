// Addresses that cannot be prepared: what it costs to say why.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDestination } from '../../../src/core/unusable-address.ts';

/** Milliseconds for 200 addresses with so many characters that addresses cannot have. */
function timeFor(count: number): number {
  const symbols = Array.from({ length: count }, (_, n) => String.fromCharCode(0x2500 + n)).join('');
  const startedAt = performance.now();
  for (let n = 0; n < 200; n++) {
    assert.throws(() => parseDestination(`${n}${symbols}@capulet.lit`), {
      message: 'The part before the @ has what addresses cannot have: U+2500, U+2501, U+2502',
    });
  }
  return performance.now() - startedAt;
}

test('an address of 250 characters that are not allowed takes little longer than one of three', () => {
  timeFor(3);
  const [few, many] = [timeFor(3), timeFor(250)];
  assert.ok(many < 8 * few, `${many} ms, and ${few} ms for three`);
});
