// Errors of SQLite as they pass between threads, and as conditions of this server, by their result codes
// (https://sqlite.org/rescode.html).

import { type StorageCondition, StorageError, type StorageErrorDetails } from '../error.ts';

/** An error as a thread tells it. `code`: the result code; `''` if it is not from SQLite. */
export interface Failure {
  readonly failed: string;
  readonly code: string;
}

const CONDITIONS: readonly (readonly [code: RegExp, condition: StorageCondition, remedy: string])[] = [
  [/^SQLITE_FULL/, 'full', ''],
  [
    /^SQLITE_(CORRUPT|NOTADB)/,
    'damaged',
    '. Stop the server, run "enjamb check storage", and restore a backup with "enjamb restore FILE"',
  ],
];

/** In a thread: what it tells of an exception. */
export function failureOf(error: unknown): Failure {
  const { message, code } = error as { message?: string; code?: string };
  return { failed: message ?? String(error), code: code ?? '' };
}

/** On the main thread: the error for what a thread told. @param what such as 'Not written' or 'Not read' */
export function errorFor(
  { failed, code }: Failure,
  what: string,
  details: StorageErrorDetails,
): StorageError {
  return errorOf(Object.assign(new Error(failed), { code }), what, details);
}

/** The same for an exception of SQLite. */
export function errorOf(
  cause: Error & { readonly code?: string },
  what: string,
  details: StorageErrorDetails,
): StorageError {
  const known = CONDITIONS.find(([code]) => code.test(cause.code ?? ''));
  const [, condition, remedy] = known ?? ['', 'failed' as const, ''];
  return new StorageError(condition, `${what}: ${cause.message}${remedy}`, { ...details, cause });
}
