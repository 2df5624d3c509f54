// Fingerprints of what rooms send. Unequal ones cost one stanza to a client; wrongly equal ones happen once in 2³².

import { crc32 } from 'node:zlib';
import { type Element, serialize, share } from 'enjamb/api';

/** A small integer. */
export type Print = number;

/** The fingerprint of the children of a stanza. Their text is written once for this and for the delivery. */
export function contentPrint(stanza: Element, seed: number): Print {
  const { children } = share(stanza);
  return textPrint(serialize({ name: 'p', attrs: {}, children }), seed);
}

export function textPrint(text: string, seed: number): Print {
  return crc32(text, seed) | 0;
}
