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
  /** The name's bytes, one per character. */
  readonly bytes: string;
}

/** Slots per table: fixed, so that a peer who invents names evicts others and nothing grows. */
const SLOTS = 2048;
const LONGEST_VALUE = 128;

const names: (Name | undefined)[] = new Array(SLOTS).fill(undefined);
const values: (string | undefined)[] = new Array(SLOTS).fill(undefined);

/** One step of the hash over a name's bytes; starts from 0. */
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

/**
 * The name in `source` (one byte per character) from `start` to `end`, whose hash is `hash`; `undefined` when that
 * is no qualified name (Namespaces in XML §4).
 */
export function internName(source: string, start: number, end: number, hash: number): Name | undefined {
  const slot = hash & (SLOTS - 1);
  const known = names[slot];
  if (known !== undefined && standsAt(known.bytes, source, start, end)) return known;
  const name = makeName(source.slice(start, end));
  if (name !== undefined) names[slot] = name;
  return name;
}

/** Some value in ASCII that is likely to come again, such as a namespace. */
export function internValue(value: string): string {
  if (value.length > LONGEST_VALUE) return value;
  let hash = 0;
  for (let i = 0; i < value.length; i++) hash = hashStep(hash, value.charCodeAt(i));
  const slot = hash & (SLOTS - 1);
  const known = values[slot];
  if (known === value) return known;
  const copy = detach(value);
  values[slot] = copy;
  return copy;
}

/**
 * A copy of a text that shares no memory with the text it was cut out of. Attributes and text of a parsed stanza may
 * keep up to 4 KiB of input alive: whatever outlives its stanza by minutes is detached first.
 */
export function detach(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}

function standsAt(bytes: string, source: string, start: number, end: number): boolean {
  const length = bytes.length;
  if (length !== end - start) return false;
  for (let i = 0; i < length; i++) {
    if (bytes.charCodeAt(i) !== source.charCodeAt(start + i)) return false;
  }
  return true;
}

function makeName(bytes: string): Name | undefined {
  const buffer = Buffer.from(bytes, 'latin1');
  if (!isUtf8(buffer)) return undefined;
  const text = buffer.toString('utf8');
  if (!QNAME.test(text)) return undefined;
  const colon = text.indexOf(':');
  const prefix = colon < 0 ? undefined : detach(text.slice(0, colon));
  const local = colon < 0 ? text : detach(text.slice(colon + 1));
  return { text, prefix, local, declares: declaredBy(prefix, local), bytes: buffer.toString('latin1') };
}

function declaredBy(prefix: string | undefined, local: string): string | undefined {
  if (prefix === 'xmlns') return local;
  return prefix === undefined && local === 'xmlns' ? '' : undefined;
}
