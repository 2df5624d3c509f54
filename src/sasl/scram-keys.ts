// The SCRAM keys of a password (RFC 5802 §3). They verify a login and do not reveal the password.

import { createHash, createHmac, hkdfSync, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

export type ScramHash = 'sha1' | 'sha256';

export const HASH_BYTES: Readonly<Record<ScramHash, number>> = { sha1: 20, sha256: 32 };

/** RFC 7677 §4 wants at least 4096; a login by PLAIN costs the server this many. */
const DEFAULT_ITERATIONS = 10_000;
const SALT_BYTES = 16;

/** Texts are base64; plain JSON, kept in the account. */
export interface ScramKeys {
  readonly salt: string;
  readonly iterations: number;
  readonly storedKey: string;
  readonly serverKey: string;
}

export interface DeriveOptions {
  readonly hash: ScramHash;
  /** Default: fresh random bytes. */
  readonly salt?: Buffer;
  /** Default: DEFAULT_ITERATIONS. */
  readonly iterations?: number;
}

const derive = promisify(pbkdf2);

/** The keys of a password that has been prepared (`preparePassword`). Runs off the main thread. */
export async function deriveKeys(password: string, options: DeriveOptions): Promise<ScramKeys> {
  const { hash, salt = randomBytes(SALT_BYTES), iterations = DEFAULT_ITERATIONS } = options;
  const salted = await derive(password, salt, iterations, HASH_BYTES[hash], hash);
  return {
    salt: salt.toString('base64'),
    iterations,
    storedKey: digest(hash, hmac(hash, salted, 'Client Key')).toString('base64'),
    serverKey: hmac(hash, salted, 'Server Key').toString('base64'),
  };
}

export function hmac(hash: ScramHash, key: Buffer, message: string): Buffer {
  return createHmac(hash, key).update(message).digest();
}

export function digest(hash: ScramHash, data: Buffer): Buffer {
  return createHash(hash).update(data).digest();
}

/** The public part of an account's keys: every client sees it in the challenge. */
export interface KeyShape {
  readonly iterations: number;
  readonly saltBytes: number;
}

export const DEFAULT_SHAPE: KeyShape = { iterations: DEFAULT_ITERATIONS, saltBytes: SALT_BYTES };

/**
 * Keys for a user that does not exist: always the same for the same name, so that asking twice tells nothing
 * (RFC 5802 §9 and RFC 7677 §4 leave this to the server). No password fits them.
 */
export function fakeKeys(seed: Buffer, user: string, hash: ScramHash, shape: KeyShape): ScramKeys {
  const derived = (what: string, bytes: number) =>
    Buffer.from(hkdfSync('sha256', seed, '', `${what}\0${hash}\0${keyedName(user)}`, bytes)).toString(
      'base64',
    );
  return {
    salt: derived('salt', shape.saltBytes),
    iterations: shape.iterations,
    storedKey: derived('stored', HASH_BYTES[hash]),
    serverKey: derived('server', HASH_BYTES[hash]),
  };
}

/** Names that cannot be names may be long; the context of a derivation may not. */
function keyedName(user: string): string {
  return digest('sha256', Buffer.from(user)).toString('base64');
}
