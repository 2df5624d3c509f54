// Compares our XML parser and serializer with two strict parsers: saxes, and expat in Debian's Python.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { NS } from '../../src/xml/namespaces.ts';
import { bytesOf, HEADER } from '../src/xml/feed.ts';
import * as hostile from '../src/xml/hostile-documents.ts';
import { Expat } from '../support/xml/expat.ts';
import { fuzz } from '../support/xml/fuzz.ts';
import { ourOpinion, type Tree } from '../support/xml/opinion.ts';
import { saxesOpinion } from '../support/xml/saxes.ts';
import { Trial } from '../support/xml/trial.ts';

const SEED = 6120;
const COUNT = 100_000;

describe('RFC 6120 §11, XML 1.0, XML Names', () => {
  it(`${COUNT} documents: our parser accepts none that saxes or expat refuses, and reads the others alike`, async (t) => {
    const report = await fuzz({ seed: SEED, count: COUNT });
    const { failure, documents, taken, forwarded, written } = report;
    const text = failure && `document ${failure.index}: ${failure.complaint}\n${failure.document}`;
    assert.equal(text, undefined, 'see npm run fuzz:xml');
    assert.equal(documents, COUNT);
    assert.ok(taken > COUNT / 4 && taken < (COUNT * 3) / 4, `${taken} taken`);
    assert.ok(forwarded > COUNT / 2 && written === COUNT, `${forwarded} forwarded, ${written} written`);
    t.diagnostic(`${taken} taken, ${forwarded} elements forwarded, ${written} stanzas written`);
  });

  /** Changes a document before our parser reads it, to simulate a parser that accepts such a fault. */
  const holes: [what: string, mend: (text: string) => string][] = [
    ['control characters', (text) => text.replace(/[\0-\x08]/g, '')],
    ['bare ampersands', (text) => text.replace(/&(?![#\w])/g, '&amp;')],
    ['references to nothing', (text) => text.replace(/&#(?:0|xD800);/g, '')],
    [']]> in text', (text) => (text.includes('[CDATA[') ? text : text.replaceAll(']]>', ']] >'))],
    ['comments', (text) => text.replace(/<!-- c -->/g, '')],
    ['a second attribute of the same name', (text) => text.replace(` x='1' x='1'`, ` x='1'`)],
    [
      'tabs as they are in values',
      (text) => text.replace(/( [\w:]+)='([^'<=]*)\t([^'<]*)'/, `$1='$2&#9;$3'`),
    ],
    ['no line ends made one', (text) => text.replace(/>([^<>]*\w)\r\n/g, '>$1&#13;\n')],
    ['prefixes that are not bound', (text) => text.replaceAll('<z:a/>', '<a/>')],
  ];
  for (const [what, mend] of holes) {
    it(`the comparison finds a parser that accepts ${what}`, async () => {
      const { failure } = await fuzz({
        seed: SEED,
        count: 10_000,
        parser: (pieces) =>
          ourOpinion([Buffer.from(mend(Buffer.concat([...pieces]).toString('latin1')), 'latin1')]),
      });
      assert.match(failure?.complaint ?? 'none', /saxes|expat/);
      assert.ok(failure!.document.length < 150, `${failure!.document}`);
    });
  }
});

describe('the corpus', () => {
  const expat = new Expat();
  after(() => expat.close());

  it('hostile documents: our parser accepts no part that saxes or expat refuses', async () => {
    const documents = Object.values(hostile).flatMap((list) => list.map(([, document]) => bytesOf(document)));
    const { opinions, complaints } = await new Trial(ourOpinion, expat).received(documents);
    assert.ok(opinions.every(({ why }) => why !== ''));
    // The other parsers refuse unfinished documents at their end.
    assert.deepEqual(
      complaints.filter((complaint) => complaint !== undefined),
      [],
    );
  });

  /** Input that other servers forward wrongly, in a client's stream, and its meaning. */
  const forwarded: [what: string, received: string, expected: Tree][] = [
    [
      'a prefix declared anew inside, and again as before',
      "<message xmlns:p='u'><p:a xmlns:p='v'><p:b p:c='1'/></p:a><p:d p:c='2'/></message>",
      tree('jabber:client', 'message', {}, [
        tree('v', 'a', {}, [tree('v', 'b', { '{v}c': '1' })]),
        tree('u', 'd', { '{u}c': '2' }),
      ]),
    ],
    [
      'the default namespace undeclared, and declared again inside',
      "<message><a xmlns='u'><b xmlns=''><c/><d xmlns='jabber:client'/></b><e/></a></message>",
      tree('jabber:client', 'message', {}, [
        tree('u', 'a', {}, [tree('', 'b', {}, [tree('', 'c'), tree('jabber:client', 'd')]), tree('u', 'e')]),
      ]),
    ],
    [
      'prefixes that only the header of the stream declares',
      "<message stream:a='1'><stream:b><c stream:d='2'/></stream:b></message>",
      tree('jabber:client', 'message', { [`{${NS.STREAM}}a`]: '1' }, [
        tree(NS.STREAM, 'b', {}, [tree('jabber:client', 'c', { [`{${NS.STREAM}}d`]: '2' })]),
      ]),
    ],
    [
      'tab, line feed and return in attributes and text',
      "<message a='&#9;&#10;&#13;&#13;&#10; \t\n'>&#9;&#10;&#13;&#13;&#10; \t\r\n</message>",
      tree('jabber:client', 'message', { '{}a': '\t\n\r\r\n   ' }, ['\t\n\r\r\n \t\n']),
    ],
    [
      'markup in text, in values and in namespaces',
      `<message a='&lt;b c="d"/>&amp;amp;&apos;' xmlns:p='&lt;&apos;&amp;'>]]&gt;<p:a/>&lt;!--&amp;#0;<![CDATA[<b>]]]]>&gt;</message>`,
      tree('jabber:client', 'message', { '{}a': `<b c="d"/>&amp;'` }, [
        ']]>',
        tree(`<'&`, 'a'),
        '<!--&#0;<b>]]>',
      ]),
    ],
    [
      'a language and other attributes of the prefix xml',
      "<message xml:lang='de' xml:base='a'><body xml:lang='fr'>ü</body></message>",
      tree('jabber:client', 'message', { [`{${NS.XML}}lang`]: 'de', [`{${NS.XML}}base`]: 'a' }, [
        tree('jabber:client', 'body', { [`{${NS.XML}}lang`]: 'fr' }, ['ü']),
      ]),
    ],
  ];
  for (const [what, received, expected] of forwarded) {
    it(what, async () => {
      const original = Buffer.from(`${HEADER}${received}</stream:stream>`);
      const written = Buffer.from(`${HEADER}${ourOpinion([original]).elements.join('')}</stream:stream>`);
      const [first, second] = await expat.judge([original, written]);
      for (const opinion of [first!, second!, saxesOpinion(original), saxesOpinion(written)]) {
        assert.equal(opinion.why, '');
        assert.deepEqual(JSON.parse(JSON.stringify(opinion.trees)), [expected]);
      }
    });
  }
});

function tree(
  xmlns: string,
  local: string,
  attributes: Tree['attributes'] = {},
  children: Tree['children'] = [],
): Tree {
  return { name: `{${xmlns}}${local}`, attributes, children };
}
