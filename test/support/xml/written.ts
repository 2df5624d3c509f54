// Stanzas as our own code makes them, with text from anywhere; what is written of them must be well-formed and mean
// what was put in.

import { type Attrs, type Element, xml } from '../../../src/xml/element.ts';
import { share } from '../../../src/xml/serialize.ts';
import { Random } from './random.ts';

const PREFIXED = ['stream:features', 'stream:error', 'db:result'];
const NAMES = ['message', 'body', 'a', 'é', 'x.y-z_', 'item'];
const KEYS = ['to', 'from', 'xml:lang', 'id', 'é', 'p:x', 'toString'];
const NAMESPACES = ['u', 'jabber:client', 'jabber:server', 'urn:a b', `'"<&>`, '', '\tu\n'];
const TEXTS = [
  ...[
    'text',
    'a longer text, of several words',
    '<',
    '>',
    '&',
    `'`,
    '"',
    ']]>',
    '&amp;',
    '<![CDATA[',
    '<!--',
    '?>',
    '',
  ],
  ...[
    '\t',
    '\n',
    '\r',
    '\r\n',
    ' ',
    '\u0085',
    '\u2028',
    'é',
    '€',
    '😀',
    '\uFEFF',
    '\uFFFD',
    '\u{10FFFF}',
    '\u007f',
  ],
  ...['\0', '\u0001', '\u0008', '\u000b', '\u001f', '\uFFFE', '\uFFFF', '\uD800', '\uDC00', '\uDE00\uD83D'],
];

/** The n-th stanza of a seed. */
export function writtenStanza(seed: number, n: number): Element {
  return element(new Random(seed, n), 0);
}

function element(random: Random, depth: number): Element {
  const name = random.oneIn(9) ? random.pick(PREFIXED) : random.pick(NAMES);
  const children = Array.from({ length: random.below(4) }, () =>
    depth < 4 && random.oneIn(2) ? element(random, depth + 1) : text(random),
  );
  const made = xml(name, attributes(random), ...children);
  if (random.oneIn(8)) share(made);
  return random.oneIn(8) ? made.with({ id: text(random), to: undefined }) : made;
}

function attributes(random: Random): Attrs {
  const attrs: Attrs = {};
  if (random.oneIn(3)) attrs.xmlns = random.pick(NAMESPACES);
  for (let count = random.below(4); count > 0; count--) {
    const key = random.pick(KEYS);
    attrs[key] = text(random);
    if (key === 'p:x') attrs['xmlns:p'] = random.pick(['u', `'"<&>\t`]);
  }
  return attrs;
}

function text(random: Random): string {
  if (random.oneIn(4))
    return String.fromCharCode(random.below(0x10000), random.below(0x10000), random.below(0x300));
  return random.some(TEXTS, 4);
}
