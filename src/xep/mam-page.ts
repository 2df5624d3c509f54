// Pages of message archives (XEP-0313 §4.3): the page that a query wants from an archive, and what the client is told of it.

import type { Attrs, Element } from '../xml/element.ts';
import { StanzaError } from '../xml/errors.ts';
import { type MamQuery, mamFin, mamResult } from './mam.ts';

/** The page to be read: the part of an `ArchiveQuery` that is the same for all archives. */
export interface MamPageRequest {
  readonly start?: number;
  readonly end?: number;
  readonly afterId?: string;
  readonly beforeId?: string;
  readonly ids?: readonly string[];
  readonly limit: number;
  readonly maxBytes: number;
  readonly after?: string;
  readonly before?: string;
  readonly isBackwards: boolean;
  readonly index?: number;
  readonly wantsCount: boolean;
}

export interface MamPageLimits {
  /** The most messages in a page. */
  readonly maxResults: number;
  /** The size of a result without its message: see `mamEnvelopeBytes`. */
  readonly envelopeBytes: number;
  /** Whether clients are told how many messages match. */
  readonly includesTotal: boolean;
}

/** A page that was read: a part of an `ArchivePage`. */
export interface MamPage {
  readonly rows: readonly { readonly id: string }[];
  readonly isComplete: boolean;
  readonly count?: number;
}

/** Of all results of a page, in UTF-8. Two larger pages would fill the queue of what a client has not acknowledged. */
const MAX_PAGE_BYTES = 1024 * 1024;
/** The part of a page that may consist of envelopes. */
const MAX_ENVELOPES = 0.5;
/** For a client that leaves the choice to the server. */
const DEFAULT_RESULTS = 100;
const MAX_INDEX = 1_000_000;
/** An id that an archive has made. */
const ID_BYTES = 22;

/** The size in UTF-8 of a result around its message. `attrs`: of the message to the client. */
export function mamEnvelopeBytes(queryId: string | undefined, attrs: Attrs): number {
  return Buffer.byteLength(`${mamResult({ id: '', at: 0, text: '' }, queryId, attrs)}`) + ID_BYTES;
}

/**
 * The page that a query wants (XEP-0059 §2). With both `before` and `after`, which XEP-0313 §4.3.2 leaves open, it is the page
 * that ends at `before`, with nothing up to `after`.
 * @throws StanzaError 'bad-request' for an index that is too large
 */
export function mamPageRequest(query: MamQuery, limits: MamPageLimits): MamPageRequest {
  const { start, end, afterId, beforeId, ids } = query;
  const { max = DEFAULT_RESULTS, after, before, index } = query.page ?? {};
  if (index !== undefined && index > MAX_INDEX)
    throw new StanzaError('bad-request', { text: `An index may be ${MAX_INDEX} at most` });
  const { envelopeBytes } = limits;
  const fitting = Math.max(1, Math.floor((MAX_PAGE_BYTES * MAX_ENVELOPES) / envelopeBytes));
  const limit = Math.min(max, limits.maxResults, fitting);
  return {
    ...given({ start, end, afterId, beforeId, ids, index }),
    // An empty element stands for the beginning or the end (XEP-0059 §2.5).
    ...given({ after: after || undefined, before: before || undefined }),
    isBackwards: before !== undefined,
    limit,
    maxBytes: MAX_PAGE_BYTES - limit * envelopeBytes,
    wantsCount: limits.includesTotal,
  };
}

/** XEP-0313 §4.3.2: ends the results of a query. */
export function mamFinOf({ page }: MamQuery, { rows, isComplete, count }: MamPage): Element {
  const isFromStart = page?.before === undefined && !page?.after;
  const index = page?.index ?? (isFromStart ? 0 : undefined);
  return mamFin({ first: rows[0]?.id, last: rows.at(-1)?.id, index, count }, isComplete);
}

type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** The members that are not `undefined`. */
function given<T extends object>(members: T): Given<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Given<T>;
}
