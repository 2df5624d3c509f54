import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StanzaError } from '../../../src/xml/errors.ts';
import { Jid } from '../../../src/xml/jid.ts';
import { opaqueString, usernameCaseMapped } from '../../../src/xml/precis.ts';

function malformed(text: string): void {
  assert.throws(
    () => Jid.parse(text),
    (error) => error instanceof StanzaError && error.condition === 'jid-malformed',
  );
  assert.equal(Jid.tryParse(text), undefined);
}

describe('RFC 7622 §3.5, table 1: addresses', () => {
  const cases: [text: string, local: string | undefined, domain: string, resource: string | undefined][] = [
    ['juliet@example.com', 'juliet', 'example.com', undefined],
    ['juliet@example.com/foo', 'juliet', 'example.com', 'foo'],
    ['juliet@example.com/foo bar', 'juliet', 'example.com', 'foo bar'],
    ['juliet@example.com/foo@bar', 'juliet', 'example.com', 'foo@bar'],
    ['foo\\20bar@example.com', 'foo\\20bar', 'example.com', undefined],
    ['fussball@example.com', 'fussball', 'example.com', undefined],
    ['fu\u00DFball@example.com', 'fu\u00DFball', 'example.com', undefined],
    ['\u03C0@example.com', '\u03C0', 'example.com', undefined],
    ['\u03A3@example.com/foo', '\u03C3', 'example.com', 'foo'],
    ['\u03C3@example.com/foo', '\u03C3', 'example.com', 'foo'],
    ['\u03C2@example.com/foo', '\u03C2', 'example.com', 'foo'],
    ['king@example.com/\u265A', 'king', 'example.com', '\u265A'],
    ['example.com', undefined, 'example.com', undefined],
    ['example.com/foobar', undefined, 'example.com', 'foobar'],
    ['a.example.com/b@example.net', undefined, 'a.example.com', 'b@example.net'],
    // Listed as invalid there; erratum 4560: nothing in OpaqueString forbids it.
    ['juliet@example.com/ foo', 'juliet', 'example.com', ' foo'],
  ];
  for (const [text, local, domain, resource] of cases) {
    it(JSON.stringify(text), () => {
      const jid = Jid.parse(text);
      assert.deepEqual([jid.local, jid.domain, jid.resource], [local, domain, resource]);
      assert.equal(jid.bare, local === undefined ? domain : `${local}@${domain}`);
      assert.equal(Jid.parse(`${jid}`).equals(jid), true);
    });
  }
});

describe('RFC 7622 §3.5, table 2: no addresses', () => {
  const cases = [
    '"juliet"@example.com',
    'foo bar@example.com',
    '@example.com/',
    'henry\u2163@example.com',
    '\u265A@example.com',
    'juliet@',
    '/foobar',
  ];
  for (const text of cases) it(JSON.stringify(text), () => malformed(text));
});

describe('RFC 7622 §3.1: the parts', () => {
  it('the first slash ends the bare address, the first at sign before it the local part', () => {
    const jid = Jid.parse('a@example.com/b@c/d');
    assert.deepEqual([jid.local, jid.domain, jid.resource], ['a', 'example.com', 'b@c/d']);
    malformed('a@b@example.com');
  });

  for (const text of ['', '@', '/', '@/', 'a@/r', '@example.com', 'example.com/', 'a@example.com/']) {
    it(`no part may be empty: ${JSON.stringify(text)}`, () => malformed(text));
  }

  it('§3.2, §3.3, §3.4: a part has 1023 bytes at most, counted in UTF-8', () => {
    const long = 'x'.repeat(1023);
    assert.equal(Jid.parse(`${long}@example.com/${long}`).resource, long);
    malformed(`${long}x@example.com`);
    malformed(`example.com/${long}x`);
    assert.equal(Jid.parse(`${'ü'.repeat(511)}@example.com`).local?.length, 511);
    malformed(`${'ü'.repeat(512)}@example.com`);
    malformed(`example.com/${'ü'.repeat(512)}`);
    malformed(`${'x.'.repeat(512)}example.com`);
  });
});

describe('RFC 7622 §3.3: local parts', () => {
  const same: [string, string][] = [
    ['JULIET', 'juliet'],
    ['Ｊｕｌｉｅｔ', 'juliet'],
    ['ﾊﾟ', 'パ'],
    ['E\u0301', 'é'],
    ['ÅSA', 'åsa'],
    ['İ', 'i\u0307'],
    ['a!#$%()*+,-.;=?[\\]^_`{|}~', 'a!#$%()*+,-.;=?[\\]^_`{|}~'],
    ['가', '가'],
    ['\u{20000}', '\u{20000}'],
  ];
  for (const [given, prepared] of same) {
    it(`${given} is ${prepared}`, () => assert.equal(Jid.of(given, 'example.com').local, prepared));
  }

  const refused: [string, string][] = [
    ['§3.3.1: the excluded characters', '"&\'/:<>@'],
    ['white space', ' \u00A0\u3000\t\n'],
    ['controls', '\0\u007F\u0085\u009F'],
    ['symbols and punctuation beyond ASCII', '♚€°«…'],
    ['compatibility characters', 'Ⅳﬁﷺ²①ſ\u212A\u212B\u0340'],
    ['ignorable characters', '\u00AD\u200B\u2060\uFEFF\uFE0F\u034F'],
    ['old Hangul jamo', '\u1100\u1161\u11A8\uA960\uD7B0'],
    ['exceptions of RFC 5892', '\u0640\u07FA\u302E\u3031\u303B'],
    ['unassigned code points and noncharacters', '\u0378\uFDD0\uFFFE\u{1FFFF}\u{E0FFF}'],
    ['private use and lone surrogates', '\uE000\u{F0000}\uD800\uDC00'],
    ['other letters and digits', 'ǅⅷ'],
  ];
  for (const [what, characters] of refused) {
    it(`${what} are refused`, () => {
      const single = what.includes('surrogates')
        ? ['\uE000', '\u{F0000}', '\uD800', '\uDC00']
        : [...characters];
      for (const character of single) {
        assert.throws(() => Jid.of(`a${character}a`, 'example.com'), StanzaError, JSON.stringify(character));
      }
    });
  }

  it('RFC 5892 appendix A: characters that need a context are allowed in it only', () => {
    const fine = [
      'l·l',
      '\u0375\u03B1',
      'א\u05F3',
      'א\u05F4',
      'カ\u30FBカ',
      '漢\u30FB',
      'ا\u0661',
      'ا\u06F1',
      'क्\u200Dष',
      'क्\u200Cष',
      'می\u200Cخ',
    ];
    const wrong = [
      'a·l',
      'l·',
      '·',
      '\u0375a',
      'a\u0375',
      '\u05F3',
      'a\u30FBb',
      'ا\u0661\u06F1',
      'a\u200Db',
      'a\u200Cb',
      'ا\u200Cب',
      'ب\u200C',
      '\u200Dक',
    ];
    for (const name of fine) assert.equal(usernameCaseMapped(name), name, JSON.stringify(name));
    for (const name of wrong) assert.equal(usernameCaseMapped(name), undefined, JSON.stringify(name));
  });

  it('RFC 5893 §2: right-to-left names do not mix directions', () => {
    const fine = ['אבג', 'אב1', 'א-ב', 'ابج', 'اب\u0661', 'אָ', 'ab1', '1a'];
    const wrong = ['אa', 'aא', '1א', '-א', 'א-', 'ا1\u0661', '\u0661', 'a\u0661', 'אéב'];
    for (const name of fine) assert.equal(usernameCaseMapped(name), name, JSON.stringify(name));
    for (const name of wrong) assert.equal(usernameCaseMapped(name), undefined, JSON.stringify(name));
  });
});

describe('RFC 7622 §3.4: resource parts', () => {
  it('RFC 8265 §4.2: case, width and symbols stay; spaces become one kind; the form is NFC', () => {
    for (const resource of ['Balcony', 'Ｆｕｌｌ', '♚ 😀', 'ⅳ', '"&\'/:<>@', 'אa', '가']) {
      assert.equal(Jid.of('a', 'example.com', resource).resource, resource);
    }
    assert.equal(opaqueString('a\u00A0b\u3000c'), 'a b c');
    assert.equal(opaqueString('e\u0301'), 'é');
  });

  for (const resource of [
    '\0',
    'a\tb',
    '\u0085',
    '\u200B',
    'a\u200Db',
    '\uFE0F',
    '\uD800',
    '\uE000',
    '\u2028',
    '\u0378',
    '\u1100',
  ]) {
    it(`${JSON.stringify(resource)} is refused`, () => malformed(`example.com/${resource}`));
  }
});

describe('Jid', () => {
  it('states its kind', () => {
    const kinds = (text: string) => {
      const { isFull, isBare, isDomain } = Jid.parse(text);
      return [isFull, isBare, isDomain];
    };
    assert.deepEqual(kinds('a@example.com/r'), [true, false, false]);
    assert.deepEqual(kinds('example.com/r'), [true, false, false]);
    assert.deepEqual(kinds('a@example.com'), [false, true, false]);
    assert.deepEqual(kinds('example.com'), [false, false, true]);
  });

  it('toBare and withResource', () => {
    const full = Jid.parse('A@Example.com/r');
    assert.equal(`${full.toBare()}`, 'a@example.com');
    assert.equal(full.toBare(), full.toBare());
    assert.equal(full.toBare().toBare(), full.toBare());
    assert.equal(`${full.withResource('e\u0301')}`, 'a@example.com/é');
    assert.throws(() => full.withResource(''), StanzaError);
    assert.throws(() => full.withResource('\0'), StanzaError);
  });

  it('of() prepares its parts and does not let one run into the next', () => {
    assert.equal(`${Jid.of('A', 'B', 'C')}`, 'a@b/C');
    assert.equal(`${Jid.of(undefined, 'b')}`, 'b');
    for (const [local, domain] of [
      ['a/b', 'c'],
      ['a@b', 'c'],
      ['a', 'b/c'],
      ['a', 'b@c'],
      ['', 'b'],
    ] as const) {
      assert.throws(() => Jid.of(local, domain), StanzaError);
    }
  });

  it('equals compares what was prepared', () => {
    assert.equal(Jid.parse('A@B').equals(Jid.parse('a@b.')), true);
    assert.equal(Jid.parse('a@b/R').equals(Jid.parse('a@b/r')), false);
    assert.equal(Jid.parse('a@b').equals(Jid.parse('a@b/r')), false);
  });

  it('tryParse takes what may be absent', () => {
    assert.equal(Jid.tryParse(undefined), undefined);
    assert.equal(`${Jid.tryParse('a@b')}`, 'a@b');
  });

  it('a recent address is the same object, and many others change no result', () => {
    assert.equal(Jid.parse('juliet@example.com/x'), Jid.parse('juliet@example.com/x'));
    for (let i = 0; i < 10_000; i++) assert.equal(Jid.parse(`User${i}@example.com`).local, `user${i}`);
    assert.equal(`${Jid.parse('juliet@example.com/x')}`, 'juliet@example.com/x');
    malformed('juliet@');
    malformed('juliet@');
  });

  it('at most 4,096 addresses are remembered, none longer than 256 characters', () => {
    const first = Jid.parse('first@example.com');
    for (let i = 0; i < 2 * 2048 + 1; i++) Jid.parse(`other${i}@example.com`);
    assert.notEqual(Jid.parse('first@example.com'), first);
    const [longest, long] = [240, 250].map((length) => `${'x'.repeat(length)}@capulets.example`.slice(-256));
    assert.equal(Jid.parse(longest!), Jid.parse(longest!));
    assert.notEqual(Jid.parse(`x${long!}`), Jid.parse(`x${long!}`));
  });
});

describe('properties', () => {
  const scraps = fc.constantFrom(
    'a',
    'B',
    '1',
    '-',
    '.',
    '@',
    '/',
    ' ',
    'xn--',
    'ü',
    'Σ',
    'ß',
    'א',
    'ب',
    '\u0661',
    '\u200D',
    '\u0301',
    'ﬁ',
    'Ａ',
    '。',
    'İ',
    'Å',
    '漢',
    '\uD800',
    '[',
    ']',
    ':',
    '\u1E9E',
    '\u0345',
    '\u03B1\u0345',
    '\u212A',
  );
  const texts = fc.oneof(
    fc.array(scraps, { maxLength: 8 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.string({ unit: 'grapheme', maxLength: 6 }),
  );

  it('the text of an address reads as the same address', () => {
    let read = 0;
    fc.assert(
      fc.property(fc.tuple(texts, texts, texts), ([local, domain, resource]) => {
        const text = `${local === '' ? '' : `${local}@`}${domain === '' ? 'example.com' : domain}${resource === '' ? '' : `/${resource}`}`;
        const jid = Jid.tryParse(text);
        if (jid === undefined) return;
        read++;
        const again = Jid.parse(`${jid}`);
        assert.deepEqual([again.local, again.domain, again.resource], [jid.local, jid.domain, jid.resource]);
        assert.equal(`${again}`, `${jid}`);
        assert.ok(`${jid}`.isWellFormed());
      }),
      { numRuns: 5000 },
    );
    assert.ok(read > 100, `only ${read} addresses were read`);
  });

  it('RFC 8264 §7: preparing what is prepared changes nothing', () => {
    fc.assert(
      fc.property(texts, (text) => {
        for (const profile of [usernameCaseMapped, opaqueString]) {
          const once = profile(text);
          if (once !== undefined) assert.equal(profile(once), once);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('every single code point has one stable form as a local part, or none', () => {
    for (let code = 0; code <= 0x1ffff; code++) {
      const once = usernameCaseMapped(String.fromCodePoint(code));
      if (once !== undefined && usernameCaseMapped(once) !== once) assert.fail(code.toString(16));
    }
  });
});
