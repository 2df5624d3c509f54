// The look-up in a list, compared with a walk through all items.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlockedJids } from '../../../modules/blocklist/blocked.ts';
import { Jid } from '../../../src/xml/jid.ts';

const label = fc.constantFrom('a', 'b', 'ab');
const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const address = fc
  .tuple(fc.constantFrom('', 'x@', 'y@'), domain, fc.constantFrom('', '/1', '/2'))
  .map((parts) => parts.join(''));

/** XEP-0191 §6, with the domains below a domain. */
function matches(item: Jid, jid: Jid): boolean {
  if (item.isDomain) return jid.domain === item.domain || jid.domain.endsWith(`.${item.domain}`);
  return item.isFull ? item.equals(jid) : item.bare === jid.bare;
}

test('XEP-0191 §6: an address is blocked if one of the items matches it', () => {
  fc.assert(
    fc.property(fc.array(address, { maxLength: 5 }), address, (items, text) => {
      const jid = Jid.parse(text);
      const expected = items.some((item) => matches(Jid.parse(item), jid));
      assert.equal(new BlockedJids(items).has(jid), expected);
    }),
    { numRuns: 5_000 },
  );
});

test('a domain of 500 labels is looked up', () => {
  const deep = `${'a.'.repeat(500)}lit`;
  assert.equal(new BlockedJids(['lit']).has(Jid.parse(`x@${deep}`)), true);
  assert.equal(new BlockedJids(['b.lit']).has(Jid.parse(`x@${deep}`)), false);
});
