// Converts errors of SQLite to conditions of this server, by their result codes (https://sqlite.org/rescode.html).

import { type StorageCondition, StorageError, type StorageErrorDetails } from '../error.ts';

const CONDITIONS: readonly (readonly [code: RegExp, condition: StorageCondition, remedy: string])[] = [
  [/^SQLITE_FULL/, 'full', ''],
  [
    /^SQLITE_(CORRUPT|NOTADB)/,
    'damaged',
    '. Stop the server, run "enjamb check storage", and restore a backup with "enjamb restore FILE"',
  ],
];

/** @param what such as 'Not written' or 'Not read' */
export function failureOf(
  cause: Error & { readonly code?: string },
  what: string,
  details: StorageErrorDetails,
): StorageError {
  const known = CONDITIONS.find(([code]) => code.test(cause.code ?? ''));
  const [, condition, remedy] = known ?? ['', 'failed' as const, ''];
  return new StorageError(condition, `${what}: ${cause.message}${remedy}`, { ...details, cause });
}
