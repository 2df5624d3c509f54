// Addresses that cannot be prepared: what it costs to say why.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDestination } from '../../../src/core/unusable-address.ts';

test('an error names at most three of the forbidden characters', () => {
  const symbols = Array.from({ length: 250 }, (_, n) => String.fromCharCode(0x2500 + n)).join('');
  assert.throws(() => parseDestination(`${symbols}@capulet.lit`), {
    message: 'The part before the @ has characters that addresses cannot have: U+2500, U+2501, U+2502',
  });
});
