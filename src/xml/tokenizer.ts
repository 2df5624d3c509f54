// Splits bytes into tags and text, for the part of XML 1.0 that RFC 6120 §11 allows.
//
// Every byte is scanned once, independent of chunks: a token that continues in the next chunk is kept with the state of
// its scan. Scanning uses tables of bytes. A chunk becomes one string with a character per byte, and most values are
// slices of it. Only values with bytes beyond ASCII are decoded, once they are complete, so no character is split.
//
// Common tags have a fast path, which takes only tokens that are completely in the window and need no decoding. The
// states handle everything else, including every error.
//
//   START ─▶ OUTSIDE ─'<'─▶ OPEN ─▶ TAG ─▶ OUTSIDE or TEXT        (OUTSIDE: between the stanzas)
//     │                      │ ▲                     │
//     ▼                      │ └─────────'<'─────────┘
//   DECLARATION              └─▶ BANG ─▶ CDATA_START ─▶ CDATA ─▶ TEXT

import {
  AMPERSAND,
  BAD,
  BYTE_FLAGS,
  CARRIAGE_RETURN,
  GREATER_THAN,
  HIGH,
  isSpace,
  LESS_THAN,
  NAME_BYTES,
} from './chars.ts';
import { checkDeclaration } from './decode.ts';
import { StreamError } from './errors.ts';
import type { ParserLimits } from './limits.ts';
import { type Name, standsAt } from './names.ts';
import { textBytes } from './serialize.ts';
import { TagScanner } from './tag-scanner.ts';
import { characterData, normaliseLineEnds } from './text.ts';
import { TokenInput } from './token-input.ts';

/** The receiver of tags and text, which builds the tree. Throws {@link StreamError} for an invalid tree. */
export interface TokenSink {
  /** The number of open elements. */
  readonly depth: number;
  /** The name of the innermost open element. */
  readonly openName: Name | undefined;
  /** Whether the root element has ended. */
  readonly ended: boolean;
  /** The tokenizer reuses the arrays. Returns the number of bytes that the output is longer than the input. */
  startTag(name: Name, attributes: readonly Name[], values: readonly string[]): number;
  /**
   * @param name `undefined` for an empty-element tag, or if the tokenizer has checked the name
   * @param isTooLarge whether the output of the stanza so far is too large
   */
  endTag(name: Name | undefined, isTooLarge: boolean): void;
  text(text: string): void;
}

const START = 0;
const START_OPEN = 1;
const DECLARATION = 2;
const OUTSIDE = 3;
const TEXT = 4;
const OPEN = 5;
const TAG = 6;
const BANG = 7;
const CDATA_START = 8;
const CDATA = 9;

const LESS = 0x3c;
const GREATER = 0x3e;
const SLASH = 0x2f;
const QUESTION = 0x3f;
const EXCLAMATION = 0x21;
const BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;

/** Chunks are processed in windows of this size, because a slice keeps its whole window alive. */
const WINDOW_BYTES = 4096;
const DECLARATION_BYTES = 128;
const CDATA_OPENING = '[CDATA[';
const CDATA_BYTES = '<![CDATA[]]>'.length;
/** Characters that are written as references, but need none in CDATA. */
const MARKUP = AMPERSAND | LESS_THAN | GREATER_THAN;

export class Tokenizer {
  readonly #sink: TokenSink;
  readonly #input: TokenInput;
  readonly #tag: TagScanner;
  #state = START;
  /** The flags of the present text. */
  #flags = 0;
  /** The number of characters of `[CDATA[`, or of closing brackets, immediately before. */
  #matched = 0;
  #stopped = false;

  constructor(sink: TokenSink, limits: ParserLimits) {
    this.#sink = sink;
    this.#input = new TokenInput(limits);
    this.#tag = new TagScanner(this.#input);
  }

  get limits(): ParserLimits {
    return this.#input.limits;
  }

  set limits(limits: ParserLimits) {
    this.#input.limits = limits;
  }

  /** Whether the header or a stanza is incomplete. */
  get midToken(): boolean {
    return this.#state !== OUTSIDE && this.#state !== START;
  }

  /** Whether `stop` was called. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Bytes that the output of the present stanza is longer than its input. */
  get addedBytes(): number {
    return this.#input.addedBytes;
  }

  /** Makes `write` return after the present tag. */
  stop(): void {
    this.#stopped = true;
  }

  /** Allows `write` again after `stop`. */
  resume(): void {
    this.#stopped = false;
  }

  /** Parses bytes and returns the number of bytes parsed, which is less than all only after `stop`. */
  write(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && !this.#stopped) {
      const end = Math.min(at + WINDOW_BYTES, chunk.length);
      at += this.#scan(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
    }
    this.#input.release();
    return at;
  }

  #scan(window: Buffer): number {
    this.#input.enter(window);
    const end = window.length;
    let at = 0;
    while (at < end && !this.#stopped) at = this.#step(at);
    if (this.midToken && !this.#stopped) this.#input.leave();
    return at;
  }

  /** Scans from `at` in the present state; returns the position reached. */
  #step(at: number): number {
    switch (this.#state) {
      case TEXT:
        return this.#text(at);
      case OPEN:
        return this.#open(at);
      case TAG:
        return this.#inTag(at);
      case OUTSIDE:
        return this.#outside(at);
      case CDATA:
        return this.#cdata(at);
      case CDATA_START:
        return this.#cdataStart(at);
      case BANG:
        return this.#bang(at);
      case DECLARATION:
        return this.#declaration(at);
      default:
        return this.#start(at);
    }
  }

  // ── Between the stanzas ──────────────────────────────────────────────────────────────────────────────────────

  /** The beginning of the input, the only place for an XML declaration (XML 1.0 §2.8). */
  #start(at: number): number {
    const byte = this.#input.bytes[at]!;
    if (this.#state === START_OPEN) {
      this.#state = byte === QUESTION ? DECLARATION : OPEN;
      return byte === QUESTION ? at + 1 : at;
    }
    this.#state = byte === LESS ? START_OPEN : OUTSIDE;
    if (byte !== LESS) return at;
    this.#input.beginAt(at);
    return at + 1;
  }

  #declaration(at: number): number {
    const { bytes, end, pendingBytes } = this.#input;
    let i = at;
    while (i < end && bytes[i] !== GREATER) i++;
    if (pendingBytes + i - at > DECLARATION_BYTES) {
      throw this.#input.error(i, 'not-well-formed', 'This is not an XML declaration');
    }
    if (i === end) return this.#input.suspend(at);
    checkDeclaration(this.#input.take(at, i, 0));
    this.#state = OUTSIDE;
    return i + 1;
  }

  /** Between stanzas: skips white space (RFC 6120 §11.7) and refuses other text. */
  #outside(at: number): number {
    const { bytes, end } = this.#input;
    let i = at;
    while (i < end && isSpace(bytes[i]!)) i++;
    if (i === end) return i;
    if (bytes[i] !== LESS) {
      const condition = this.#sink.depth === 1 ? 'bad-format' : 'not-well-formed';
      throw new StreamError(condition, 'Text outside of the stanzas');
    }
    if (this.#sink.ended) throw new StreamError('not-well-formed', 'Markup after the end of the stream');
    this.#input.beginAt(i);
    return this.#less(i);
  }

  // ── Markup ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** At a `<`. */
  #less(at: number): number {
    this.#state = OPEN;
    return at + 1 < this.#input.end ? this.#open(at + 1) : at + 1;
  }

  /** After a `<`. */
  #open(at: number): number {
    const byte = this.#input.bytes[at]!;
    if (NAME_BYTES[byte] === 3) {
      this.#state = TAG;
      this.#tag.reset(false);
      return this.#inTag(at);
    }
    if (byte === SLASH && this.#sink.depth > 0) return this.#openEnd(at + 1);
    if (byte === QUESTION) {
      throw this.#input.error(at, 'restricted-xml', 'Processing instructions are not allowed');
    }
    if (byte !== EXCLAMATION) throw this.#input.error(at, 'not-well-formed', 'Stray < in text');
    this.#state = BANG;
    return at + 1;
  }

  /** After `</`: the fast path if the expected name and `>` follow in the window. */
  #openEnd(at: number): number {
    const { bytes, end } = this.#input;
    const name = this.#sink.openName!;
    const close = at + name.bytes.length;
    if (close < end && bytes[close] === GREATER && standsAt(name.bytes, bytes, at)) {
      this.#input.checkSize(close + 1);
      this.#endElement(undefined, close + 1);
      return close + 1;
    }
    this.#state = TAG;
    this.#tag.reset(true);
    return at;
  }

  #inTag(at: number): number {
    const tag = this.#tag;
    const next = tag.scan(at);
    if (tag.kind === undefined) return next;
    this.#input.checkSize(next);
    if (tag.kind === 'end') {
      this.#endElement(tag.name, next);
      return next;
    }
    this.#input.add(this.#sink.startTag(tag.name!, tag.attributes, tag.values));
    tag.clear();
    this.#flags = 0;
    this.#state = this.#sink.depth > 1 ? TEXT : OUTSIDE;
    if (tag.kind === 'empty') this.#endElement(undefined, next);
    return next;
  }

  #endElement(name: Name | undefined, at: number): void {
    // Set the state first: the sink may deliver a stanza, whose handler must see a complete token.
    this.#flags = 0;
    this.#state = this.#sink.depth > 2 ? TEXT : OUTSIDE;
    this.#sink.endTag(name, this.#input.isTooLargeWritten(at));
  }

  /** After `<!`. */
  #bang(at: number): number {
    const byte = this.#input.bytes[at]!;
    if (byte === BRACKET) {
      if (this.#sink.depth < 2) throw this.#input.error(at, 'bad-format', 'Text outside of the stanzas');
      this.#state = CDATA_START;
      this.#matched = 0;
      return at;
    }
    if (NAME_BYTES[byte] === 0) throw this.#input.error(at, 'not-well-formed', 'Stray <! in text');
    throw this.#input.error(at, 'restricted-xml', 'Comments and declarations are not allowed');
  }

  // ── Text ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #text(at: number): number {
    const { bytes, end } = this.#input;
    let flags = this.#flags;
    let i = at;
    for (; i < end; i++) {
      const found = BYTE_FLAGS[bytes[i]!]!;
      if (found === 0) continue;
      if (found === LESS_THAN) break;
      flags |= found;
      if (found === BAD) throw this.#input.error(i, 'not-well-formed', 'Control character');
    }
    this.#flags = flags;
    if (i === end) return this.#input.suspend(at);
    if (i > at || this.#input.pendingBytes > 0) {
      this.#input.checkSize(i);
      const raw = this.#input.take(at, i, flags);
      const isPlain = (flags & (GREATER_THAN | CARRIAGE_RETURN | AMPERSAND)) === 0;
      const text = isPlain ? raw : characterData(raw);
      // Only `>` can grow: every reference in the input is at least as long as its output.
      if ((flags & GREATER_THAN) !== 0) this.#input.addGrowth(Buffer.byteLength(raw), textBytes(text));
      this.#sink.text(text);
    }
    return this.#less(i);
  }

  #cdataStart(at: number): number {
    if (this.#input.bytes[at] !== CDATA_OPENING.charCodeAt(this.#matched)) {
      throw this.#input.error(at, 'not-well-formed', 'Stray <! in text');
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
    const { bytes, end } = this.#input;
    let flags = this.#flags;
    let brackets = this.#matched;
    let i = at;
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === GREATER && brackets >= 2) break;
      brackets = byte === CLOSING_BRACKET ? brackets + 1 : 0;
      flags |= BYTE_FLAGS[byte]!;
      if ((flags & BAD) !== 0) throw this.#input.error(i, 'not-well-formed', 'Control character');
    }
    this.#flags = flags;
    this.#matched = brackets;
    if (i === end) return this.#input.suspend(at);
    this.#input.checkSize(i);
    const text = normaliseLineEnds(this.#input.take(at, i, flags & HIGH).slice(0, -2));
    if ((flags & MARKUP) !== 0) this.#input.addGrowth(Buffer.byteLength(text) + CDATA_BYTES, textBytes(text));
    this.#sink.text(text);
    this.#flags = 0;
    this.#state = TEXT;
    return i + 1;
  }
}
