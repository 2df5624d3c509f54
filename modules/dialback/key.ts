// Dialback keys, which the server verifies without storing them (XEP-0185).

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** XEP-0185 §3: the key of an originating server for one stream. */
export function keyFor(secret: string, receiving: string, originating: string, streamId: string): string {
  const hashed = createHash('sha256').update(secret).digest('hex');
  return createHmac('sha256', hashed).update(`${receiving} ${originating} ${streamId}`).digest('hex');
}

/** Compares in constant time. */
export function isKey(text: string, key: string): boolean {
  const [left, right] = [Buffer.from(text), Buffer.from(key)];
  return left.length === right.length && timingSafeEqual(left, right);
}
