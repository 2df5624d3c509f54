// Identifiers that cannot be guessed (RFC 6120 §8.1.3 demands uniqueness; the id of a ping also proves its receipt).

import { randomFillSync } from 'node:crypto';

const BYTES_PER_ID = 15;
const POOL = Buffer.allocUnsafeSlow(BYTES_PER_ID * 256);
let next = POOL.length;

/** A new id of 20 URL-safe characters, 120 random bits. */
export function newId(): string {
  if (next === POOL.length) {
    randomFillSync(POOL);
    next = 0;
  }
  const id = POOL.toString('base64url', next, next + BYTES_PER_ID);
  next += BYTES_PER_ID;
  return id;
}
