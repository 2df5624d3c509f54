// The proof that a component knows its secret (XEP-0114 §3).

import { createHash, timingSafeEqual } from 'node:crypto';

/** The SHA-1 of stream id and secret, in lower-case hexadecimal digits. */
export function handshakeOf(streamId: string, secret: string): string {
  return createHash('sha1')
    .update(streamId + secret)
    .digest('hex');
}

/** Whether the proof is correct; compares in constant time. */
export function provesSecret(proof: string, streamId: string, secret: string): boolean {
  const expected = Buffer.from(handshakeOf(streamId, secret));
  const given = Buffer.from(proof);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
