// Documents in which something never ends: each meets its limit, before the login and after, and costs no more than
// the limit says, however it is cut.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { StreamError } from '../../../src/xml/errors.ts';
import { DEFAULT_LIMITS, type ParserLimits, PREAUTH_LIMITS, XmlParser } from '../../../src/xml/parser.ts';
import { cutAt, feed, HEADER, piecesOf, whole } from './feed.ts';

/** So small that documents can be cut at every position. */
const SMALL_LIMITS: ParserLimits = { ...PREAUTH_LIMITS, stanzaBytes: 600, nameBytes: 40 };

const repeat = (unit: (n: number) => string) => (bytes: number) => {
  let text = '';
  for (let n = 0; text.length < bytes; n++) text += unit(n);
  return text;
};

/** How a document goes on behind the header, for at least so many bytes; and which limit it meets. */
const ENDLESS: [what: string, limit: keyof ParserLimits, open: string, more: (bytes: number) => string][] = [
  ['an attribute value', 'stanzaBytes', "<a b='", repeat(() => 'x')],
  ['an attribute value beyond ASCII', 'stanzaBytes', "<a b='", repeat(() => '€')],
  ['an attribute value of references', 'stanzaBytes', "<a b='", repeat(() => '&lt;')],
  ['a namespace', 'stanzaBytes', "<a xmlns:p='", repeat(() => 'u')],
  ['text', 'stanzaBytes', '<a>', repeat(() => 'body ')],
  ['text beyond ASCII', 'stanzaBytes', '<a>', repeat(() => '😀')],
  ['line ends', 'stanzaBytes', '<a>', repeat(() => '\r\n')],
  ['an entity', 'stanzaBytes', '<a>&', repeat(() => 'a')],
  ['zeros in a reference', 'stanzaBytes', '<a>&#', repeat(() => '0')],
  ['CDATA', 'stanzaBytes', '<a><![CDATA[', repeat(() => 'x')],
  ['closing brackets in CDATA', 'stanzaBytes', '<a><![CDATA[', repeat(() => ']')],
  ['pieces of CDATA', 'stanzaBytes', '<a>', repeat(() => '<![CDATA[]]>')],
  ['white space in a tag', 'stanzaBytes', '<a ', repeat(() => ' ')],
  ['white space in an end tag', 'stanzaBytes', '<a></a', repeat(() => '\n')],
  ['white space before a value', 'stanzaBytes', '<a b=', repeat(() => '\t')],
  ['elements', 'stanzaBytes', '<a>', repeat(() => '<b/>')],
  ['the name of an element', 'nameBytes', '<', repeat(() => 'n')],
  ['the name of an element beyond ASCII', 'nameBytes', '<', repeat(() => 'é')],
  ['the prefix of an element', 'nameBytes', '<', repeat(() => 'p')],
  ['the name of an attribute', 'nameBytes', '<a ', repeat(() => 'n')],
  ['the name in an end tag', 'nameBytes', '<a></a', repeat(() => 'a')],
  ['elements within elements', 'depth', '<a>', repeat(() => '<a>')],
  ['attributes', 'attributes', '<a', repeat((n) => ` a${n}=''`)],
  ['the same attribute', 'attributes', '<a', repeat(() => ` a=''`)],
  ['prefixes in one element', 'namespaceDeclarations', '<a', repeat((n) => ` xmlns:p${n}='u'`)],
  [
    'prefixes within each other',
    'namespaceDeclarations',
    '',
    repeat((n) => `<a xmlns:p${n}='u' xmlns:q${n}='u'>`),
  ],
];

for (const [when, limits] of [
  ['before the login', PREAUTH_LIMITS],
  ['after the login', DEFAULT_LIMITS],
] as const) {
  describe(`RFC 6120 §13.12: endless input, ${when}`, () => {
    for (const [what, limit, open, more] of ENDLESS) {
      it(`${what}: policy-violation, in packets and byte by byte`, () => {
        const bytes = Buffer.from(HEADER + open + more(limits.stanzaBytes + 2_000));
        const outcome = feed(piecesOf(bytes, 1400), limits);
        assert.equal(outcome.error, 'policy-violation');
        assert.deepEqual(feed(piecesOf(bytes, 1), limits), outcome);
        const most = limit === 'nameBytes' ? limits.nameBytes : limits.stanzaBytes;
        const taken = takenOf(bytes, limits) - HEADER.length - open.length;
        assert.ok(taken <= most + 1, `${taken} bytes before the error`);
      });
    }
  });
}

describe('RFC 6120 §13.12: endless input, divided anywhere', () => {
  for (const [what, , open, more] of ENDLESS) {
    it(`${what}: the same with every division of the bytes`, () => {
      const bytes = Buffer.from(HEADER + open + more(SMALL_LIMITS.stanzaBytes + 50));
      const outcome = feed(whole(bytes), SMALL_LIMITS);
      assert.equal(outcome.error, 'policy-violation');
      for (let at = 1; at < bytes.length; at++) {
        assert.deepEqual(feed(cutAt(bytes, [at]), SMALL_LIMITS), outcome, `cut at ${at}`);
      }
    });
  }
});

describe('sizes of known attacks', () => {
  const documents: [what: string, document: string][] = [
    ['10,000 elements within each other', '<a>'.repeat(10_000)],
    ['a name of 100 kB', `<${'n'.repeat(100_000)}/>`],
    ['100,000 attributes in one tag', `<a${repeat((n) => ` a${n}=''`)(1_000_000)}/>`],
    ['an attribute of 8 MB', `<a b='${'x'.repeat(8_000_000)}'/>`],
    ['entities that multiply', `<!DOCTYPE a [<!ENTITY b "ha">${'<!ENTITY c "&b;&b;">'.repeat(1000)}]>`],
  ];
  for (const [what, document] of documents) {
    it(`${what}: refused immediately, and later bytes cost nothing`, () => {
      const begin = process.cpuUsage();
      const { error, events } = feed(piecesOf(Buffer.from(HEADER + document), 1400));
      const { user, system } = process.cpuUsage(begin);
      assert.ok(error === 'policy-violation' || error === 'restricted-xml', error);
      assert.equal(events.length, 1, 'the header alone');
      assert.ok(user + system < 500_000, `${(user + system) / 1000} ms`);
    });
  }
});

it('RFC 6120 §4.6.1: neither white space between stanzas nor finished stanzas are kept', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const parser = new XmlParser({ onOpen() {}, onElement() {}, onClose() {} });
  parser.write(Buffer.from(HEADER));
  const [space, stanza] = [
    Buffer.from(' '),
    Buffer.from(`<message><body>${'x'.repeat(4000)}</body></message>`),
  ];
  const round = () => {
    for (let i = 0; i < 200_000; i++) parser.write(space);
    for (let i = 0; i < 1000; i++) parser.write(stanza);
    collect();
    return process.memoryUsage().heapUsed;
  };
  round();
  const before = round();
  const after = round();
  assert.ok(after - before < 300_000, `${after - before} bytes more`);
});

/** How many bytes the parser takes, one by one, before it refuses. */
function takenOf(bytes: Buffer, limits: ParserLimits): number {
  const parser = new XmlParser({ onOpen() {}, onElement() {}, onClose() {} }, limits);
  for (let at = 0; at < bytes.length; at++) {
    try {
      parser.write(bytes.subarray(at, at + 1));
    } catch (error) {
      assert.ok(error instanceof StreamError);
      return at;
    }
  }
  return bytes.length;
}
