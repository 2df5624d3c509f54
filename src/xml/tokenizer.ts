// Bytes to tags and text: the syntax of XML 1.0 as far as RFC 6120 §11 allows it.
//
// Every byte is looked at once, in whatever pieces it comes: a token cut off by the end of its chunk is kept with
// the state of its scan and goes on with the next byte. Work is done on bytes with tables; a chunk is turned into
// one string of a character per byte, so that positions in both agree and most values are a slice of it. Only
// values with bytes beyond ASCII are decoded, when they are complete, so no character is ever cut in two.
//
//              ┌────────────── '>' of a stanza ──────────────┐
//              ▼                                             │
//   START ─▶ OUTSIDE ─'<'─▶ OPEN ─▶ TAG_NAME ─▶ IN_TAG ⇄ ATTRIBUTE_NAME … VALUE
//     │                      │ ▲                     │
//     ▼                      │ └────'<'──── TEXT ◀───┘
//   DECLARATION              └─▶ END_NAME, BANG ─▶ CDATA

import {
  AMPERSAND,
  BAD,
  BREAK,
  BYTE_FLAGS,
  CARRIAGE_RETURN,
  GREATER_THAN,
  HIGH,
  isSpace,
  LESS_THAN,
  NAME_BYTES,
} from './chars.ts';
import { checkDeclaration, decodeUtf8 } from './decode.ts';
import { type StreamCondition, StreamError } from './errors.ts';
import type { ParserLimits } from './limits.ts';
import { hashStep, internName, internValue, type Name } from './names.ts';
import { expandReferences } from './references.ts';

/** Who makes a tree of the tags. Throws {@link StreamError} for what is against the rules of trees. */
export interface TokenSink {
  /** Elements open now. */
  readonly depth: number;
  /** Whether the root element has ended. */
  readonly ended: boolean;
  /** The arrays are the tokenizer's. Returns how many bytes longer the element is than what was received. */
  startTag(name: Name, attributes: readonly Name[], values: readonly string[]): number;
  /** `undefined`: the tag was an empty-element tag. */
  endTag(name: Name | undefined): void;
  text(text: string): void;
}

const START = 0;
const START_OPEN = 1;
const DECLARATION = 2;
const OUTSIDE = 3;
const TEXT = 4;
const OPEN = 5;
const TAG_NAME = 6;
const IN_TAG = 7;
const ATTRIBUTE_NAME = 8;
const EQUALS = 9;
const QUOTE = 10;
const VALUE = 11;
const EMPTY_TAG = 12;
const END_NAME = 13;
const END_SPACE = 14;
const BANG = 15;
const CDATA_START = 16;
const CDATA = 17;

const LT = 0x3c;
const GT = 0x3e;
const SLASH = 0x2f;
const EQUALS_SIGN = 0x3d;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const QUESTION = 0x3f;
const EXCLAMATION = 0x21;
const BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;

/** A chunk is worked on in pieces of this many bytes, because a slice keeps alive what it was cut out of. */
const WINDOW_BYTES = 4096;
/** An unfinished token's buffer is kept for the next one up to this size. */
const KEPT_BYTES = 1024;
const DECLARATION_BYTES = 128;
const CDATA_OPENING = '[CDATA[';
const NOTHING = Buffer.alloc(0);

export class Tokenizer {
  limits: ParserLimits;
  readonly #sink: TokenSink;
  #state = START;
  #stopped = false;

  // What is being looked at.
  #bytes: Buffer = NOTHING;
  #latin1 = '';
  #end = 0;

  // The size of what has begun and is not complete: what earlier windows held of it, and where it began in this one.
  #earlierBytes = 0;
  #begin = 0;

  // The token that is being scanned: its beginning, when that lies in an earlier window, and the state of the scan.
  #pending = NOTHING;
  #pendingBytes = 0;
  #flags = 0;
  #hash = 0;
  #quote = 0;
  #matched = 0;

  // The tag that is being read.
  #tag: Name | undefined;
  #spaced = false;
  readonly #attributes: Name[] = [];
  readonly #values: string[] = [];

  constructor(sink: TokenSink, limits: ParserLimits) {
    this.#sink = sink;
    this.limits = limits;
  }

  /** Whether something has begun, be it the header or a stanza, and is not complete. */
  get midToken(): boolean {
    return this.#state !== OUTSIDE && this.#state !== START;
  }

  /** Whether `stop` was called. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Makes `write` return after the present token. */
  stop(): void {
    this.#stopped = true;
  }

  /** Makes `write` possible again. */
  resume(): void {
    this.#stopped = false;
  }

  /** Takes bytes and returns how many of them it has looked at: fewer than all only after `stop`. */
  write(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && !this.#stopped) {
      const end = Math.min(at + WINDOW_BYTES, chunk.length);
      at += this.#scan(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
    }
    this.#bytes = NOTHING;
    this.#latin1 = '';
    return at;
  }

  #scan(window: Buffer): number {
    this.#bytes = window;
    this.#latin1 = window.toString('latin1');
    this.#end = window.length;
    this.#begin = 0;
    let at = 0;
    while (at < this.#end && !this.#stopped) at = this.#step(at);
    if (this.midToken && !this.#stopped) {
      this.#earlierBytes += this.#end - this.#begin;
      if (this.#earlierBytes > this.limits.stanzaBytes) throw tooLarge();
    }
    return at;
  }

  /** Goes on from `at` in the present state; returns where it got. */
  #step(at: number): number {
    switch (this.#state) {
      case TEXT:
        return this.#text(at);
      case OPEN:
        return this.#open(at);
      case TAG_NAME:
      case ATTRIBUTE_NAME:
      case END_NAME:
        return this.#name(at);
      case IN_TAG:
        return this.#inTag(at);
      case VALUE:
        return this.#value(at);
      case OUTSIDE:
        return this.#outside(at);
      case CDATA:
        return this.#cdata(at);
      case DECLARATION:
        return this.#declaration(at);
      default:
        return this.#single(at, this.#bytes[at]!);
    }
  }

  /** The states that want one certain byte, some with white space before it. */
  #single(at: number, byte: number): number {
    switch (this.#state) {
      case START:
        this.#state = byte === LT ? START_OPEN : OUTSIDE;
        return byte === LT ? this.#beginAt(at) : at;
      case START_OPEN:
        this.#state = byte === QUESTION ? DECLARATION : OPEN;
        return byte === QUESTION ? at + 1 : at;
      case EQUALS:
        if (byte === EQUALS_SIGN) this.#state = QUOTE;
        else if (!isSpace(byte)) throw this.#error(at, 'not-well-formed', 'Attribute without a value');
        return at + 1;
      case QUOTE:
        if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) this.#beginValue(byte);
        else if (!isSpace(byte)) throw this.#error(at, 'not-well-formed', 'Attribute value without quotes');
        return at + 1;
      case EMPTY_TAG:
        if (byte !== GT) throw this.#error(at, 'not-well-formed', 'Stray slash in a tag');
        return this.#finishTag(at + 1, true);
      case END_SPACE:
        if (byte === GT) return this.#finishEndTag(at + 1);
        if (!isSpace(byte)) throw this.#error(at, 'not-well-formed', 'End tag with more than a name');
        return at + 1;
      case BANG:
        return this.#bang(at, byte);
      default:
        return this.#cdataStart(at, byte);
    }
  }

  // ── Between the stanzas ──────────────────────────────────────────────────────────────────────────────────────

  /** White space is allowed around stanzas (RFC 6120 §11.7) and nothing is kept of it; other text is not. */
  #outside(at: number): number {
    const bytes = this.#bytes;
    while (at < this.#end && isSpace(bytes[at]!)) at++;
    if (at === this.#end) return at;
    if (bytes[at] !== LT) {
      const condition = this.#sink.depth === 1 ? 'bad-format' : 'not-well-formed';
      throw new StreamError(condition, 'Text outside of the stanzas');
    }
    if (this.#sink.ended) throw new StreamError('not-well-formed', 'Markup after the end of the stream');
    this.#state = OPEN;
    return this.#beginAt(at);
  }

  /** Starts to count the size of what begins with the `<` at `at`. */
  #beginAt(at: number): number {
    this.#begin = at;
    this.#earlierBytes = 0;
    return at + 1;
  }

  #declaration(at: number): number {
    const end = this.#latin1.indexOf('>', at);
    const stop = end < 0 ? this.#end : end;
    if (this.#pendingBytes + stop - at > DECLARATION_BYTES) {
      throw this.#error(stop, 'not-well-formed', 'No XML declaration');
    }
    if (end < 0) return this.#suspend(at);
    checkDeclaration(this.#take(at, end, HIGH));
    this.#state = OUTSIDE;
    return end + 1;
  }

  // ── Tags ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** After a `<`. */
  #open(at: number): number {
    const byte = this.#bytes[at]!;
    this.#hash = 0;
    if (NAME_BYTES[byte] === 3) {
      this.#state = TAG_NAME;
      return at;
    }
    if (byte === SLASH && this.#sink.depth > 0) {
      this.#state = END_NAME;
      return at + 1;
    }
    if (byte === QUESTION) throw this.#error(at, 'restricted-xml', 'Processing instructions are not allowed');
    if (byte !== EXCLAMATION) throw this.#error(at, 'not-well-formed', 'Stray < in text');
    this.#state = BANG;
    return at + 1;
  }

  #name(at: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let hash = this.#hash;
    let i = at;
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (NAME_BYTES[byte] === 0) break;
      hash = hashStep(hash, byte);
    }
    this.#hash = hash;
    if (this.#pendingBytes + i - at > this.limits.nameBytes) {
      throw this.#error(i, 'policy-violation', 'Name too long');
    }
    if (i === end) return this.#suspend(at);
    const name = this.#takeName(at, i);
    if (this.#state === ATTRIBUTE_NAME) return this.#finishAttributeName(i, name);
    this.#tag = name;
    this.#spaced = false;
    this.#state = this.#state === TAG_NAME ? IN_TAG : END_SPACE;
    return i;
  }

  #takeName(start: number, end: number): Name {
    let name: Name | undefined;
    if (this.#pendingBytes === 0) name = internName(this.#latin1, start, end, this.#hash);
    else {
      const source = this.#take(start, end, 0);
      name = internName(source, 0, source.length, this.#hash);
    }
    if (name === undefined) throw this.#error(end, 'not-well-formed', 'Not a name');
    return name;
  }

  /** Between the attributes. */
  #inTag(at: number): number {
    const bytes = this.#bytes;
    let i = at;
    while (i < this.#end && isSpace(bytes[i]!)) i++;
    if (i > at) this.#spaced = true;
    if (i === this.#end) return i;
    const byte = bytes[i]!;
    if (byte === GT) return this.#finishTag(i + 1, false);
    if (byte === SLASH) {
      this.#state = EMPTY_TAG;
      return i + 1;
    }
    if (NAME_BYTES[byte] !== 3 || !this.#spaced) {
      throw this.#error(i, 'not-well-formed', 'Stray character in a tag');
    }
    if (this.#attributes.length >= this.limits.attributes) {
      throw this.#error(i, 'policy-violation', 'Too many attributes');
    }
    this.#state = ATTRIBUTE_NAME;
    this.#hash = 0;
    return i;
  }

  #finishAttributeName(at: number, name: Name): number {
    this.#attributes.push(name);
    this.#state = EQUALS;
    if (this.#bytes[at] !== EQUALS_SIGN) return at;
    this.#state = QUOTE;
    return at + 1;
  }

  #beginValue(quote: number): void {
    this.#state = VALUE;
    this.#quote = quote;
    this.#flags = 0;
  }

  #value(at: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    const quote = this.#quote;
    let flags = this.#flags;
    let i = at;
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === quote) break;
      flags |= BYTE_FLAGS[byte]!;
      if ((flags & (BAD | LESS_THAN)) !== 0) {
        throw this.#error(i, 'not-well-formed', 'Character not allowed in an attribute value');
      }
    }
    this.#flags = flags;
    if (i === end) return this.#suspend(at);
    this.#checkSize(i);
    this.#values.push(this.#attributeValue(this.#take(at, i, flags), flags));
    this.#spaced = false;
    this.#state = IN_TAG;
    return i + 1;
  }

  /** Normalises as XML 1.0 §2.11 and §3.3.3 say. */
  #attributeValue(raw: string, flags: number): string {
    let value = raw;
    if ((flags & BREAK) !== 0) value = value.replace(/\r\n|[\t\n\r]/g, ' ');
    if ((flags & AMPERSAND) !== 0) value = expandReferences(value);
    const name = this.#attributes[this.#attributes.length - 1]!;
    const repeats = name.declares !== undefined || name.text === 'type';
    return repeats && (flags & HIGH) === 0 ? internValue(value) : value;
  }

  #finishTag(next: number, empty: boolean): number {
    this.#checkSize(next);
    this.#earlierBytes += this.#sink.startTag(this.#tag!, this.#attributes, this.#values);
    this.#attributes.length = 0;
    this.#values.length = 0;
    if (empty) return this.#finishElement(next, undefined);
    this.#flags = 0;
    this.#state = this.#sink.depth > 1 ? TEXT : OUTSIDE;
    return next;
  }

  #finishEndTag(next: number): number {
    return this.#finishElement(next, this.#tag);
  }

  #finishElement(next: number, name: Name | undefined): number {
    this.#checkSize(next);
    // What the sink is about to hand over may lead to `stop`: the state is that of afterwards already.
    this.#flags = 0;
    this.#state = this.#sink.depth > 2 ? TEXT : OUTSIDE;
    this.#sink.endTag(name);
    return next;
  }

  // ── Text ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #text(at: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let flags = this.#flags;
    let i = at;
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === LT) break;
      flags |= BYTE_FLAGS[byte]!;
      if ((flags & BAD) !== 0) throw this.#error(i, 'not-well-formed', 'Control character');
    }
    this.#flags = flags;
    if (i === end) return this.#suspend(at);
    this.#state = OPEN;
    if (i === at && this.#pendingBytes === 0) return i + 1;
    this.#checkSize(i);
    this.#sink.text(characterData(this.#take(at, i, flags), flags));
    return i + 1;
  }

  /** After `<!`. */
  #bang(at: number, byte: number): number {
    if (byte === BRACKET) {
      if (this.#sink.depth < 2) throw this.#error(at, 'bad-format', 'Text outside of the stanzas');
      this.#state = CDATA_START;
      this.#matched = 0;
      return at;
    }
    if (NAME_BYTES[byte] === 0) throw this.#error(at, 'not-well-formed', 'Stray <! in text');
    throw this.#error(at, 'restricted-xml', 'Comments and declarations are not allowed');
  }

  #cdataStart(at: number, byte: number): number {
    if (byte !== CDATA_OPENING.charCodeAt(this.#matched)) {
      throw this.#error(at, 'not-well-formed', 'Stray <! in text');
    }
    this.#matched++;
    if (this.#matched === CDATA_OPENING.length) {
      this.#state = CDATA;
      this.#matched = 0;
      this.#flags = 0;
    }
    return at + 1;
  }

  #cdata(at: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let brackets = this.#matched;
    let i = at;
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === GT && brackets >= 2) break;
      brackets = byte === CLOSING_BRACKET ? brackets + 1 : 0;
      this.#flags |= BYTE_FLAGS[byte]!;
      if ((this.#flags & BAD) !== 0) throw this.#error(i, 'not-well-formed', 'Control character');
    }
    this.#matched = brackets;
    if (i === end) return this.#suspend(at);
    this.#checkSize(i);
    const text = this.#take(at, i, this.#flags).slice(0, -2);
    this.#sink.text((this.#flags & CARRIAGE_RETURN) === 0 ? text : normaliseLineEnds(text));
    this.#flags = 0;
    this.#state = TEXT;
    return i + 1;
  }

  // ── Tokens in pieces ─────────────────────────────────────────────────────────────────────────────────────────

  /** Keeps the unfinished token that began at `start`, or goes on with it from there, till the next window. */
  #suspend(start: number): number {
    this.#keep(start, this.#end);
    return this.#end;
  }

  #keep(start: number, end: number): void {
    const needed = this.#pendingBytes + end - start;
    if (needed > this.#pending.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(256, needed, this.#pending.length * 2));
      this.#pending.copy(larger, 0, 0, this.#pendingBytes);
      this.#pending = larger;
    }
    this.#bytes.copy(this.#pending, this.#pendingBytes, start, end);
    this.#pendingBytes = needed;
  }

  /** The token's text, whose last bytes are those from `start` to `end`. */
  #take(start: number, end: number, flags: number): string {
    if (this.#pendingBytes === 0) {
      return (flags & HIGH) === 0 ? this.#latin1.slice(start, end) : decodeUtf8(this.#bytes, start, end);
    }
    this.#keep(start, end);
    const token = this.#pending;
    const length = this.#pendingBytes;
    this.#pendingBytes = 0;
    if (token.length > KEPT_BYTES) this.#pending = NOTHING;
    return (flags & HIGH) === 0 ? token.toString('latin1', 0, length) : decodeUtf8(token, 0, length);
  }

  // ── Sizes and errors ─────────────────────────────────────────────────────────────────────────────────────────

  #checkSize(at: number): void {
    if (this.#earlierBytes + at - this.#begin > this.limits.stanzaBytes) throw tooLarge();
  }

  /** The error at `at`; that of a size exceeded before, so that the answer does not depend on how bytes are cut. */
  #error(at: number, condition: StreamCondition, text: string): StreamError {
    const tooMuch = this.#earlierBytes + at - this.#begin > this.limits.stanzaBytes;
    return tooMuch ? tooLarge() : new StreamError(condition, text);
  }
}

function tooLarge(): StreamError {
  return new StreamError('policy-violation', 'Stanza too large');
}

function characterData(raw: string, flags: number): string {
  if ((flags & (GREATER_THAN | CARRIAGE_RETURN | AMPERSAND)) === 0) return raw;
  if ((flags & GREATER_THAN) !== 0 && raw.includes(']]>')) {
    throw new StreamError('not-well-formed', ']]> in text');
  }
  const text = (flags & CARRIAGE_RETURN) === 0 ? raw : normaliseLineEnds(raw);
  return (flags & AMPERSAND) === 0 ? text : expandReferences(text);
}

/** XML 1.0 §2.11. */
function normaliseLineEnds(text: string): string {
  return text.replace(/\r\n?/g, '\n');
}
