// Interns names, and the few values that repeat in every stanza. So a known name needs no allocation, comparing two
// names compares pointers, and no name keeps its input alive.

import { isUtf8 } from 'node:buffer';
import { QNAME } from './chars.ts';

/** A qualified name in a tag. */
export interface Name {
  readonly text: string;
  readonly prefix: string | undefined;
  readonly local: string;
  /**
   * The prefix that an attribute of this name declares: `''` for the default namespace, `undefined` for no declaration.
   */
  readonly declares: string | undefined;
  /** Whether an attribute of this name often has the same values. */
  readonly recurs: boolean;
  /** The name in UTF-8. */
  readonly bytes: Uint8Array;
}

interface Value {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** The fixed number of slots per table: new names evict others, so that a peer cannot make a table grow. */
const SLOTS = 2048;
const LONGEST_VALUE = 128;

const names: (Name | undefined)[] = new Array(SLOTS).fill(undefined);
const values: (Value | undefined)[] = new Array(SLOTS).fill(undefined);

/** One step of the hash of a name's bytes; the initial value is 0. */
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

/**
 * The name in `source` from `start` to `end`, whose hash is `hash`; `undefined` if the text is not a qualified name
 * (Namespaces in XML §4).
 */
export function internName(source: Buffer, start: number, end: number, hash: number): Name | undefined {
  const slot = hash & (SLOTS - 1);
  const known = names[slot];
  if (known !== undefined && known.bytes.length === end - start && standsAt(known.bytes, source, start)) {
    return known;
  }
  const name = makeName(Uint8Array.from(source.subarray(start, end)));
  if (name !== undefined) names[slot] = name;
  return name;
}

/** The ASCII value in `source` from `start` to `end`, for values that repeat, such as namespaces. */
export function internValue(source: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length > LONGEST_VALUE) return source.toString('latin1', start, end);
  // Most namespaces differ in their length, their ends or their middle.
  let hash = hashStep(length, source[start + (length >> 1)] ?? 0);
  for (let i = Math.max(start, end - 6); i < end; i++) hash = hashStep(hash, source[i]!);
  const slot = hash & (SLOTS - 1);
  const known = values[slot];
  if (known !== undefined && known.bytes.length === length && standsAt(known.bytes, source, start)) {
    return known.text;
  }
  const value = {
    text: asKey(source.toString('latin1', start, end)),
    bytes: Uint8Array.from(source.subarray(start, end)),
  };
  values[slot] = value;
  return value.text;
}

/**
 * A copy of a text that shares no memory with its input. Attributes and text of a parsed stanza may keep up to 4 KiB of
 * input alive, so detach text that outlives its stanza by minutes.
 */
export function detach(text: string): string {
  const buffer = text.length * 2 <= scratch.length ? scratch : Buffer.allocUnsafe(text.length * 2);
  const bytes = buffer.write(text, 'utf16le');
  return buffer.toString('utf16le', 0, bytes);
}

/** Holds one text while it is copied, so that most need no buffer of their own. */
const scratch = Buffer.allocUnsafeSlow(8 * 1024);

/** Whether `source` contains `bytes` at `start`. */
export function standsAt(bytes: Uint8Array, source: Uint8Array, start: number): boolean {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== source[start + i]) return false;
  }
  return true;
}

function makeName(bytes: Uint8Array): Name | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = asKey(Buffer.from(bytes).toString('utf8'));
  if (!QNAME.test(text)) return undefined;
  const colon = text.indexOf(':');
  const prefix = colon < 0 ? undefined : asKey(text.slice(0, colon));
  const local = colon < 0 ? text : asKey(text.slice(colon + 1));
  const declares = declaredBy(prefix, local);
  return { text, prefix, local, declares, recurs: declares !== undefined || text === 'type', bytes };
}

/** The same text as the runtime's internalised string for property keys, which is the fastest to use. */
function asKey(text: string): string {
  return Object.keys({ [text]: undefined })[0]!;
}

function declaredBy(prefix: string | undefined, local: string): string | undefined {
  if (prefix === 'xmlns') return local;
  return prefix === undefined && local === 'xmlns' ? '' : undefined;
}
