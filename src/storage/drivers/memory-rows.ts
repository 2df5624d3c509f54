// Rows of the driver `memory`, and what can be told of lists of them.

import { ARCHIVE_FLAGS as FLAGS, UNSEARCHED_FLAGS } from '../archive.ts';
import { bodyOf } from '../archived-text.ts';
import { matchesWords } from '../search-words.ts';

export interface Row {
  readonly position: number;
  readonly name?: string | undefined;
  readonly with: string;
  readonly flags: number;
  readonly xml: string;
}

export interface Rows {
  /** Added to in place; any other change makes a new list. */
  readonly list: Row[];
  readonly keepMs?: number | undefined;
}

export const isWaiting = ({ flags }: Row): boolean => (flags & FLAGS.waiting) !== 0;
export const isVisible = ({ flags }: Row): boolean => (flags & FLAGS.hidden) === 0;

export function isFound({ flags, xml }: Row, words: readonly string[]): boolean {
  return (flags & UNSEARCHED_FLAGS) === 0 && matchesWords(bodyOf(xml), words);
}

/** The rows with the same `with` and direction, the newest first. */
export function conversation(
  list: readonly Row[],
  { with: peer, flags }: Pick<Row, 'with' | 'flags'>,
): Row[] {
  return list
    .filter((row) => row.with === peer && (row.flags & FLAGS.sent) === (flags & FLAGS.sent))
    .reverse();
}

/** Inserts a row at its position, which is mostly the last. Returns the function that undoes this. */
export function insert(list: Row[], row: Row): () => void {
  const place = list.findLastIndex(({ position }) => position < row.position) + 1;
  const replaced = list.splice(place, list[place]?.position === row.position ? 1 : 0, row);
  return () => list.splice(list.indexOf(row), 1, ...replaced);
}

/** The list with a named row in the place of the one that had its name. */
export function replaced(list: readonly Row[], row: Row): Row[] {
  const rest = list.filter(({ name }) => name !== row.name);
  insert(rest, row);
  return rest;
}

/** The first rows, within both limits. */
export function upTo(rows: readonly Row[], limit: number, maxBytes: number): Row[] {
  let bytes = 0;
  const end = rows.slice(0, limit).findIndex((row, index) => {
    bytes += bytesOf([row]);
    return bytes > maxBytes && index > 0;
  });
  return rows.slice(0, end === -1 ? limit : end);
}

export function bytesOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { xml }) => sum + Buffer.byteLength(xml), 0);
}
