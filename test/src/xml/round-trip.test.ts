// Any stanza that is accepted can be written, and be accepted by another server with the same limits: a stanza that
// only the first takes would cost the two the link between them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseElement } from '../../../src/xml/copy.ts';
import { isCut } from '../../../src/xml/cut.ts';
import { type Element, xml } from '../../../src/xml/element.ts';
import { CLIENT_LIMITS, DEFAULT_LIMITS, type ParserLimits, PREAUTH_LIMITS } from '../../../src/xml/limits.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { XmlParser } from '../../../src/xml/parser.ts';
import { serialize } from '../../../src/xml/serialize.ts';
import { documentOf } from '../../support/xml/documents.ts';
import { sameTree, treeOf } from '../../support/xml/opinion.ts';

const COUNT = 100_000;
const SEED = 20_261_128;

/** So small that most documents meet one of them. */
const SMALL_LIMITS: ParserLimits = {
  stanzaBytes: 300,
  depth: 6,
  attributes: 5,
  nameBytes: 18,
  namespaceDeclarations: 4,
  nodes: 30,
};
const ALL = { SMALL_LIMITS, PREAUTH_LIMITS, CLIENT_LIMITS, DEFAULT_LIMITS };

const CLIENT = header(NS.CLIENT, '');
const SERVER = header(NS.SERVER, ` xmlns:db='${NS.DIALBACK}'`);

it(`${COUNT} documents: those accepted within small limits are accepted again, with the same meaning`, () => {
  const found = { accepted: 0, cut: 0, refused: 0 };
  for (let n = 0; n < COUNT; n++) {
    const document = documentOf(SEED, n);
    const { elements, content, error } = read(document, SMALL_LIMITS);
    if (error === 'policy-violation') found.refused++;
    for (const element of elements) {
      if (isCut(element)) found.cut++;
      else found.accepted++;
      const complaint = isCut(element) ? undefined : complaintAbout(element, content, SMALL_LIMITS);
      if (complaint !== undefined) assert.fail(`${complaint}: document ${n}: ${document}`);
    }
  }
  assert.ok(found.accepted > COUNT / 3, `${found.accepted} accepted`);
  assert.ok(found.refused > COUNT / 20, `${found.refused} refused because of a limit`);
  assert.ok(found.cut > COUNT / 100, `${found.cut} too large when written`);
});

describe('at each limit', () => {
  for (const [name, limits] of Object.entries(ALL)) {
    for (const [what, limit, make] of FAMILIES()) {
      it(`${name}, ${what}: n - 1 and n are accepted and accepted again, n + 1 is not`, () => {
        const most = limits[limit];
        for (const n of [most - 1, most]) {
          const element = only(read(Buffer.from(CLIENT + make(n)), limits));
          assert.ok(element !== undefined, `${n} of ${most}`);
          assert.equal(complaintAbout(element, NS.CLIENT, limits), undefined);
        }
        assert.equal(only(read(Buffer.from(CLIENT + make(most + 1)), limits)), undefined, 'one too many');
      });
    }
  }
});

describe('additions of servers', () => {
  for (const [what, limit, make] of FAMILIES()) {
    it(`${what}: the largest stanza of a client passes two servers`, () => {
      const sent = only(read(Buffer.from(CLIENT + make(CLIENT_LIMITS[limit])), CLIENT_LIMITS))!;
      const arrived = only(read(Buffer.from(SERVER + serialize(stamped(sent))), DEFAULT_LIMITS));
      assert.ok(arrived !== undefined, 'at the first');
      assert.ok(
        only(read(Buffer.from(SERVER + serialize(stamped(arrived))), DEFAULT_LIMITS)),
        'at the second',
      );
    });
  }
});

// ── Documents that meet one limit ───────────────────────────────────────────────────────────────────────────────────

type Family = [what: string, limit: keyof ParserLimits, make: (n: number) => string];

function FAMILIES(): Family[] {
  const many = (count: number, unit: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => unit(n)).join('');
  const declared = (count: number) => many(count, (n) => ` xmlns:p${n}='u${n}'`);
  const used = (count: number, key = 'k') => many(count, (n) => ` p${n}:${key}${n}=''`);
  const half = (n: number) => Math.floor(n / 2);
  return [
    ['elements in elements', 'depth', (n) => '<a>'.repeat(n - 1) + '</a>'.repeat(n - 1)],
    ['attributes', 'attributes', (n) => `<a${many(n, (i) => ` a${i}=''`)}/>`],
    [
      'attributes with a prefix from outside',
      'attributes',
      (n) => `<a${declared(3)}><b xmlns='u'${used(3)}${many(n - 3, (i) => ` p1:b${i}=''`)}/></a>`,
    ],
    ['prefixes of one element', 'namespaceDeclarations', (n) => `<a${declared(n)}/>`],
    ['prefixes of many', 'namespaceDeclarations', (n) => `<a${declared(half(n))}>${nest(n - half(n))}</a>`],
    [
      'the same prefixes again',
      'namespaceDeclarations',
      (n) => `<a${declared(n)}><b${used(half(n))}><c${used(half(n))}${declared(half(n))}/></b></a>`,
    ],
    [
      'prefixes of the header',
      'namespaceDeclarations',
      (n) => `<a stream:k=''${declared(n - 1)}><b stream:k=''><c${used(1)}/></b></a>`,
    ],
    ['the name of an element', 'nameBytes', (n) => `<${'n'.repeat(n)}/>`],
    ['the name of an attribute', 'nameBytes', (n) => `<a ${'n'.repeat(n)}=''/>`],
    ['the name of a prefix', 'nameBytes', (n) => `<a xmlns:${'n'.repeat(n - 6)}='u'/>`],
    ['elements', 'nodes', (n) => `<a>${'<b/>'.repeat(n - 1)}</a>`],
    ['elements with text', 'nodes', (n) => `<a>${'x<b/>'.repeat(half(n - 1))}${(n - 1) % 2 ? 'x' : ''}</a>`],
    [
      'elements with attributes',
      'nodes',
      (n) => `<a>${`<b c=''/>`.repeat(half(n - 1))}${(n - 1) % 2 ? 'x' : ''}</a>`,
    ],
    [
      'elements that get a namespace',
      'nodes',
      (n) => `<a xmlns:p='u'>${'<p:b/>'.repeat(half(n - 2))}${n % 2 ? 'x' : ''}</a>`,
    ],
    ...filled('text', '<a>', '</a>'),
    ...filled('text with >', `<a>${'>'.repeat(40)}`, '</a>'),
    ...filled('text beyond ASCII', `<a>ü&#252;>>>`, '</a>'),
    ...filled('CDATA', `<a><![CDATA[${'<&>'.repeat(15)}`, ']]></a>'),
    ...filled('a value', `<a b="${`'&#39;`.repeat(9)}>>>`, '"/>'),
    // The prefixes that fall away count as received.
    ...filled('namespaces', `<a xmlns:p='urn:long'>${'<p:b/>'.repeat(4)}`, '</a>', 4 * 'p:'.length),
    ...filled('prefixes', `<a xmlns:p='>>>>'>${`<b p:c=''/>`.repeat(3)}`, '</a>'),
  ];
}

/** A stanza that counts as n bytes: those that are written, and some more. The rest of them is plain text. */
function filled(what: string, before: string, after: string, more = 0): Family[] {
  const bytes = Buffer.byteLength(serialize(parseElement(before + after)));
  // An element without content ends in two characters, one with content in its end tag.
  const isEmpty = before + after === '<a></a>';
  const base = isEmpty ? before.length + after.length : bytes + more;
  return [[`bytes of ${what}`, 'stanzaBytes', (n) => before + 'x'.repeat(n - base) + after]];
}

function nest(depth: number): string {
  let text = '';
  for (let n = depth; n > 0; n--)
    text = n % 2 === 0 ? `<b/><b xmlns:q${n}='u'>${text}</b>` : `<b xmlns:q${n}='u' q${n}:k=''>${text}</b>`;
  return text;
}

/** With the longest sender and a delay, and wrapped as forwarded stanzas are (XEP-0297). */
function stamped(stanza: Element): Element {
  const bare = `${'l'.repeat(1023)}@${'d'.repeat(1023)}`;
  const from = `${bare}/${"'".repeat(1023)}`;
  const delay = xml('delay', { xmlns: NS.DELAY, from: bare, stamp: '2026-11-28T00:00:00Z' });
  const forwarded = xml('forwarded', 'urn:xmpp:forward:0', delay, stanza.with({ from, 'xml:lang': 'en' }));
  return xml('message', { from }, xml('sent', 'urn:xmpp:carbons:2', forwarded));
}

// ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Reading {
  readonly elements: readonly Element[];
  readonly content: string;
  readonly error: string | undefined;
}

function read(bytes: Buffer, limits: ParserLimits): Reading {
  const elements: Element[] = [];
  let content = '';
  const onOpen = (_: Element, xmlns = '') => {
    content = xmlns;
  };
  try {
    new XmlParser({ onOpen, onElement: (element) => elements.push(element), onClose() {} }, limits).write(
      bytes,
    );
    return { elements, content, error: undefined };
  } catch (error) {
    return { elements, content, error: (error as { condition?: string }).condition ?? String(error) };
  }
}

/** The one stanza that was accepted. */
function only({ elements, error }: Reading): Element | undefined {
  const [element] = elements;
  return error !== undefined || element === undefined || isCut(element) ? undefined : element;
}

/** What is wrong with what another server would read. */
function complaintAbout(element: Element, content: string, limits: ParserLimits): string | undefined {
  const written = serialize(element);
  for (const [header, xmlns] of [
    [CLIENT, NS.CLIENT],
    [SERVER, NS.SERVER],
  ] as const) {
    const reading = read(Buffer.from(header + written), limits);
    const again = only(reading);
    if (again === undefined) return `${reading.error ?? 'cut'}: ${written}`;
    // A stanza goes from one content namespace to another; compared with itself elsewhere it must mean the same.
    if (content === xmlns && !sameTree(treeOf(again, xmlns), treeOf(element, xmlns)))
      return `means something else: ${written}`;
  }
  return undefined;
}

function header(xmlns: string, more: string): string {
  return `<stream:stream xmlns='${xmlns}' xmlns:stream='${NS.STREAM}'${more}>`;
}
