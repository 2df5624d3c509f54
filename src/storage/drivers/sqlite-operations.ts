// The writes that the main thread asks of the writing thread, their results, and the SQL that both use.

import type { Failure } from './sqlite-failure.ts';

export type StoreKind = 'keyval' | 'map' | 'archive';

/** Identifies a store. */
export interface StoreName {
  readonly host: string;
  readonly kind: StoreKind;
  readonly name: string;
  readonly isShared: boolean;
  /** Whether the bodies of its rows are indexed. */
  readonly isSearchable: boolean | undefined;
}

/** How a write names a row of an archive: by its position, or by the name that the caller gave it. */
export type RowKey = number | string;

interface Owned {
  readonly in: StoreName;
  readonly owner: string;
}

/** A row of an archive. */
interface Row {
  readonly peer: string;
  readonly flags: number;
  readonly xml: string;
}

type SmallOperation =
  | ({ readonly do: 'set'; readonly value: string } & Owned)
  | ({ readonly do: 'unset' } & Owned)
  | ({ readonly do: 'put'; readonly key: string; readonly value: string } & Owned)
  | ({ readonly do: 'remove'; readonly key: string } & Owned);

/** Times are in ms since 1970. */
export type ArchiveOperation =
  /** Not stored if one of the newest rows since `since` has one of the ids `unlessSent`. */
  | ({
      readonly do: 'append';
      readonly position: number;
      readonly unlessSent?: readonly string[] | undefined;
      readonly since?: number | undefined;
    } & Row &
      Owned)
  /** Replaces the row of that name. Without `position`: the next free one of the millisecond `at`. */
  | ({
      readonly do: 'enter';
      readonly name: string;
      readonly position?: number | undefined;
      readonly at?: number | undefined;
    } & Row &
      Owned)
  | ({ readonly do: 'drop'; readonly rows: readonly RowKey[] } & Owned)
  | ({
      readonly do: 'mark';
      readonly rows: readonly RowKey[];
      readonly add: number;
      readonly clear: number;
    } & Owned)
  | ({
      readonly do: 'replace';
      readonly rows: readonly RowKey[];
      readonly flags: number;
      readonly xml: string;
    } & Owned)
  | ({
      readonly do: 'retract';
      readonly peer: string;
      readonly isSent: boolean;
      readonly messageId: string;
      readonly occupant?: string | undefined;
      readonly byId: string;
      readonly byAt: number;
    } & Owned)
  /** Removes the oldest rows below the position `below`, at most `limit` of them. */
  | ({
      readonly do: 'prune';
      readonly below: number;
      readonly peer?: string | undefined;
      readonly limit?: number | undefined;
    } & Owned)
  | ({ readonly do: 'keep'; readonly ms?: number | undefined } & Owned)
  | ({ readonly do: 'delivered'; readonly until: number } & Owned)
  | ({ readonly do: 'forget' } & Owned)
  | { readonly do: 'recover'; readonly in: StoreName; readonly since: number };

/** Parts of longer work, each of a few milliseconds. They answer with a `Progress`. */
export type IdleOperation =
  /** Adds rows to the index of words. */
  | { readonly do: 'index' }
  /** Writes the index anew, without words of removed rows. `from`: 0 for the first part, then 1. */
  | {
      readonly do: 'rewrite-index';
      readonly from: number;
      /** Also if no rows were removed in bulk. */
      readonly isForced: boolean;
    }
  /** Removes what is too old or too much, from the owner with the number `from` on. */
  | {
      readonly do: 'expire';
      readonly in: StoreName;
      readonly now: number;
      readonly before?: number | undefined;
      readonly maxBytes?: number | undefined;
      readonly from: number;
      /** The owner `from` exceeded `maxBytes`, and has more than is to be left. */
      readonly isShrinking: boolean;
    }
  /** Removes rows of owners that were removed. */
  | { readonly do: 'sweep' }
  /** Removes peers without a row, after the one with the number `from`. */
  | { readonly do: 'sweep-peers'; readonly from: number }
  /** Gives free pages back to the file system, if there are many. */
  | { readonly do: 'vacuum' }
  /** Moves the write-ahead log into the database and empties it. */
  | { readonly do: 'checkpoint' };

export type SingleOperation =
  | SmallOperation
  | ArchiveOperation
  | { readonly do: 'purge'; readonly host: string; readonly owner: string }
  /** The last write of a proper stop. `position`: the newest that was given out. */
  | { readonly do: 'stop'; readonly position: number; readonly hasLeftovers: boolean };

/** `all`: together or not at all. */
export type WriteOperation =
  | SingleOperation
  | { readonly do: 'all'; readonly operations: readonly SingleOperation[] };

export type Operation = WriteOperation | IdleOperation;

const IDLE: ReadonlySet<Operation['do']> = new Set<IdleOperation['do']>([
  'index',
  'rewrite-index',
  'expire',
  'sweep',
  'sweep-peers',
  'vacuum',
  'checkpoint',
]);

/** Whether it is a part of work that can wait. */
export function isIdle(operation: Operation): operation is IdleOperation {
  return IDLE.has(operation.do);
}

/** The memory of an operation without its texts. */
const OVERHEAD_BYTES = 256;

/** The approximate memory of an operation, in bytes: one for each character of its texts. */
export function weigh(operation: Operation): number {
  if (operation.do === 'all') return operation.operations.reduce((sum, single) => sum + weigh(single), 0);
  let bytes = OVERHEAD_BYTES;
  for (const field of Object.values(operation)) {
    if (typeof field === 'string') bytes += field.length;
    else if (Array.isArray(field)) bytes += lengthOf(field);
  }
  return bytes;
}

function lengthOf(keys: readonly RowKey[]): number {
  return keys.reduce<number>((sum, key) => sum + (typeof key === 'string' ? key.length : 8), 0);
}

/** Of a part of idle work. */
export interface Progress {
  /** The number of removed rows. */
  readonly rows: number;
  /** The fields with which the work goes on; absent when it is done. */
  readonly next?: { readonly from?: number; readonly isShrinking?: boolean };
  /** Why the work has to wait, although it is not done. */
  readonly obstacle?: string;
}

/** The number of changed rows, the progress of idle work, or the reason for no change. */
export type Outcome = number | Progress | Failure;

/** A batch as one flat array (sqlite-wire.ts). */
export type Primitive = string | number | boolean | null;

export type ToWriter = { readonly batch: readonly Primitive[] } | 'close';

/** What the main thread has to know before the first write. */
export interface ArchiveStart {
  /** Encrypts ids. */
  readonly key: Uint8Array;
  /** The newest position that may have been given out. */
  readonly position: number;
  /** That of the newest row; 0 if there is none. */
  readonly newest: number;
  /** Whether the server before was stopped properly. */
  readonly wasStopped: boolean;
  /** Whether rows of removed owners are left. */
  readonly isUnswept: boolean;
  /** Words of removed rows may be left in the index. */
  readonly hasLeftovers: boolean;
}

/** `Start`: what a thread tells when it is ready. */
export type FromThread<Start, Answer> =
  | { readonly ready: Start }
  | { readonly refused: string; readonly code?: string; readonly newer?: boolean }
  /** The database is being brought up to date. */
  | { readonly migrating: string; readonly rows: number }
  | { readonly answer: Answer };

export type FromWriter = FromThread<ArchiveStart, readonly Outcome[]>;

/** The data with which the writing thread starts. */
export interface WriterData {
  readonly file: string;
  /** Whether a copy is made before the database is brought up to date. */
  readonly isBackedUp: boolean;
}

/** SQL: the number of a store, from @host, @kind and @name. */
export const STORE_ID = '(SELECT id FROM store WHERE host = @host AND kind = @kind AND name = @name)';

export type Parameters = Record<string, string | number>;

export function storeParameters({ host, kind, name }: StoreName): Parameters {
  return { host, kind, name };
}
