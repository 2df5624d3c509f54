// Why an address cannot be used, and how to write it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressFault, canonicalJid } from '../../../src/config/addresses.ts';

/** Each row: an address without a resource that cannot be used, and what is said about it. */
const FAULTS: readonly (readonly [address: string, fault: string])[] = [
  ["d'artagnan@a.example", "a name cannot contain '; the escaped form is d\\27artagnan@a.example (XEP-0106)"],
  ['a b@a.example', 'a name cannot contain a space; the escaped form is a\\20b@a.example (XEP-0106)'],
  [
    'at@home&"here"@a.example',
    'a name cannot contain @ or & or "; the escaped form is at\\40home\\26\\22here\\22@a.example (XEP-0106)',
  ],
  ['♥ann@a.example', 'a name cannot contain "♥" (U+2665)'],
  ['ann\u0007@a.example', 'a name cannot contain U+0007'],
  ['ann@a.example/phone', 'leave out "/phone", which names one client: ann@a.example'],
  ['@a.example', 'the name before the "@" is missing'],
  ['ann@', 'the domain is missing'],
  ['', 'the domain is missing'],
  ['ann@a..example', '"a..example" is not a domain'],
  [`${'a'.repeat(1024)}@a.example`, 'the name is too long, or mixes characters in a way that is not allowed'],
];

for (const [address, fault] of FAULTS) {
  test(`RFC 7622 §3: why an address cannot be used: ${address.slice(0, 30)}`, () => {
    assert.equal(canonicalJid(address, true), undefined);
    assert.equal(addressFault(address, true), fault);
  });
}

test('XEP-0106 §3: the escaped form that is suggested can be used', () => {
  for (const char of ' "&\'/:<>@') {
    const [, escaped = ''] = /escaped form is (\S+)/.exec(addressFault(`a${char}b@a.example`, true)) ?? [];
    if (char !== '/') assert.equal(canonicalJid(escaped, true), escaped, char);
  }
});
