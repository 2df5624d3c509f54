// Scans one tag, from the first byte of its name to its `>`.
//
//   NAME ─▶ INSIDE ⇄ ATTRIBUTE_NAME ─▶ EQUALS ─▶ QUOTE ─▶ VALUE      END_NAME ─▶ END_SPACE
//             └─'/'─▶ EMPTY

import {
  AMPERSAND,
  APOSTROPHE,
  BAD,
  BREAK,
  BYTE_FLAGS,
  GREATER_THAN,
  HIGH,
  isSpace,
  LESS_THAN,
  NAME_BYTES,
} from './chars.ts';
import type { ParserLimits } from './limits.ts';
import { hashStep, internName, internValue, type Name } from './names.ts';
import { attributeBytes } from './serialize.ts';
import { attributeValue } from './text.ts';
import type { TokenInput } from './token-input.ts';

const NAME = 0;
const INSIDE = 1;
const ATTRIBUTE_NAME = 2;
const EQUALS = 3;
const QUOTE = 4;
const VALUE = 5;
const EMPTY = 6;
const END_NAME = 7;
const END_SPACE = 8;

const SPACE = 0x20;
const GREATER = 0x3e;
const SLASH = 0x2f;
const EQUALS_SIGN = 0x3d;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;

/** A value with any of these may have more bytes in the output than in the input. */
const WRITTEN_LONGER = AMPERSAND | APOSTROPHE | GREATER_THAN;

/** The kind of a complete tag. */
export type TagKind = 'start' | 'empty' | 'end';

export class TagScanner {
  readonly #input: TokenInput;
  #state = NAME;
  #hash = 0;
  #flags = 0;
  #quote = 0;
  #spaced = false;
  /** The name of the tag, once it is complete. */
  name: Name | undefined;
  /** The attributes of a start tag; emptied by `clear`. */
  readonly attributes: Name[] = [];
  readonly values: string[] = [];
  /** Set when the tag is complete. */
  kind: TagKind | undefined;

  constructor(input: TokenInput) {
    this.#input = input;
  }

  /** Starts a new tag. */
  reset(endTag: boolean): void {
    this.#state = endTag ? END_NAME : NAME;
    this.#hash = 0;
    this.kind = undefined;
  }

  /** Removes the attributes, so that an idle session does not keep the input of its last stanza alive. */
  clear(): void {
    // Setting the length to 0 would free the array's memory, which the next tag needs again.
    while (this.attributes.pop() !== undefined);
    while (this.values.pop() !== undefined);
  }

  /** Scans from `at` to the end of the tag or of the window; returns the position reached. */
  scan(at: number): number {
    const end = this.#input.end;
    let next = at;
    while (next < end && this.kind === undefined) next = this.#step(next);
    return next;
  }

  #step(at: number): number {
    switch (this.#state) {
      case NAME:
      case ATTRIBUTE_NAME:
      case END_NAME:
        return this.#name(at);
      case INSIDE:
        return this.#inside(at);
      case VALUE:
        return this.#value(at);
      default:
        return this.#single(at, this.#input.bytes[at]!);
    }
  }

  /** The states that expect one particular byte, some with white space before it. */
  #single(at: number, byte: number): number {
    switch (this.#state) {
      case EQUALS:
        if (byte === EQUALS_SIGN) this.#state = QUOTE;
        else if (!isSpace(byte)) throw this.#malformed(at, 'Attribute without a value');
        return at + 1;
      case QUOTE:
        if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) this.#beginValue(byte);
        else if (!isSpace(byte)) throw this.#malformed(at, 'Attribute value without quotes');
        return at + 1;
      case EMPTY:
        if (byte !== GREATER) throw this.#malformed(at, 'Stray slash in a tag');
        this.kind = 'empty';
        return at + 1;
      default:
        if (byte === GREATER) this.kind = 'end';
        else if (!isSpace(byte)) throw this.#malformed(at, 'End tag with content after its name');
        return at + 1;
    }
  }

  #name(at: number): number {
    const { bytes, end, limits, pendingBytes } = this.#input;
    let hash = this.#hash;
    let i = at;
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (NAME_BYTES[byte] === 0) break;
      hash = hashStep(hash, byte);
    }
    this.#hash = hash;
    if (pendingBytes + i - at > limits.nameBytes) {
      throw this.#input.error(i, 'policy-violation', 'Name too long');
    }
    if (i === end) return this.#input.suspend(at);
    const name = this.#input.takeName(at, i, hash);
    if (name === undefined) throw this.#malformed(i, 'Invalid name');
    return this.#finishName(i, name);
  }

  #finishName(at: number, name: Name): number {
    if (this.#state !== ATTRIBUTE_NAME) {
      this.name = name;
      this.#spaced = false;
      this.#state = this.#state === NAME ? INSIDE : END_SPACE;
      return this.#state === INSIDE ? this.#inside(at) : at;
    }
    this.attributes.push(name);
    this.#state = EQUALS;
    return at;
  }

  /**
   * The fast path for ` name='value'`: takes attributes at `at` that are completely in the window and need no decoding,
   * replacement or refusal. The states below handle all others.
   */
  #plainAttributes(at: number): number {
    const { bytes, end, limits } = this.#input;
    let done = at;
    while (done < end && bytes[done] === SPACE && this.attributes.length < limits.attributes) {
      let i = done + 1;
      let hash = 0;
      if (i === end || NAME_BYTES[bytes[i]!] !== 3) break;
      for (; i < end && NAME_BYTES[bytes[i]!] !== 0; i++) hash = hashStep(hash, bytes[i]!);
      const nameEnd = i;
      const quote = bytes[i + 1];
      if (bytes[i] !== EQUALS_SIGN || (quote !== SINGLE_QUOTE && quote !== DOUBLE_QUOTE)) break;
      i += 2;
      const valueStart = i;
      while (i < end && BYTE_FLAGS[bytes[i]!] === 0 && bytes[i] !== quote) i++;
      if (i >= end || bytes[i] !== quote || nameEnd - done - 1 > limits.nameBytes) break;
      const name = internName(bytes, done + 1, nameEnd, hash);
      if (name === undefined) break;
      this.attributes.push(name);
      this.values.push(name.recurs ? internValue(bytes, valueStart, i) : this.#input.slice(valueStart, i));
      this.#spaced = false;
      done = i + 1;
    }
    return done;
  }

  /** Between attributes, which need white space before them. */
  #inside(at: number): number {
    const { bytes, end, limits } = this.#input;
    let i = this.#plainAttributes(at);
    if (i === end) return i;
    const before = i;
    while (i < end && isSpace(bytes[i]!)) i++;
    if (i > before) this.#spaced = true;
    if (i === end) return i;
    const byte = bytes[i]!;
    if (byte === GREATER) {
      this.kind = 'start';
      return i + 1;
    }
    if (byte === SLASH) {
      this.#state = EMPTY;
      return i + 1;
    }
    if (NAME_BYTES[byte] !== 3 || !this.#spaced) throw this.#malformed(i, 'Stray character in a tag');
    if (this.attributes.length >= mostAttributes(limits)) {
      throw this.#input.error(i, 'policy-violation', 'Too many attributes');
    }
    this.#state = ATTRIBUTE_NAME;
    this.#hash = 0;
    return i;
  }

  #beginValue(quote: number): void {
    this.#state = VALUE;
    this.#quote = quote;
    this.#flags = 0;
  }

  #value(at: number): number {
    const { bytes, end } = this.#input;
    const quote = this.#quote;
    let flags = this.#flags;
    let i = at;
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === quote) break;
      flags |= BYTE_FLAGS[byte]!;
      if ((flags & (BAD | LESS_THAN)) !== 0) throw this.#malformed(i, 'Character not allowed in a value');
    }
    this.#flags = flags;
    if (i === end) return this.#input.suspend(at);
    this.#input.checkSize(i);
    const raw = this.#input.take(at, i, flags);
    const value = this.#finishValue(raw, flags);
    if ((flags & WRITTEN_LONGER) !== 0) this.#input.addGrowth(Buffer.byteLength(raw), attributeBytes(value));
    this.values.push(value);
    this.#spaced = false;
    this.#state = INSIDE;
    return i + 1;
  }

  #finishValue(raw: string, flags: number): string {
    if ((flags & (BREAK | AMPERSAND)) !== 0) return attributeValue(raw);
    const name = this.attributes[this.attributes.length - 1]!;
    if (!name.recurs || (flags & HIGH) !== 0) return raw;
    return internValue(Buffer.from(raw, 'latin1'), 0, raw.length);
  }

  #malformed(at: number, text: string): Error {
    return this.#input.error(at, 'not-well-formed', text);
  }
}

/** The most attributes in one tag, to refuse an endless one: attributes, prefixes, `xmlns` and `xmlns:xml`. */
function mostAttributes(limits: ParserLimits): number {
  return limits.attributes + limits.namespaceDeclarations + 2;
}
