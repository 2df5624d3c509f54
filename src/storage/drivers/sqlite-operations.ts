// The messages between the main thread and the writing thread, and the SQL that both use.

import type { ArchiveEntry, ArchiveQuery } from '../stores.ts';

export type StoreKind = 'keyval' | 'map' | 'archive';

/** Identifies a store. */
export interface StoreName {
  readonly host: string;
  readonly kind: StoreKind;
  readonly name: string;
  readonly isShared: boolean;
}

export type SingleOperation =
  | { readonly do: 'set'; readonly in: StoreName; readonly owner: string; readonly value: string }
  | {
      readonly do: 'put';
      readonly in: StoreName;
      readonly owner: string;
      readonly key: string;
      readonly value: string;
    }
  | { readonly do: 'append'; readonly in: StoreName; readonly owner: string; readonly entry: ArchiveEntry }
  | { readonly do: 'unset'; readonly in: StoreName; readonly owner: string }
  | { readonly do: 'remove'; readonly in: StoreName; readonly owner: string; readonly key: string }
  | { readonly do: 'prune'; readonly in: StoreName; readonly owner: string; readonly query: ArchiveQuery }
  | { readonly do: 'purge'; readonly host: string; readonly owner: string };

/** `all`: together or not at all. */
export type Operation =
  | SingleOperation
  | { readonly do: 'all'; readonly operations: readonly SingleOperation[] };

/** The memory of an operation without its texts. */
const OVERHEAD_BYTES = 256;

/** The approximate memory of an operation, in bytes: one for each character of its texts. */
export function weigh(operation: Operation): number {
  if (operation.do === 'all') return operation.operations.reduce((sum, single) => sum + weigh(single), 0);
  const bytes = OVERHEAD_BYTES + operation.owner.length;
  if (operation.do === 'set') return bytes + operation.value.length;
  if (operation.do === 'put') return bytes + operation.key.length + operation.value.length;
  if (operation.do === 'append') return bytes + operation.entry.with.length + operation.entry.xml.length;
  if (operation.do === 'prune') return bytes + lengthOf(operation.query.ids ?? []);
  return bytes;
}

function lengthOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}

/** The number of changed rows, or the reason for no change. `unknown-entry`: `after` or `before` names no entry. */
export type Outcome = number | 'unknown-entry' | { readonly failed: string; readonly code: string };

export type ToWriter = { readonly batch: readonly Operation[] } | 'close';

export type FromWriter =
  | 'ready'
  | { readonly refused: string; readonly newer: boolean }
  | { readonly outcomes: readonly Outcome[] };

/** The data with which the writing thread starts. */
export interface WriterData {
  readonly file: string;
}

/** The time to wait for the lock of another process, such as the command line. */
export const BUSY_TIMEOUT_MS = 10_000;

/** SQL: the number of a store, from @host, @kind and @name. */
export const STORE_ID = '(SELECT id FROM store WHERE host = @host AND kind = @kind AND name = @name)';

/** A place in an owner's archive: rows are ordered by time, then by sequence. */
export interface Cursor {
  readonly at: number;
  readonly seq: number;
}

export const CURSOR = `SELECT at, seq FROM archive WHERE store = ${STORE_ID} AND owner = @owner AND id = @id`;

export interface ArchiveBounds {
  readonly query: ArchiveQuery;
  readonly after: Cursor | undefined;
  readonly before: Cursor | undefined;
}

/** SQL: the conditions on ids, `with` and time, without the cursors. They select the entries that `total` counts. */
export function filterSql({ query }: ArchiveBounds): string {
  const conditions = [`store = ${STORE_ID}`, 'owner = @owner'];
  if (query.ids !== undefined) conditions.push('id IN (SELECT value FROM json_each(@ids))');
  if (query.with !== undefined) conditions.push('peer = @with');
  if (query.start !== undefined) conditions.push('at >= @start');
  if (query.end !== undefined) conditions.push('at <= @end');
  return conditions.join(' AND ');
}

/** SQL: the filter, restricted to the entries between the cursors, ordered, and limited to @limit rows. */
export function rangeSql(bounds: ArchiveBounds): string {
  const conditions = [filterSql(bounds)];
  if (bounds.after) conditions.push('at >= @afterAt AND (at > @afterAt OR seq > @afterSeq)');
  if (bounds.before) conditions.push('at <= @beforeAt AND (at < @beforeAt OR seq < @beforeSeq)');
  const direction = bounds.query.newestFirst ? 'DESC' : 'ASC';
  return `${conditions.join(' AND ')} ORDER BY at ${direction}, seq ${direction} LIMIT @limit`;
}

export type Parameters = Record<string, string | number>;

/** The values of all parameters in `filterSql` and `rangeSql`. */
export function parameters(
  store: StoreName,
  owner: string,
  bounds: ArchiveBounds,
  limit: number,
): Parameters {
  const { query, after, before } = bounds;
  return {
    ...storeParameters(store),
    owner,
    limit,
    ...(query.ids === undefined ? {} : { ids: JSON.stringify(query.ids) }),
    ...(query.with === undefined ? {} : { with: query.with }),
    ...(query.start === undefined ? {} : { start: query.start }),
    ...(query.end === undefined ? {} : { end: query.end }),
    ...(after ? { afterAt: after.at, afterSeq: after.seq } : {}),
    ...(before ? { beforeAt: before.at, beforeSeq: before.seq } : {}),
  };
}

export function storeParameters({ host, kind, name }: StoreName): Parameters {
  return { host, kind, name };
}
