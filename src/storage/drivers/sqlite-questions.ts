// What the main thread asks of the reading thread, and the answers.

import type { ArchiveQuery } from '../archive.ts';
import type { ArchiveOwner } from '../archive-ids.ts';
import type { Failure } from './sqlite-failure.ts';
import type { FromThread, Primitive } from './sqlite-operations.ts';

export type Question =
  | ({ readonly ask: 'rows'; readonly ids: readonly string[] } & ArchiveOwner)
  /** `rest`: goes on where an answer ended. */
  | ({ readonly ask: 'page'; readonly query: ArchiveQuery; readonly rest?: Rest | undefined } & ArchiveOwner)
  | ({ readonly ask: 'waiting' } & ArchiveOwner)
  | ({ readonly ask: 'usage' } & ArchiveOwner)
  /** The first owners after the one of that name. */
  | { readonly ask: 'owners'; readonly host: string; readonly store: string; readonly after?: string };

/** A page that takes long is read in parts, with other questions in between. This is what the next part has to know. */
export interface Rest {
  readonly step: 'page' | 'count';
  /** The position of the last row that was read; absent at the beginning of a step. */
  readonly cursor?: number;
  /** Rows of the page so far. */
  readonly taken: number;
  /** Of their texts, in UTF-8. */
  readonly bytes: number;
  /** Matching rows that are still to be passed over. */
  readonly skip: number;
  readonly isComplete: boolean;
  readonly counted: number;
  /** Rows that were read, and the time that it took. */
  readonly read: number;
  readonly spentMs: number;
}

/** `values`: one flat array, which costs less to copy than objects do. See ROW_VALUES and PAGE_VALUES. */
export type ReadAnswer =
  | { readonly values: readonly Primitive[]; readonly rest?: Rest }
  /** No row or place has that id. */
  | { readonly notFound: string }
  | Failure;

/** Values of a row: id, time, `with`, flags, text. */
export const ROW_VALUES = 5;
/** Values of a page before its rows, which are in the order of reading: whether it is complete, the count or null. */
export const PAGE_VALUES = 2;
/** Values of the usage: rows, bytes, waiting, keepMs or null, then id and time of the oldest and of the newest row, or null. */
export const USAGE_VALUES = 8;

export type FromReader = FromThread<null, ReadAnswer>;

/** The data with which the reading thread starts. */
export interface ReaderData {
  readonly file: string;
  /** Encrypts ids. */
  readonly key: Uint8Array;
}
