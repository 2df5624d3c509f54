// Fingerprints of what rooms send. Unequal ones cost one stanza to a client; wrongly equal ones happen once in 2³².

import { crc32 } from 'node:zlib';
import type { Element } from 'enjamb/api';

/** A small integer. */
export type Print = number;

/** The prime of the 32-bit FNV-1a hash. */
const PRIME = 0x01000193;

/** The fingerprint of the children of a stanza. */
export function contentPrint({ children }: Element, seed: number): Print {
  return childrenPrint(children, seed | 0);
}

export function textPrint(text: string, seed: number): Print {
  return crc32(text, seed >>> 0) | 0;
}

function childrenPrint(children: Element['children'], start: Print): Print {
  let print = start;
  for (const child of children) {
    print = typeof child === 'string' ? charsPrint(child, print) : partOf(print) ^ elementPrint(child, start);
  }
  return print;
}

/** The order of attributes means nothing (XML 1.0 §3.1). Prosody writes them in another one after each restart. */
function elementPrint({ name, attrs, children }: Element, start: Print): Print {
  let sum = 0;
  for (const key in attrs) sum = (sum + charsPrint(attrs[key] ?? '', partOf(charsPrint(key, start)))) | 0;
  return childrenPrint(children, partOf(charsPrint(name, start ^ sum)));
}

function charsPrint(text: string, start: Print): Print {
  let print = start;
  for (let i = 0; i < text.length; i++) print = Math.imul(print ^ text.charCodeAt(i), PRIME);
  return print;
}

/** What follows is another part, not more of the same text. */
function partOf(print: Print): Print {
  return Math.imul(print, PRIME);
}
