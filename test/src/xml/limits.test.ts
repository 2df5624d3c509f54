import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_LIMITS, PREAUTH_LIMITS, XmlParser } from '../../../src/xml/parser.ts';
import { feed, HEADER, piecesOf, whole } from './feed.ts';

describe('limits (RFC 6120 §13.12: policy-violation)', () => {
  const limits = {
    stanzaBytes: 400,
    depth: 6,
    attributes: 4,
    nameBytes: 20,
    namespaceDeclarations: 3,
    nodes: 200,
  };

  function within(stanza: string): string | undefined {
    const bytes = Buffer.from(HEADER + stanza);
    const outcome = feed(whole(bytes), limits);
    assert.deepEqual(feed(piecesOf(bytes, 1), limits), outcome, 'byte by byte');
    assert.deepEqual(feed(piecesOf(bytes, 7), limits), outcome, 'in pieces');
    return outcome.error ?? (outcome.events.at(-1)?.startsWith('cut') ? 'cut' : undefined);
  }

  const exact: [string, string, string][] = [
    ['depth', `${'<a>'.repeat(5)}`, `${'<a>'.repeat(6)}`],
    ['attributes', "<a b='' c='' d='' e=''/>", "<a b='' c='' d='' e='' f=''/>"],
    ['element name', `<${'n'.repeat(20)}/>`, `<${'n'.repeat(21)}/>`],
    ['attribute name', `<a ${'n'.repeat(20)}=''/>`, `<a ${'n'.repeat(21)}=''/>`],
    ['end tag name', `<${'n'.repeat(20)}></${'n'.repeat(20)}>`, `<a></${'n'.repeat(21)}`],
    [
      'prefixes of a stanza',
      "<a xmlns:b='u' xmlns:c='u'><d xmlns:e='u'/><d xmlns:e='v'/></a>",
      "<a xmlns:b='u' xmlns:c='u'><d xmlns:e='u'><f xmlns:g='u'/></d></a>",
    ],
    [
      'prefixes of a stanza, with the header’s that it uses',
      "<a xmlns:b='u' xmlns:c='u'><d stream:e=''><f stream:e=''/></d></a>",
      "<a xmlns:b='u' xmlns:c='u'><d stream:e='' xmlns:f='u'/></a>",
    ],
    [
      'prefixes that are declared again',
      "<a xmlns:b='u' xmlns:c='u' xmlns:d='u'><e xmlns:b='u' xmlns:c='u' xmlns:d='u'/></a>",
      "<a xmlns:b='u' xmlns:c='u' xmlns:d='u'><e xmlns:b='v'/></a>",
    ],
    [
      'attributes beside declarations',
      "<a xmlns='u' xmlns:p='u' b='' c='' p:d='' e=''/>",
      "<a xmlns='u' xmlns:p='u' b='' c='' p:d='' e='' f=''/>",
    ],
    ['stanza of text', `<a>${'x'.repeat(393)}</a>`, `<a>${'x'.repeat(394)}</a>`],
    ['stanza without end', `<a>${'x'.repeat(397)}`, `<a>${'x'.repeat(398)}`],
    ['stanza of attributes', `<a b='${'x'.repeat(391)}'/>`, `<a b='${'x'.repeat(392)}'/>`],
    ['stanza of elements', `<a>${'<b/>'.repeat(98)} </a>`, `<a>${'<b/>'.repeat(98)}  </a>`],
    ['stanza of CDATA', `<a><![CDATA[${'x'.repeat(381)}]]></a>`, `<a><![CDATA[${'x'.repeat(382)}]]></a>`],
  ];
  for (const [what, fits, exceeds] of exact) {
    it(`${what}: the limit itself is allowed, one more is not`, () => {
      assert.equal(within(fits), undefined);
      assert.equal(within(exceeds), 'policy-violation');
    });
  }

  it('a header is limited like a stanza', () => {
    assert.equal(feed(whole(Buffer.from(`<a b='${'x'.repeat(400)}`)), limits).error, 'policy-violation');
  });

  it('an error beyond the limit is reported as the limit, with every division of the bytes', () => {
    assert.equal(within(`<a>${'x'.repeat(398)}\0`), 'policy-violation');
    assert.equal(within(`<a>${'x'.repeat(397)}\0`), 'not-well-formed');
  });

  it('white space between stanzas does not count', () => {
    assert.equal(within(`${' '.repeat(1000)}<a/>${'\n'.repeat(1000)}<a/>`), undefined);
  });

  it('declarations that the parser adds count', () => {
    const long = `<a xmlns:p='${'u'.repeat(150)}'>`;
    assert.equal(within(`${long}<p:b/></a>`), undefined);
    assert.equal(within(`${long}<p:b/><p:b/></a>`), 'cut');
    assert.equal(within(`${long}<b p:c=''/><b p:c=''/></a>`), 'cut');
  });

  const grow: [string, (count: number) => string, bytes: number, written: number][] = [
    ['> in text, as &gt;', (n) => `<a>${'>'.repeat(n)}</a>`, 7, 4],
    ['> in text beyond ASCII', (n) => `<a>ä&#228;${'>'.repeat(n)}</a>`, 7 + 4, 4],
    ['> in a value', (n) => `<a b='${'>'.repeat(n)}'/>`, 9, 4],
    ["' in a value, as &apos;", (n) => `<a b="${"'".repeat(n)}"/>`, 9, 6],
    ['&#39; in a value, as &apos;', (n) => `<a b='${'&#39;'.repeat(n)}'/>`, 9, 6],
    ['& in CDATA, as &amp;', (n) => `<a><![CDATA[${'&'.repeat(n)}]]></a>`, 7, 5],
    ['< in CDATA, as &lt;', (n) => `<a><![CDATA[${'<'.repeat(n)}]]></a>`, 7, 4],
    ['a namespace that is needed twice', (n) => `<a xmlns:p='${'&gt;'.repeat(n)}'><b p:c=''/></a>`, 40, 8],
  ];
  for (const [what, stanza, bytes, written] of grow) {
    it(`${what}: a stanza beyond the limit arrives without its content`, () => {
      const most = Math.floor((limits.stanzaBytes - bytes) / written);
      assert.equal(within(stanza(most)), undefined);
      assert.equal(within(stanza(most + 1)), 'cut');
    });
  }

  const many: [string, (count: number) => string, written: number][] = [
    ['elements', (n) => `<a>${'<b/>'.repeat(n)}</a>`, 1],
    ['elements in another', (n) => `<a><c>${'<b/>'.repeat(n - 1)}</c></a>`, 1],
    ['elements with text', (n) => `<a>${'<b/>x'.repeat(n)}</a>`, 2],
    ['elements with CDATA', (n) => `<a>${'<b/><![CDATA[x]]>x'.repeat(n)}</a>`, 2],
    ['attributes', (n) => `<a>${"<b c='' d=''/>".repeat(n)}</a>`, 3],
    ['namespaces that the parser adds', (n) => `<a xmlns:p='u'><c/>${'<p:b/>'.repeat(n - 1)}</a>`, 2],
  ];
  for (const [what, stanza, written] of many) {
    it(`${what}: a stanza of too many nodes comes without its content, and the next one is whole`, () => {
      const small = { ...limits, nodes: 1 + 12 * written, stanzaBytes: 1000 };
      const read = (count: number) => feed(whole(Buffer.from(`${HEADER}${stanza(count)}<z><y/></z>`)), small);
      assert.equal(read(12).events.filter((event) => event.startsWith('cut')).length, 0);
      const { events, error } = read(13);
      assert.equal(error, undefined);
      assert.deepEqual(events.map((event) => event.startsWith('cut')).slice(-2), [true, false]);
    });
  }

  it('an endless entity is limited like other text', () => {
    assert.equal(within(`<a>&${'a'.repeat(1000)}`), 'policy-violation');
  });

  it('hostile sizes are refused before login and after', () => {
    for (const [given, size] of [
      [PREAUTH_LIMITS, 20_000],
      [DEFAULT_LIMITS, 600_000],
    ] as const) {
      for (const open of ["<a b='", '<a>', '<', '<a><![CDATA[', '<a ']) {
        const bytes = Buffer.from(HEADER + open + 'x'.repeat(size));
        assert.equal(feed(piecesOf(bytes, 1400), given).error, 'policy-violation', open);
      }
      const deep = Buffer.from(HEADER + '<a>'.repeat(200));
      assert.equal(feed(whole(deep), given).error, 'policy-violation');
      const wide = Array.from({ length: 100 }, (_, i) => `a${i}=''`).join(' ');
      assert.equal(feed(whole(Buffer.from(`${HEADER}<a ${wide}/>`)), given).error, 'policy-violation');
    }
  });

  it('limits may be raised after login', () => {
    const parser = new XmlParser({ onOpen() {}, onElement() {}, onClose() {} }, limits);
    parser.write(Buffer.from(HEADER));
    parser.limits = { ...limits, stanzaBytes: 1000 };
    parser.write(Buffer.from(`<a>${'x'.repeat(900)}</a>`));
    assert.throws(() => parser.write(Buffer.from(`<a>${'x'.repeat(1000)}</a>`)), {
      condition: 'policy-violation',
    });
  });
});
