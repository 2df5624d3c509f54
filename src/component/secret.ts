// How a component proves that it knows the secret (XEP-0114 §3).

import { createHash, timingSafeEqual } from 'node:crypto';

/** The lower-case hexadecimal SHA-1 of stream id and secret. */
export function handshakeOf(streamId: string, secret: string): string {
  return createHash('sha1')
    .update(streamId + secret)
    .digest('hex');
}

/** Whether the proof fits; takes the same time wherever it goes wrong. */
export function provesSecret(proof: string, streamId: string, secret: string): boolean {
  const expected = Buffer.from(handshakeOf(streamId, secret));
  const given = Buffer.from(proof);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
