// Fake SCRAM parameters for unknown users (RFC 5802 §9). They have the iteration counts, salt sizes and hashes of real
// accounts, in the same proportions: imported accounts may differ from our own, and lack the keys for one of the hashes.

import {
  DEFAULT_SHAPE,
  fakeKeys,
  hmac,
  type KeyShape,
  type ScramHash,
  type ScramKeys,
} from './scram-keys.ts';

export type StoredKeys = Partial<Record<ScramHash, ScramKeys>>;

/** The hash that a password sent by PLAIN is verified with. */
export function plainHash(keys: StoredKeys): ScramHash {
  return keys.sha256 || !keys.sha1 ? 'sha256' : 'sha1';
}

export class FakeCredentials {
  readonly #seed: Buffer;
  readonly #shapes = { sha1: new Shares<KeyShape>(), sha256: new Shares<KeyShape>() };
  readonly #plain = new Shares<ScramHash>();

  /** `seed`: a secret of the host that stays the same, so that asking twice tells nothing. */
  constructor(seed: Buffer) {
    this.#seed = seed;
  }

  /** Adds a real account to the proportions (1), or removes it (-1). */
  count(keys: StoredKeys, change: 1 | -1): void {
    for (const hash of ['sha1', 'sha256'] as const) {
      const shape = keys[hash] && shapeOf(keys[hash]);
      if (shape) this.#shapes[hash].count(`${shape.iterations} ${shape.saltBytes}`, shape, change);
    }
    const hash = plainHash(keys);
    this.#plain.count(hash, hash, change);
  }

  /** Fake keys for a user without keys for this hash. No password fits them. */
  keys(user: string, hash: ScramHash): ScramKeys {
    const shape = this.#shapes[hash].at(this.#place(user, hash)) ?? DEFAULT_SHAPE;
    return fakeKeys(this.#seed, user, hash, shape);
  }

  /** The hash that PLAIN uses for an unknown user. */
  plainHash(user: string): ScramHash {
    return this.#plain.at(this.#place(user, 'plain')) ?? plainHash({});
  }

  /** A secret, constant position of the name among all names, from 0 to 1. */
  #place(user: string, what: string): number {
    return hmac('sha256', this.#seed, `place\0${what}\0${user}`).readUIntBE(0, 6) / 2 ** 48;
  }
}

function shapeOf({ iterations, salt }: ScramKeys): KeyShape {
  return { iterations, saltBytes: Buffer.from(salt, 'base64').length };
}

/** Counts accounts by a value. */
class Shares<T> {
  readonly #counts = new Map<string, { readonly value: T; readonly count: number }>();

  count(name: string, value: T, change: number): void {
    const count = (this.#counts.get(name)?.count ?? 0) + change;
    if (count > 0) this.#counts.set(name, { value, count });
    else this.#counts.delete(name);
  }

  /** The value of the account at this position of the sorted accounts; undefined without accounts. */
  at(place: number): T | undefined {
    const sorted = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, share]) => share);
    let left = place * sorted.reduce((sum, { count }) => sum + count, 0);
    for (const { value, count } of sorted) {
      if (left < count) return value;
      left -= count;
    }
    return sorted.at(-1)?.value;
  }
}
