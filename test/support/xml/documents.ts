// Documents to try parsers with: streams with everything that XML 1.0 and XML Names have to offer, nearly all of them
// good, and the same with damage done to them.

import { Random } from './random.ts';

const STREAM = 'http://etherx.jabber.org/streams';
const XML = 'http://www.w3.org/XML/1998/namespace';

const HEADERS = [
  `<stream:stream xmlns='jabber:client' xmlns:stream='${STREAM}' to='im.example' version='1.0'>`,
  `<stream:stream xmlns='jabber:client' xmlns:stream='${STREAM}' xmlns:p='u' xmlns:q='urn:q' xmlns:c='jabber:client'>`,
  `<stream:stream xmlns='jabber:server' xmlns:stream='${STREAM}' xmlns:db='jabber:server:dialback' xml:lang='en'>`,
  `<stream xmlns='${STREAM}' xmlns:p='u'>`,
  `<stream:stream xmlns:stream='${STREAM}' stream:x='1' x="'">`,
  `<a xmlns:p='u'>`,
];
const DECLARATIONS = [
  `<?xml version='1.0'?>`,
  `<?xml version="1.0" encoding='utf-8'?>`,
  `<?xml  version = '1.0'\tencoding="UTF-8" standalone='yes' ?>\n`,
  `<?xml version='1.1'?>\r\n`,
];

const LOCAL_NAMES = [
  'a',
  'b',
  'body',
  'message',
  'x',
  'item',
  'xmln',
  'é',
  'ñandú',
  '_',
  'long-name.with_1·',
  'A',
];
/** Allowed since the fifth edition of XML 1.0 only. */
export const FIFTH_EDITION_NAMES = ['ɏ', '\u{10400}', 'aⰀ'];
const PREFIXES = ['p', 'q', 'c', 'é', 'stream'];
const NAMESPACES = [
  'u',
  'v',
  'jabber:client',
  'jabber:server',
  'http://a.example/#?b&amp;c',
  'urn:ü',
  'a#b',
  'u&#9;',
];
const RARE_NAMESPACES = ['', ' u', 'u ', XML, 'http://www.w3.org/2000/xmlns/'];
const KEYS = ['x', 'y', 'to', 'type', 'id', 'é', 'xml:lang', 'xml:x', 'constructor', 'toString', 'x.y-z'];

const TEXTS = [
  ...[
    'text',
    'a longer text of some words',
    ' ',
    '\n',
    '\r\n',
    '\r',
    '\t',
    '>',
    ']]',
    ']] >',
    '"',
    `''`,
    '=',
    '/',
  ],
  ...[
    '&amp;',
    '&lt;',
    '&gt;',
    '&quot;',
    '&apos;',
    '&#65;',
    '&#xA;',
    '&#13;',
    '&#x9;',
    '&#x1F600;',
    '&#0038;',
    '&#x00041;',
  ],
  ...['ü', '€', '😀', '\uFFFD', '\u0080', '\u0085', '\u2028', '\uFEFF', '\u{10FFFF}', '\uE000', '\u007F', '́'],
  ...[
    '<![CDATA[<&]]>',
    '<![CDATA[]]]]>',
    '<![CDATA[]]>',
    '<![CDATA[\r\n&amp;]]>',
    '<![CDATA[é]]]>',
    'x'.repeat(90),
  ],
];
const VALUES = [
  ...[
    'v',
    'juliet@im.example/balcony',
    ' ',
    '  ',
    '\t',
    '\r\n',
    '\n',
    '\r',
    '>',
    ']]>',
    '/',
    '=',
    'y'.repeat(70),
  ],
  ...['&quot;', '&apos;', '&#10;', '&#x9;', '&#13;', '&lt;', '&gt;', '&amp;', '&#60;', '&#x26;'],
  ...['ß', '😀', '\u0085', '\uFEFF', '\uFFFD', ''],
];
const SPACES = [' ', ' ', ' ', ' ', '  ', '\n', '\t', '\r\n', ' \r'];

/** Pieces that break most documents in most places. */
const FRAGMENTS = [
  ...[
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
    '#',
    '[',
    '\0',
    '\u0001',
    '\u001F',
    '\uFFFE',
  ],
  ...[
    ']]>',
    '<!--',
    '-->',
    '<!-- c -->',
    '<?x',
    '?>',
    '<?x y?>',
    '<!',
    '<![',
    '<![CDATA[',
    '<![cdata[',
    '</',
    '/>',
    '< ',
  ],
  ...[
    '&#',
    '&#x',
    '&x;',
    '&amp',
    '&nbsp;',
    '&#0;',
    '&#xD800;',
    '&#xFFFE;',
    '&#x110000;',
    '&#X41;',
    '&#65zz;',
    '&#99999999999;',
  ],
  ...[
    `xmlns='u'`,
    ` xmlns:p=''`,
    ` x='1'`,
    ` x='1' x='1'`,
    ` p:x='1' q:x='1'`,
    'xmlns:',
    'xml:',
    'p:',
    'xmlns',
    ` xmlns:q='u'`,
  ],
  ...[
    `<?xml version='1.0'?>`,
    `<?xml version='1.0' encoding='ISO-8859-1'?>`,
    '<!DOCTYPE x>',
    '<!ENTITY a "b">',
  ],
  ...[
    '<p:a>',
    '</p:a>',
    '<a>',
    '</a>',
    '<z:a/>',
    '<xml:a/>',
    '<xmlns:a/>',
    `<a b=c/>`,
    '<a b/>',
    `<a b='<'/>`,
    '<1/>',
    '<×/>',
    '<p:1/>',
    '<-a/>',
    '<a:b:c/>',
  ],
  ...[
    '</stream:stream>',
    '</stream>',
    '<stream:stream>',
    'a',
    '1',
    '×',
    '\u0301',
    '\uFEFF',
    '\r',
    '__proto__',
    'ª',
    '\u{F0000}',
  ],
];
const BAD_BYTES = [
  [0xc0, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0x80],
  [0xe2, 0x82],
  [0xff],
  [0xc3],
].map((bytes) => Buffer.from(bytes));

/** The n-th document of a seed. */
export function documentOf(seed: number, n: number): Buffer {
  const random = new Random(seed, n);
  const document = Buffer.from(new Maker(random).stream());
  return random.below(5) < 2 ? document : damaged(document, random);
}

/** Does up to three things to some bytes. */
function damaged(document: Buffer, random: Random): Buffer {
  let present = document;
  for (let count = 1 + random.below(3); count > 0; count--) {
    const at = random.below(present.length + 1);
    const gone = random.oneIn(2) ? random.below(4) : 0;
    present = Buffer.concat([present.subarray(0, at), piece(present, random), present.subarray(at + gone)]);
  }
  return present;
}

function piece(document: Buffer, random: Random): Buffer {
  const kind = random.below(8);
  if (kind < 4) return Buffer.from(random.pick(FRAGMENTS));
  if (kind === 4) return random.pick(BAD_BYTES);
  if (kind === 5) return Buffer.from([random.below(256)]);
  if (kind === 6) return Buffer.alloc(0);
  const from = random.below(document.length);
  return document.subarray(from, from + random.below(40));
}

/** Writes one stream; what it writes is well-formed but for a flaw now and then. */
class Maker {
  readonly #random: Random;
  /** Prefixes that are bound where it is writing. */
  #bound: string[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  stream(): string {
    const random = this.#random;
    const header = random.pick(HEADERS);
    this.#bound = [...header.matchAll(/xmlns:(\w+)/g)].map(([, prefix]) => prefix!);
    let text = random.oneIn(3) ? random.pick(DECLARATIONS) : '';
    text += header;
    for (let count = random.below(4); count > 0; count--) {
      text += this.#element(0) + (random.oneIn(3) ? random.pick(SPACES) : '');
    }
    return `${text}</${/[^\s>]+/.exec(header.slice(1))![0]}${random.oneIn(9) ? '\n' : ''}>${random.oneIn(9) ? ' ' : ''}`;
  }

  #element(depth: number): string {
    const random = this.#random;
    const outside = this.#bound.length;
    const attributes = this.#attributes();
    const name = this.#name(this.#bound, LOCAL_NAMES);
    const gap = random.oneIn(8) ? random.pick(SPACES) : '';
    const content = random.oneIn(4) ? '' : this.#content(depth);
    this.#bound.length = outside;
    if (content === '' && random.oneIn(2)) return `<${name}${attributes}${gap}/>`;
    const closing = random.oneIn(300) ? this.#name(this.#bound, LOCAL_NAMES) : name;
    return `<${name}${attributes}${gap}>${content}</${closing}${random.oneIn(8) ? random.pick(SPACES) : ''}>`;
  }

  #content(depth: number): string {
    const random = this.#random;
    let text = '';
    for (let count = random.below(5); count > 0; count--) {
      if (depth < 5 && random.oneIn(2)) text += this.#element(depth + 1);
      else text += random.oneIn(400) ? random.pick(FRAGMENTS) : random.some(TEXTS, 3);
    }
    return text;
  }

  #attributes(): string {
    const random = this.#random;
    const seen = new Set<string>();
    const declarations: string[] = [];
    for (let count = random.oneIn(3) ? random.below(4) : 0; count > 0; count--) {
      const prefix = random.oneIn(3) ? '' : random.pick(PREFIXES);
      const key = prefix === '' ? 'xmlns' : `xmlns:${prefix}`;
      if (seen.has(key) && !random.oneIn(50)) continue;
      seen.add(key);
      if (prefix !== '') this.#bound.push(prefix);
      declarations.push(this.#attribute(key, random.pick(random.oneIn(40) ? RARE_NAMESPACES : NAMESPACES)));
    }
    const others: string[] = [];
    for (let count = random.oneIn(2) ? random.below(4) : 0; count > 0; count--) {
      const key = this.#name(this.#bound, KEYS);
      if (seen.has(key) && !random.oneIn(50)) continue;
      seen.add(key);
      others.push(this.#attribute(key, random.some(VALUES, 3)));
    }
    return (random.oneIn(2) ? [...declarations, ...others] : [...others, ...declarations]).join('');
  }

  #attribute(key: string, value: string): string {
    const random = this.#random;
    const gap = random.oneIn(300) ? '' : random.pick(SPACES);
    const equals = random.oneIn(12) ? ` ${random.oneIn(2) ? '=' : '=\n'}` : '=';
    if (random.oneIn(4)) return `${gap}${key}${equals}"${value}"`;
    return `${gap}${key}${equals}'${value}'`;
  }

  #name(prefixes: readonly string[], locals: readonly string[]): string {
    const random = this.#random;
    const local = random.oneIn(200) ? random.pick(FIFTH_EDITION_NAMES) : random.pick(locals);
    if (local.includes(':') || prefixes.length === 0 || random.below(3) > 0) return local;
    return `${random.oneIn(100) ? random.pick(PREFIXES) : random.pick(prefixes)}:${local}`;
  }
}
