// Names, and the few values that repeat in every stanza, as one string each: nothing is allocated for a known
// name, comparing two is comparing pointers, and no name keeps the text alive that it was cut out of.

import { isUtf8 } from 'node:buffer';
import { QNAME } from './chars.ts';

/** A qualified name as it stands in a tag. */
export interface Name {
  readonly text: string;
  readonly prefix: string | undefined;
  readonly local: string;
  /** What an attribute of this name declares: a prefix, `''` for the default namespace, `undefined` for nothing. */
  readonly declares: string | undefined;
  /** Whether values of an attribute of this name come again and again. */
  readonly recurs: boolean;
  /** The name in UTF-8. */
  readonly bytes: Uint8Array;
}

interface Value {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** Slots per table: fixed, so that a peer who invents names evicts others and nothing grows. */
const SLOTS = 2048;
const LONGEST_VALUE = 128;

const names: (Name | undefined)[] = new Array(SLOTS).fill(undefined);
const values: (Value | undefined)[] = new Array(SLOTS).fill(undefined);

/** One step of the hash over a name's bytes; starts from 0. */
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

/**
 * The name that stands in `source` from `start` to `end`, whose hash is `hash`; `undefined` when that is no qualified
 * name (Namespaces in XML §4).
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

/** The value in ASCII that stands in `source` from `start` to `end`, likely to come again, such as a namespace. */
export function internValue(source: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length > LONGEST_VALUE) return source.toString('latin1', start, end);
  // Namespaces differ in length, at their ends or in the middle.
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
 * A copy of a text that shares no memory with the text it was cut out of. Attributes and text of a parsed stanza may
 * keep up to 4 KiB of input alive: whatever outlives its stanza by minutes is detached first.
 */
export function detach(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}

/** Whether `bytes` are what `source` has from `start` on. */
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

/** The same text as the one string that the runtime has for all property keys of that text: the fastest to use. */
function asKey(text: string): string {
  return Object.keys({ [text]: undefined })[0]!;
}

function declaredBy(prefix: string | undefined, local: string): string | undefined {
  if (prefix === 'xmlns') return local;
  return prefix === undefined && local === 'xmlns' ? '' : undefined;
}
