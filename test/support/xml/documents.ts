// Documents to try parsers with: streams with everything that XML 1.0 and XML Names have to offer, nearly all of them
// good, and the same with damage done to them.

import { crowdedStream } from './crowded.ts';
import {
  BAD_BYTES,
  DECLARATIONS,
  FIFTH_EDITION_NAMES,
  FRAGMENTS,
  HEADERS,
  KEYS,
  LOCAL_NAMES,
  NAMESPACES,
  PREFIXES,
  RARE_NAMESPACES,
  SPACES,
  TEXTS,
  VALUES,
} from './fragments.ts';
import { Random } from './random.ts';

/** The n-th document of a seed. */
export function documentOf(seed: number, n: number): Buffer {
  const random = new Random(seed, n);
  const document = Buffer.from(random.oneIn(4) ? crowdedStream(random) : new Maker(random).stream());
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
