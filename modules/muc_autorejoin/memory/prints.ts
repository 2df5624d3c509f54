// Fingerprints of the stanzas of rooms. If those of equal stanzas differ, a client gets a stanza that it knows. Those of different
// stanzas are equal once in 2³² pairs.

import type { Element } from 'enjamb/api';

/** A small integer. */
export type Print = number;

/** The fingerprint of the children of a stanza. */
export function contentPrint({ children }: Element, seed: number): Print {
  return childrenPrint(children, seed | 0);
}

export function textPrint(text: string, seed: number): Print {
  return scatter(add(seed | 0, hashOf(text)));
}

/** A fingerprint of 53 bits, never 0, for ids that must not be confused. */
export function idPrint(id: string): number {
  let low = id.length;
  let high = ~id.length;
  for (let i = 0; i < id.length; i++) {
    const code = id.charCodeAt(i);
    low = Math.imul(low ^ code, 0x9e3779b1);
    high = Math.imul(high + code, 0x85ebca6b) ^ (high >>> 15);
  }
  return (scatter(high) >>> 11) * 2 ** 32 + (scatter(low) >>> 0) || 1;
}

function childrenPrint(children: Element['children'], start: Print): Print {
  let print = start;
  for (let i = 0; i < children.length; i++) {
    const child = children[i]!;
    print = add(print, typeof child === 'string' ? hashOf(child) : elementPrint(child, start));
  }
  return print;
}

/** The order of attributes means nothing (XML 1.0 §3.1). Prosody writes them in another one after each restart. */
function elementPrint({ name, attrs, children }: Element, start: Print): Print {
  let sum = start;
  for (const key in attrs) {
    const value = attrs[key];
    if (value === undefined) continue;
    const hash = recurs(key) ? hashOfName(value) : hashOf(value);
    sum = (sum + scatter(add(hashOfName(key), hash))) | 0;
  }
  return scatter(childrenPrint(children, add(hashOfName(name), sum)));
}

/** Whether the values of an attribute recur: namespaces, and client programs (XEP-0115). */
function recurs(key: string): boolean {
  return key === 'xmlns' || key === 'node' || key === 'ver';
}

// ── MurmurHash3 for 32 bits ────────────────────────────────────────────────────────────────────────────────────

function hashOf(text: string): number {
  const { length } = text;
  let hash = length;
  for (let i = 1; i < length; i += 2) hash = add(hash, text.charCodeAt(i - 1) | (text.charCodeAt(i) << 16));
  return length % 2 === 0 ? hash : add(hash, text.charCodeAt(length - 1));
}

function add(hash: number, word: number): number {
  const product = Math.imul(word, 0xcc9e2d51);
  const mixed = hash ^ Math.imul((product << 15) | (product >>> 17), 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** Lets each bit change all others. */
function scatter(hash: number): number {
  const half = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const whole = Math.imul(half ^ (half >>> 13), 0xc2b2ae35);
  return whole ^ (whole >>> 16);
}

/** Recurring text is half of a stanza, so its hashes are kept. The number of slots is fixed: new names evict others. */
const SLOTS = 512;
const LONGEST_NAME = 128;
const names: string[] = new Array(SLOTS).fill('');
const hashes = new Int32Array(SLOTS).fill(hashOf(''));

function hashOfName(name: string): number {
  const { length } = name;
  if (length === 0 || length > LONGEST_NAME) return hashOf(name);
  const ends = name.charCodeAt(0) * 31 + name.charCodeAt(length >> 1) * 7 + name.charCodeAt(length - 1);
  const slot = (ends + length * 131) & (SLOTS - 1);
  if (names[slot] === name) return hashes[slot]!;
  const hash = hashOf(name);
  names[slot] = name;
  hashes[slot] = hash;
  return hash;
}
