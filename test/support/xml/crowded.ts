// Streams that small limits are too small for: many prefixes, declared, used and declared again at any depth, many
// attributes, and text that is longer when it is written.

import type { Random } from './random.ts';

const LETTERS = ['p', 'q', 'r', 's', 't', 'v', 'w'];
const SPACES = ['u', 'v', 'urn:ü', 'a&amp;b', "it's", 'x>y', 'http://example.org/a-longer-namespace'];
const TEXTS = [
  ...[
    '>',
    '>>>>',
    ']]',
    '&#93;]&#62;',
    "'",
    '"',
    '&amp;',
    '&lt;',
    '&gt;',
    '&#38;',
    '&#x26;',
    '&apos;',
    '&#39;',
  ],
  ...['<![CDATA[&]]>', '<![CDATA[<<<<>>>>&&&&]]>', '<![CDATA[]]]]>>', '<![CDATA[ü\r\n>]]>', '\r\n', '&#13;'],
  ...['text', 'ü', '&#252;', '&#x1F600;', '😀', 'a longer text of some words'],
];
const VALUES = [
  'v',
  '>',
  '>>>',
  '&#39;',
  '&apos;',
  '&quot;',
  '&#10;',
  '&#x9;',
  '\t',
  '&amp;',
  'ü>',
  '&#xE9;>',
  '€',
];

/** A well-formed stream of a few stanzas. */
export function crowdedStream(random: Random): string {
  const bound = LETTERS.slice(0, random.below(LETTERS.length));
  const header = bound.map((prefix) => declaration(prefix, random)).join('');
  let text = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'${header}>`;
  for (let count = 1 + random.below(3); count > 0; count--) text += element(random, bound, 0);
  return `${text}</stream:stream>`;
}

function element(random: Random, outside: readonly string[], depth: number): string {
  const declared = LETTERS.filter(() => random.oneIn(depth === 0 ? 3 : 6));
  const bound = [...new Set([...outside, ...declared])];
  const name = bound.length > 0 && random.oneIn(3) ? `${random.pick(bound)}:a` : 'a';
  const xmlns = random.oneIn(4) ? ` xmlns=${quoted(random.pick(SPACES))}` : '';
  const tag = `${name}${xmlns}${declared.map((prefix) => declaration(prefix, random)).join('')}${attributes(random, bound)}`;
  const content = depth < 12 ? contentOf(random, bound, depth) : '';
  return content === '' && random.oneIn(2) ? `<${tag}/>` : `<${tag}>${content}</${name}>`;
}

function contentOf(random: Random, bound: readonly string[], depth: number): string {
  let content = '';
  for (let count = random.below(4); count > 0; count--) {
    content += random.below(5) < 2 ? element(random, bound, depth + 1) : random.some(TEXTS, 3);
  }
  return content;
}

/** Each has a local name of its own: two prefixes may stand for one namespace. */
function attributes(random: Random, bound: readonly string[]): string {
  const count = random.oneIn(2) ? random.below(7) : 0;
  const keys = Array.from({ length: count }, (_, n) => {
    return bound.length > 0 && random.below(3) > 0 ? `${random.pick(bound)}:k${n}` : `k${n}`;
  });
  return keys
    .map((key) => ` ${key}=${quoted(random.some(random.oneIn(4) ? ["'", "''", 'ü'] : VALUES, 4))}`)
    .join('');
}

function declaration(prefix: string, random: Random): string {
  return ` xmlns:${prefix}=${quoted(random.pick(SPACES))}`;
}

function quoted(value: string): string {
  return value.includes("'") ? `"${value}"` : `'${value}'`;
}
