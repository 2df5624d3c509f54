import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prepareDomain } from '../../../src/xml/domain.ts';
import { StanzaError } from '../../../src/xml/errors.ts';

describe('RFC 7622 §3.2: domains', () => {
  const same: [string, string][] = [
    ['EXAMPLE.com', 'example.com'],
    ['example.com.', 'example.com'],
    ['localhost', 'localhost'],
    ['3com.example', '3com.example'],
    ['a-b.c1', 'a-b.c1'],
    ['192.0.2.1', '192.0.2.1'],
    ['[2001:DB8:0::1]', '[2001:db8::1]'],
    ['[::1]', '[::1]'],
    ['[::ffff:192.0.2.1]', '[::ffff:c000:201]'],
    ['BÜCHER.example', 'bücher.example'],
    ['xn--bcher-kva.example', 'bücher.example'],
    ['XN--BCHER-KVA.example', 'bücher.example'],
    ['bu\u0308cher。example。', 'bücher.example'],
    ['faß.example', 'faß.example'],
    ['ｅｘａｍｐｌｅ.com', 'example.com'],
    ['אבג.example', 'אבג.example'],
    ['例え.テスト', '例え.テスト'],
  ];
  for (const [given, prepared] of same) {
    it(`${given} is ${prepared}`, () => {
      assert.equal(prepareDomain(given), prepared);
      assert.equal(prepareDomain(prepared), prepared);
    });
  }

  const refused = [
    '',
    '.',
    '..',
    'a..b',
    '.a',
    'a..',
    '-a',
    'a-',
    'a.-b.c',
    'a_b',
    'a b',
    'a\0',
    'a:5222',
    'a%62',
    'a/b',
    'a\\b',
    'a?b',
    'a#b',
    '*.example',
    'ab--cd',
    'xn--',
    'xn--zzzzzzzz',
    'xn--a',
    'xn--abc-',
    '☕.example',
    'a\u200Db',
    '\u0301a.example',
    'ü-.example',
    'אa.example',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '0x7f.1',
    '123',
    '１.２.３',
    '01.2.3.4',
    '[::1',
    '::1',
    '[::1]x',
    '[]',
    '[1.2.3.4]',
    '[fe80::1%eth0]',
    '[v1.x]',
    `${'x'.repeat(64)}.example`,
    `${'ü'.repeat(60)}.example`,
    'a\uD800',
    '\uFEFF.example',
    'ü\u2024example',
    'bü/cher.example',
  ];
  for (const text of refused) {
    it(`${JSON.stringify(text)} is refused`, () => assert.throws(() => prepareDomain(text), StanzaError));
  }
});
