import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseElement } from '../../../src/xml/copy.ts';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { serialize } from '../../../src/xml/serialize.ts';
import { cutAt, HEADER, whole } from './feed.ts';
import { ourOpinion, secondOpinion, treeOf } from './oracle.ts';

const RUNS = 3000;

// ── Documents: well-formed ones, and the same with a few bytes of damage ─────────────────────────────────────────

const name = fc.constantFrom(
  'a',
  'b',
  'body',
  'p:a',
  'q:a',
  'p:item',
  'stream:x',
  'é',
  'long-name.with_1',
  'c:d',
);
const namespace = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom('u', 'v', 'jabber:client', 'http://a.example/?b&amp;c') },
  { weight: 1, arbitrary: fc.constantFrom('', NS.XML, NS.XMLNS) },
);
const text = fc.constantFrom(
  'text',
  ' ',
  '\n',
  '\r\n',
  '\t',
  '&amp;',
  '&lt;',
  '&#65;',
  '&#xA;',
  '&#13;',
  '>',
  ']]',
  '<![CDATA[<&]]>',
  '<![CDATA[]]]]>',
  'ü',
  '€',
  '😀',
  '\uFFFD',
  '\u0080',
  '"',
  "''",
  'x'.repeat(60),
  '',
);
const value = fc.array(
  fc.constantFrom(
    'v',
    ' ',
    '\t',
    '\r\n',
    '\n',
    '&quot;',
    '&apos;',
    '&#10;',
    '&lt;',
    '>',
    'ß',
    '😀',
    'y'.repeat(40),
  ),
  { maxLength: 3 },
);
const attribute = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom('x', 'y', 'type', 'p:x', 'q:x', 'xml:lang', 'xml:x'), value),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom('xmlns', 'xmlns', 'xmlns:p', 'xmlns:q', 'xmlns:c'), namespace),
  },
);
const space = fc.constantFrom(' ', '\n', '  ', '\r\n\t');
const attributes = fc
  .uniqueArray(attribute, { maxLength: 4, selector: ([key]) => key })
  .chain((list) => fc.tuple(fc.constant(list), space))
  .map(([list, gap]) => list.map(([key, content]) => `${gap}${key}='${[content].flat().join('')}'`).join(''));

const element = fc.letrec<{ element: string; content: string }>((tie) => ({
  content: fc
    .array(fc.oneof({ depthSize: 'small' }, text, tie('element')), { maxLength: 4 })
    .map((parts) => parts.join('')),
  element: fc
    .tuple(name, attributes, tie('content'), fc.boolean(), fc.constantFrom('', ' '))
    .map(([tag, attrs, content, empty, gap]) =>
      empty ? `<${tag}${attrs}${gap}/>` : `<${tag}${attrs}${gap}>${content}</${tag}${gap}>`,
    ),
})).element;

const PREFIXES = " xmlns:p='u' xmlns:q='urn:q' xmlns:c='jabber:client'>";
const document = fc
  .tuple(
    fc.integer({ min: 0, max: 9 }),
    fc.array(fc.tuple(element, fc.constantFrom('', ' ', '\n'))),
    fc.constantFrom('', "<?xml version='1.0'?>"),
  )
  .map(
    ([prefixes, stanzas, declaration]) =>
      `${declaration}${prefixes > 0 ? HEADER.slice(0, -1) + PREFIXES : HEADER}${stanzas.flat().join('')}</stream:stream>`,
  );

const SNIPPETS = [
  '<',
  '>',
  '&',
  "'",
  '"',
  '/',
  '=',
  ':',
  ' ',
  ';',
  '!',
  '?',
  '-',
  ']',
  ']]>',
  '<!--',
  '-->',
  '<?x',
  '?>',
  '&#',
  '&x;',
  '<![CDATA[',
  'a',
  '1',
  '\0',
  '\u0001',
  '\uFFFE',
  '\u00D7',
  '\u0301',
  '</',
  '/>',
  "xmlns='u'",
  " x='1'",
  '<!DOCTYPE x>',
  'xmlns:',
  'xml:',
  'p:',
  '&#0;',
  '&#xD800;',
  '\r',
  '\uFEFF',
  '__proto__',
];
const damage = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.nat({ max: 2 }),
  insert: fc.constantFrom('', ...SNIPPETS),
});

function damaged(source: string, damages: { at: number; remove: number; insert: string }[]): string {
  return damages.reduce((present, { at, remove, insert }) => {
    const position = Math.floor(at * present.length);
    return present.slice(0, position) + insert + present.slice(position + remove);
  }, source);
}

const cuts = fc.array(fc.nat({ max: 800 }), { maxLength: 12 });

describe('against another parser', () => {
  /** What we refuse and XML allows: RFC 6120 §11.1, and elements in the namespace `xml`, which has no default form. */
  const STRICTER = new Set(['restricted-xml', 'bad-format', 'policy-violation', 'unsupported-encoding']);

  /** Around a namespace name white space counts (XML Names §2.3); the other parser cuts it off. */
  const PADDED_NAMESPACE = /xmlns[^=]*=\s*(?:'\s|"\s|'[^'<]*\s'|"[^"<]*\s")/;

  it('what one takes the other takes, and it means the same', () => {
    let taken = 0;
    fc.assert(
      fc.property(document, fc.array(damage, { maxLength: 2 }), cuts, (source, damages, positions) => {
        const bytes = Buffer.from(damaged(source, damages));
        fc.pre(!PADDED_NAMESPACE.test(`${bytes}`));
        const ours = ourOpinion(cutAt(bytes, positions));
        const theirs = secondOpinion(bytes);
        if (ours.trees !== undefined) {
          assert.deepEqual(ours.trees, theirs.trees, theirs.why);
          taken++;
        } else if (theirs.trees !== undefined) {
          const fine =
            STRICTER.has(ours.why) || (ours.why === 'bad-namespace-prefix' && /<xml:/.test(`${bytes}`));
          assert.ok(fine, `only we refuse it: ${ours.why}`);
        }
      }),
      { numRuns: RUNS },
    );
    assert.ok(taken > RUNS / 5, `only ${taken} documents were taken`);
  });

  it('bytes at random are refused by both or taken by both', () => {
    const piece = fc.oneof(fc.constantFrom(...SNIPPETS), fc.constantFrom('<a>', '</a>', '<b/>', 'text'));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.uint8Array({ maxLength: 3 }), (pieces, junk) => {
        const source = Buffer.concat([Buffer.from(pieces.join('')), junk]);
        const bytes = Buffer.concat([
          Buffer.from(`${HEADER}<m>`),
          source,
          Buffer.from('</m></stream:stream>'),
        ]);
        const ours = ourOpinion(whole(bytes));
        if (ours.trees !== undefined) assert.deepEqual(ours.trees, secondOpinion(bytes).trees);
      }),
      { numRuns: RUNS },
    );
  });
});

describe('in pieces', () => {
  it('the same elements and the same error come out wherever the bytes are cut', () => {
    fc.assert(
      fc.property(document, fc.array(damage, { maxLength: 2 }), cuts, (source, damages, positions) => {
        const bytes = Buffer.from(damaged(source, damages));
        const { elements, why } = ourOpinion(whole(bytes));
        const cut = ourOpinion(cutAt(bytes, positions));
        assert.equal(cut.why, why);
        assert.deepEqual(cut.elements.map(String), elements.map(String));
      }),
      { numRuns: RUNS },
    );
  });
});

describe('there and back', () => {
  it('what was parsed and written is parsed to the same', () => {
    fc.assert(
      fc.property(document, (source) => {
        for (const parsed of ourOpinion(whole(Buffer.from(source))).elements) {
          const again = parseElement(serialize(parsed));
          assert.deepEqual(treeOf(again, NS.CLIENT), treeOf(parsed, NS.CLIENT));
          assert.equal(serialize(again), serialize(parsed));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('every part of a stanza is well-formed by itself', () => {
    const partsOf = (parsed: Element): Element[] => [parsed, ...parsed.elements().flatMap(partsOf)];
    fc.assert(
      fc.property(document, (source) => {
        for (const part of ourOpinion(whole(Buffer.from(source))).elements.flatMap(partsOf)) {
          const xmlns = part.getNS() ?? NS.CLIENT;
          const alone = parseElement(serialize(part.with({ xmlns })));
          assert.deepEqual(treeOf(alone, NS.CLIENT), treeOf(part, xmlns));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
