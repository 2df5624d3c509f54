// The rule for keys of stores.

/**
 * Checks the first or second key of a row. PostgreSQL has no NUL in texts, and SQLite's functions stop at it.
 * @throws TypeError for a key with U+0000
 */
export function checkKey(key: string): string {
  if (key.includes('\0'))
    throw new TypeError(`A key of a store must not contain U+0000: ${JSON.stringify(key)}`);
  return key;
}
