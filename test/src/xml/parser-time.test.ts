// Time is linear in the bytes received, whatever they are and however they are cut: before login one peer's bytes
// must not cost more than another's.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { feed, HEADER, piecesOf, whole } from './feed.ts';

const LIMITS = {
  stanzaBytes: 1 << 22,
  depth: 10_000,
  attributes: 64,
  nameBytes: 1 << 22,
  namespaceDeclarations: 32,
  nodes: 1 << 20,
};

/**
 * A document of about so many bytes in which one thing never ends; of an eighth of them where one comes again and
 * again, so that the cost of collecting garbage stays out of it.
 */
const OPEN_ENDED: [string, (bytes: number) => string][] = [
  ['an attribute value', (bytes) => `<a b='${'x'.repeat(bytes)}`],
  ['text', (bytes) => `<a>${'x'.repeat(bytes)}`],
  ['text beyond ASCII', (bytes) => `<a>${'ü'.repeat(bytes / 2)}`],
  ['a name', (bytes) => `<${'a'.repeat(bytes)}`],
  ['the name of an end tag', (bytes) => `<a></${'a'.repeat(bytes)}`],
  ['an entity', (bytes) => `<a>&${'a'.repeat(bytes)}`],
  ['CDATA', (bytes) => `<a><![CDATA[${'x'.repeat(bytes)}`],
  ['closing brackets in CDATA', (bytes) => `<a><![CDATA[${']'.repeat(bytes)}`],
  ['white space in a tag', (bytes) => `<a ${' '.repeat(bytes)}`],
  ['white space between stanzas', (bytes) => ' '.repeat(bytes)],
  ['references', (bytes) => `<a>${'&lt;'.repeat(bytes / 32)}</a>`],
  ['zeros in a reference', (bytes) => `<a>&#${'0'.repeat(bytes)}65;</a>`],
  ['ampersands', (bytes) => `<a b='${'&'.repeat(bytes)}'`],
  ['line ends', (bytes) => `<a>${'\r\n'.repeat(bytes / 2)}</a>`],
  ['small elements', (bytes) => `<a>${'<b/>'.repeat(bytes / 32)}</a>`],
  ['small pieces of CDATA', (bytes) => `<a>${'<![CDATA[x]]>'.repeat(bytes / 104)}</a>`],
  ['nested elements', (bytes) => `${'<a>'.repeat(Math.min(bytes / 3, 9000))}`],
  ['tags full of attributes', (bytes) => tagOf(64).repeat(bytes / 3200)],
  ['prefixes looked up', (bytes) => `<a ${prefixes(29)}>${'<p0:b/>'.repeat(bytes / 40)}`],
];

describe('XML 1.0 in linear time', () => {
  for (const [what, documentOf] of OPEN_ENDED) {
    for (const [how, size, bytes] of [
      ['in packets', 1400, 400_000],
      ['byte by byte', 1, 50_000],
    ] as const) {
      it(`${what}, ${how}`, () => {
        const small = cost(documentOf(bytes), size);
        const large = cost(documentOf(bytes * 4), size);
        // Quadratic work is sixteen times as much, and takes seconds; the rest is for collectors and busy machines.
        assert.ok(large < small * 10 + 80, `${small.toFixed(1)} ms for one, ${large.toFixed(1)} ms for four`);
      });
    }
  }
});

it('a megabyte in packets gives the same elements as in one piece', () => {
  const long = Buffer.from(`${HEADER}<a>${'x'.repeat(1_000_000)}</a><b/>`);
  assert.deepEqual(feed(piecesOf(long, 1400), LIMITS), feed(whole(long), LIMITS));
});

/** CPU time in ms, the least of three tries. */
function cost(document: string, size: number): number {
  const pieces = [...piecesOf(Buffer.from(HEADER + document), size)];
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3; attempt++) {
    const begin = process.cpuUsage();
    feed(pieces, LIMITS);
    const { user, system } = process.cpuUsage(begin);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

function tagOf(attributes: number): string {
  return `<a ${Array.from({ length: attributes }, (_, i) => `a${i}=''`).join(' ')}/>`;
}

function prefixes(count: number): string {
  return Array.from({ length: count }, (_, i) => `xmlns:p${i}='u'`).join(' ');
}
