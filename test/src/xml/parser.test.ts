import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { XmlParser } from '../../../src/xml/parser.ts';
import { bytesOf, cutAt, feed, HEADER, type Outcome, piecesOf, whole } from './feed.ts';
import * as hostile from './hostile-documents.ts';

/** What the document leads to, after checking that it is the same in whatever pieces it comes. */
function outcomeOf(document: string | Buffer): Outcome {
  const bytes = bytesOf(document);
  const outcome = feed(whole(bytes));
  assert.deepEqual(feed(piecesOf(bytes, 1)), outcome, 'byte by byte');
  for (let at = 1; at < bytes.length; at++) {
    assert.deepEqual(feed(cutAt(bytes, [at])), outcome, `cut at ${at}`);
  }
  return outcome;
}

/** What a stanza in a client's stream comes out as. */
function parsed(stanza: string): string {
  const { events, error } = outcomeOf(HEADER + stanza);
  assert.equal(error, undefined);
  assert.equal(events.length, 2);
  return events[1]!;
}

const CORPORA: [string, hostile.Hostile[]][] = [
  ['XML 1.0 §3.1: malformed tags', hostile.TAGS],
  ['XML 1.0 §2.3, XML Names §4: malformed names', hostile.NAMES],
  ['XML 1.0 §3.1: malformed attributes', hostile.ATTRIBUTES],
  ['XML 1.0 §2.2, §4.1: text that is none', hostile.TEXT],
  ['RFC 6120 §11.1: restricted XML', hostile.RESTRICTED_XML],
  ['RFC 6120 §11.6: other encodings than UTF-8', hostile.ENCODINGS],
  ['XML Names §3, §5: namespaces', hostile.NAMESPACES],
];

for (const [title, documents] of CORPORA) {
  describe(`${title} end the stream`, () => {
    for (const [what, document, condition] of documents) {
      it(what, () => {
        const { error, events } = outcomeOf(document);
        assert.equal(error, condition);
        assert.equal(events.join().includes('evil'), false);
      });
    }
  });
}

describe('a valid stream', () => {
  it('RFC 6120 §4.2: the header is given with its namespaces, before anything else', () => {
    const { events } = outcomeOf(`<?xml version='1.0' encoding="utf-8" standalone='yes' ?>\n${HEADER}`);
    assert.deepEqual(events, [
      `<stream xmlns='${NS.STREAM}' xmlns:stream='${NS.STREAM}' to='im.example' version='1.0'> jabber:client`,
    ]);
  });

  it('RFC 6120 §4.4: reports the closing tag', () => {
    assert.deepEqual(outcomeOf(`${HEADER}<message/> </stream:stream\n>\n`).events.slice(1), [
      '<message/>',
      'end',
    ]);
  });

  it('RFC 6120 §11.7: white space between stanzas is dropped', () => {
    assert.deepEqual(outcomeOf(`${HEADER} \n<presence/>\r\n\t<presence/> `).events.slice(1), [
      '<presence/>',
      '<presence/>',
    ]);
  });

  it('RFC 6120 §4.8.2: a default namespace that is the stream’s own is no content namespace', () => {
    const { events } = outcomeOf(`<stream xmlns='${NS.STREAM}'><message xmlns='jabber:client'/><features/>`);
    assert.deepEqual(
      events.map((event) => event.replace(/.* /, '')),
      ['undefined', "xmlns='jabber:client'/>", `xmlns='${NS.STREAM}'/>`],
    );
  });

  it('RFC 6120 §4.8.3: a handler may name the content namespace that the header does not declare', () => {
    const elements: string[] = [];
    const parser: XmlParser = new XmlParser({
      onOpen: () => {
        parser.contentNamespace = NS.CLIENT;
      },
      onElement: (element) => elements.push(`${element}`),
      onClose: () => {},
    });
    parser.write(
      Buffer.from(`<stream xmlns='${NS.STREAM}'><message xmlns='jabber:client'><body/></message>`),
    );
    assert.deepEqual(elements, ['<message><body/></message>']);
  });
});

describe('text', () => {
  const cases: [string, string, string][] = [
    ['XML 1.0 §4.6: the five entities', '&lt;&gt;&amp;&quot;&apos;', '<>&"\''],
    ['XML 1.0 §4.1: character references', '&#65;&#x42;&#x1F600;&#0067;&#xD;', 'AB😀C\r'],
    ['XML 1.0 §4.4: what a reference stands for is not read again', '&amp;lt;&#38;amp;', '&lt;&amp;'],
    ['XML 1.0 §2.7: CDATA is text', 'a<![CDATA[<b>&amp;]]]]>]]&gt;<![CDATA[]]>c', 'a<b>&amp;]]]]>c'],
    ['XML 1.0 §2.11: line ends become LF', 'a\r\nb\rc\n<![CDATA[\r\n\r]]>', 'a\nb\nc\n\n\n'],
    ['characters of two, three and four bytes', 'ü€😀\u0080\u{10FFFF}', 'ü€😀\u0080\u{10FFFF}'],
    ['U+FFFD, the decoder’s own mark', 'a\uFFFDb', 'a\uFFFDb'],
    ['U+FEFF within text (RFC 6120 §11.6)', 'a\uFEFFb', 'a\uFEFFb'],
    ['closing brackets', ']] > ]>', ']] > ]>'],
  ];
  for (const [title, input, expected] of cases) {
    it(title, () => {
      const document = Buffer.from(`${HEADER}<message><body>${input}</body></message>`);
      outcomeOf(document);
      const body = elementsOf(document)[0]?.getChild('body');
      assert.deepEqual(body?.children, [expected]);
    });
  }

  it('XML 1.0 §3.3.3: white space in an attribute value becomes spaces, references to it stay', () => {
    const document = Buffer.from(`${HEADER}<a b="x\ty\nz\r\nw\rv" c='&#9;&#10;&#13;"' d="'"/>`);
    outcomeOf(document);
    assert.deepEqual({ ...elementsOf(document)[0]?.attrs }, { b: 'x y z w v', c: '\t\n\r"', d: "'" });
  });

  it('white space within a stanza is kept, and text around elements stays in its place', () => {
    assert.equal(parsed('<message> <a/>x<b/>\n</message>'), '<message> <a/>x<b/>\n</message>');
  });
});

describe('namespaces', () => {
  const cases: [string, string, string][] = [
    ['a stanza and its children carry none', '<message><body/></message>', '<message><body/></message>'],
    [
      'a redundant declaration is dropped',
      "<message xmlns='jabber:client'><a xmlns='u'><b xmlns='u'/></a></message>",
      "<message><a xmlns='u'><b/></a></message>",
    ],
    [
      'a prefix becomes a declaration',
      "<c:message xmlns:c='jabber:client'><c:body/></c:message>",
      "<message xmlns:c='jabber:client'><body/></message>",
    ],
    [
      'a prefix of the header does too',
      '<stream:features><a/></stream:features>',
      `<features xmlns='${NS.STREAM}'><a xmlns='jabber:client'/></features>`,
    ],
    [
      'a foreign first-level element keeps its own',
      "<r xmlns='urn:xmpp:sm:3'/>",
      "<r xmlns='urn:xmpp:sm:3'/>",
    ],
    [
      'no namespace is one too',
      "<message><a xmlns=''><b/></a></message>",
      "<message><a xmlns=''><b/></a></message>",
    ],
    [
      'a child may return to the content namespace',
      "<message><a xmlns='u'><body xmlns='jabber:client'/></a></message>",
      "<message><a xmlns='u'><body xmlns='jabber:client'/></a></message>",
    ],
    [
      'the default namespace of a prefixed element reaches its children',
      "<message><p:a xmlns:p='u' xmlns='v'><b/></p:a></message>",
      "<message><a xmlns='u' xmlns:p='u'><b xmlns='v'/></a></message>",
    ],
    [
      'a prefix may be bound anew inside',
      "<message xmlns:p='u'><p:a xmlns:p='v'/><p:b/></message>",
      "<message xmlns:p='u'><a xmlns='v' xmlns:p='v'/><b xmlns='u'/></message>",
    ],
    [
      'declarations stay, for qualified names in content',
      "<message><a xmlns:x='u'>x:t</a></message>",
      "<message><a xmlns:x='u'>x:t</a></message>",
    ],
    [
      'an attribute prefix of the header is declared where it is used',
      "<message stream:a='1'/>",
      `<message stream:a='1' xmlns:stream='${NS.STREAM}'/>`,
    ],
    [
      'an attribute prefix of an ancestor is declared again, so that every part stands alone',
      "<message xmlns:p='u'><a p:b='1' p:c='2'/></message>",
      "<message xmlns:p='u'><a p:b='1' p:c='2' xmlns:p='u'/></message>",
    ],
    [
      'xml:lang needs no declaration',
      "<message xml:lang='de' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
      "<message xml:lang='de'/>",
    ],
    [
      'the same local name with and without a prefix is no duplicate',
      "<message a='1' xml:a='2' xmlns:p='u' p:a='3'/>",
      "<message a='1' xml:a='2' xmlns:p='u' p:a='3'/>",
    ],
    [
      'names beyond ASCII',
      "<message><é:ñ xmlns:é='u' ü='1'/></message>",
      "<message><ñ xmlns='u' xmlns:é='u' ü='1'/></message>",
    ],
  ];
  for (const [title, input, expected] of cases) it(title, () => assert.equal(parsed(input), expected));

  it('getNS() distinguishes no namespace from that of the stream', () => {
    const [message] = elementsOf(Buffer.from(`${HEADER}<message><a xmlns=''/><b/></message>`));
    assert.deepEqual(
      message?.elements().map((child) => child.getNS()),
      ['', undefined],
    );
  });

  it('attributes named like members of objects are attributes', () => {
    const [element] = elementsOf(
      Buffer.from(`${HEADER}<a constructor='1' toString='2' hasOwnProperty='3'/>`),
    );
    assert.deepEqual(Object.entries(element!.attrs), [
      ['constructor', '1'],
      ['toString', '2'],
      ['hasOwnProperty', '3'],
    ]);
  });
});

describe('the parser and its stream', () => {
  it('stop() leaves the bytes after the present tag to rest(), for a stream restart (RFC 6120 §4.3.3)', () => {
    for (const size of [1, 10, 1000, 10_000]) {
      const seen: string[] = [];
      const parser: XmlParser = new XmlParser({
        onOpen: () => {},
        onElement: (element) => {
          seen.push(element.name);
          parser.stop();
        },
        onClose: () => {},
      });
      let rest = '';
      for (const piece of piecesOf(Buffer.from(`${HEADER}<auth/><?xml version='1.0'?><x/>`), size)) {
        if (seen.length > 0) rest += piece;
        else parser.write(piece);
        rest += parser.rest();
      }
      assert.deepEqual(seen, ['auth']);
      assert.equal(rest, "<?xml version='1.0'?><x/>");
      assert.equal(parser.midStanza, false);
      assert.throws(() => parser.write(Buffer.from('x')), /stopped/);
    }
  });

  it('stop() works on the header and far into a chunk', () => {
    const body = `<a>${'x'.repeat(9000)}</a>`;
    const parser: XmlParser = new XmlParser({
      onOpen: () => {},
      onElement: () => parser.stop(),
      onClose: () => {},
    });
    parser.write(Buffer.from(`${HEADER}${body}${body}`));
    assert.equal(parser.rest().toString(), body);
    const other: XmlParser = new XmlParser({
      onOpen: () => other.stop(),
      onElement: () => {},
      onClose: () => {},
    });
    other.write(Buffer.from(HEADER + body));
    assert.equal(other.rest().toString(), body);
  });

  it('after resume() the parser goes on with what it left', () => {
    const seen: string[] = [];
    const parser: XmlParser = new XmlParser({
      onOpen: () => {},
      onElement: (element) => {
        seen.push(element.name);
        parser.stop();
      },
      onClose: () => {},
    });
    parser.write(Buffer.from(`${HEADER}<a/><b/><c>`));
    while (seen.length < 2) {
      parser.resume();
      parser.write(parser.rest());
    }
    parser.resume();
    parser.write(parser.rest());
    parser.write(Buffer.from('</c>'));
    assert.deepEqual(seen, ['a', 'b', 'c']);
  });

  it('midStanza is true from the first byte of a stanza to its last', () => {
    const parser = new XmlParser({ onOpen() {}, onElement() {}, onClose() {} });
    let track = '';
    for (const char of '<a> <b>x</b>\n<c/> ') {
      parser.write(Buffer.from(char));
      track += parser.midStanza ? '-' : ' ';
    }
    assert.equal(track, '--  -------  ---  ');
  });

  it('ignores further bytes after an error', () => {
    const seen: string[] = [];
    const parser = new XmlParser({
      onOpen: () => {},
      onElement: (element) => seen.push(element.name),
      onClose: () => seen.push('end'),
    });
    parser.write(Buffer.from(HEADER));
    assert.throws(() => parser.write(Buffer.from('<a/>&<b/>')), { condition: 'bad-format' });
    parser.write(Buffer.from('<c/></stream:stream>'));
    assert.deepEqual(seen, ['a']);
  });

  it('an exception of a handler leaves write', () => {
    const parser = new XmlParser({
      onOpen: () => {},
      onElement: () => {
        throw new RangeError('from the handler');
      },
      onClose: () => {},
    });
    assert.throws(() => parser.write(Buffer.from(`${HEADER}<a/>`)), /from the handler/);
  });

  it('does not keep the chunk: overwriting it later changes nothing', () => {
    const seen: Element[] = [];
    const parser = new XmlParser({ onOpen() {}, onElement: (element) => seen.push(element), onClose() {} });
    const first = Buffer.from(`${HEADER}<a b='${'x'.repeat(40)}'>te`);
    parser.write(first);
    first.fill(0x41);
    parser.write(Buffer.from('xt</a>'));
    assert.equal(`${seen[0]}`, `<a b='${'x'.repeat(40)}'>text</a>`);
  });

  it('unknown names do not affect known ones', () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `n${i.toString(36)}`);
    const { events, error } = feed(
      whole(Buffer.from(HEADER + names.map((name) => `<${name} ${name}=''/>`).join(''))),
    );
    assert.equal(error, undefined);
    assert.deepEqual(
      events.slice(1),
      names.map((name) => `<${name} ${name}=''/>`),
    );
  });
});

function elementsOf(document: Buffer): Element[] {
  const elements: Element[] = [];
  new XmlParser({ onOpen() {}, onElement: (element) => elements.push(element), onClose() {} }).write(
    document,
  );
  return elements;
}
