// The interface of archives: rows of text per owner, in the order in which they were stored.
//
// A row has a position, which never changes and is never used twice: `1024 · ms + n`. Its id is the position, encrypted
// (archive-ids.ts). So an id keeps its place although the row is gone, and a stanza can carry it before the row is on disk.
// A row that was named by the caller is known by its name instead.

/** Bits of a row's `flags`. */
export const ARCHIVE_FLAGS = {
  /** By the owner to `with`; otherwise from `with` to the owner. */
  sent: 1,
  /** No client of the owner has it yet. Neither age nor size removes it. */
  waiting: 2,
  /** Only waits; it is in no page but those of waiting rows. */
  hidden: 4,
  /** Stands where a retracted message was. */
  tombstone: 8,
  /** Its text cannot be searched. */
  encrypted: 16,
} as const;

/** Rows with one of these flags are not found by their words. */
export const UNSEARCHED_FLAGS = ARCHIVE_FLAGS.encrypted | ARCHIVE_FLAGS.tombstone;

/** What `expire` leaves of an archive that was too large. */
export const KEPT_SHARE = 0.95;
/** The newest rows of a conversation that `unlessSent` compares. */
export const MAX_SENT_BEFORE = 200;
/** Of the texts of these rows, in characters: of longer ones, fewer are compared. */
export const MAX_SENT_LENGTH = 1024 * 1024;
/** The newest messages of a conversation that can be retracted. */
export const MAX_RETRACTABLE = 10_000;
/** Of their texts, in characters. */
export const MAX_RETRACTABLE_LENGTH = 16 * 1024 * 1024;
/** A larger number of matching rows is not told. */
export const MAX_COUNT = 100_000;

/** A place in an archive that no other row has or gets. */
export interface ArchivePosition {
  readonly id: string;
  /** In ms since 1970; never less than that of an earlier position. */
  readonly at: number;
}

export interface ArchiveRow extends ArchivePosition {
  /** The other party, such as a bare JID; queries select by it. */
  readonly with: string;
  readonly flags: number;
  /** The stanza as `serialize` wrote it. */
  readonly xml: string;
}

export interface NewArchiveRow {
  /** From `nextId` of the same owner. */
  readonly id: string;
  readonly with: string;
  readonly xml: string;
  /** 0 if absent. */
  readonly flags?: number;
  /**
   * Not stored if one of the newest 200 rows with the same `with` and direction, or of those with 1 MiB of text, is a message
   * with one of these ids (`id` or `origin-id` by XEP-0359) and the same body, and not older than `since`, in ms since 1970.
   */
  readonly unlessSent?: { readonly ids: readonly string[]; readonly since: number };
}

/** A row that the caller names; the name is its id. */
export interface NamedArchiveRow {
  readonly name: string;
  readonly with: string;
  readonly xml: string;
  readonly flags?: number;
}

/** Which rows; all that is given must match. */
export interface ArchiveFilter {
  /** Default: all rows but hidden ones. 'waiting': those that wait, hidden or not. */
  readonly rows?: 'visible' | 'waiting';
  /** Exactly this `with`. */
  readonly with?: string;
  /** A full JID that is the stanza's `from` or `to`. */
  readonly party?: string;
  /** In ms since 1970, both inclusive. */
  readonly start?: number;
  readonly end?: number;
  /** Ids, both exclusive. */
  readonly afterId?: string;
  readonly beforeId?: string;
  /** These rows. @throws StorageError 'item-not-found' if one of them is not there, or not among `rows` */
  readonly ids?: readonly string[];
  /**
   * Words that the body must have, each a whole word or, from three letters on, the beginning of one. Case and accents do
   * not count. A text of several words stands for all of them, one without any for none. Of a long body, the first 500
   * different words count, as far as they are in the first 8,192 characters.
   */
  readonly words?: readonly string[];
}

/**
 * One page of the rows that match. An id, as a bound or in `after` and `before`, names a place: its row may be gone or not
 * match. @throws StorageError 'item-not-found' for an id of another owner, an unknown name, or, among visible rows, a place
 * before the oldest one.
 */
export interface ArchiveQuery extends ArchiveFilter {
  /** A whole number; 0 asks for nothing but `count`. */
  readonly limit: number;
  /** A page ends before it exceeds this size, but has at least one row. In UTF-8. */
  readonly maxBytes?: number;
  /** Exclusive. With `before`, or with `isBackwards`, the page is the one that ends before `before`. */
  readonly after?: string;
  readonly before?: string;
  /** The page ends at `before`, or at the newest row. Implied by `before`. */
  readonly isBackwards?: boolean;
  /** Number of matching rows to pass over from the oldest. With none of the other three. */
  readonly index?: number;
  readonly wantsCount?: boolean;
}

export interface ArchivePage {
  /** From the oldest. */
  readonly rows: readonly ArchiveRow[];
  /**
   * Nothing more matches beyond this page, in the direction of paging. Also false if the search for `words` or `party` had
   * to read too many rows; then the page may have fewer rows than match, and no count.
   */
  readonly isComplete: boolean;
  /** Rows that match the filter, whatever the page. Absent if it was not wanted, or is over 100,000. */
  readonly count?: number;
}

/** A message that its author retracts (XEP-0424). */
export interface Retraction {
  readonly with: string;
  /** Whether the owner was the author. */
  readonly isSent: boolean;
  /**
   * The `id` or `origin-id` of the message. The newest such message counts, of at most 10,000 or 16 MiB, and not beyond 100
   * rows, or 256 KiB, that have the id elsewhere.
   */
  readonly messageId: string;
  /** Its `from` must be this occupant of a room; absent: any resource. */
  readonly occupant?: string;
  /** What the tombstone says. */
  readonly by: { readonly id: string; readonly at: number };
}

/** The waiting rows with one `with`. */
export interface WaitingRows {
  readonly with: string;
  readonly messages: number;
  /** Of the texts, in UTF-8. */
  readonly bytes: number;
}

export interface ArchiveUsage {
  /** Without hidden rows. */
  readonly rows: number;
  /** Of all texts, in UTF-8. */
  readonly bytes: number;
  readonly waiting: number;
  readonly oldest: ArchivePosition | undefined;
  readonly newest: ArchivePosition | undefined;
  /** Set by `keep`. */
  readonly keepMs: number | undefined;
}

/** All but `nextId` throw StorageError. A write resolves when it is committed; one in a batch, when that has settled. */
export interface ArchiveStore {
  /** Takes the next position. Synchronous, so that a stanza can carry it. */
  nextId(owner: string): ArchivePosition;
  append(owner: string, row: NewArchiveRow): Promise<void>;
  /** Stores a row at the end. An earlier one of that name is removed. */
  put(owner: string, row: NamedArchiveRow): Promise<void>;
  /**
   * Stores a row of the past at the next free position of its millisecond; one of the present at the end. An earlier one of
   * that name is removed.
   */
  adopt(owner: string, row: NamedArchiveRow & { readonly at: number }): Promise<void>;
  /** The rows with these ids, hidden or not, from the oldest. Unknown ids are passed over. */
  get(owner: string, ids: readonly string[]): Promise<ArchiveRow[]>;
  /** Passes over unknown ids. Returns the number of removed rows, 0 in a batch. */
  remove(owner: string, ids: readonly string[]): Promise<number>;
  /** Sets and clears flags. Passes over unknown ids. */
  mark(owner: string, ids: readonly string[], change: { add?: number; clear?: number }): Promise<void>;
  /** Replaces the text and the flags of a row; its place, `with` and `sent` stay. Nothing happens if it is gone. */
  replace(owner: string, id: string, row: { readonly xml: string; readonly flags: number }): Promise<void>;
  /**
   * Replaces a message by its tombstone (XEP-0424 §5), which does not wait. A hidden row is removed. Nothing happens if
   * there is no such message, or it is a tombstone or a retraction itself.
   */
  retract(owner: string, retraction: Retraction): Promise<void>;
  page(owner: string, query: ArchiveQuery): Promise<ArchivePage>;
  /** The rows that wait, by `with`. */
  waiting(owner: string): Promise<WaitingRows[]>;
  usage(owner: string): Promise<ArchiveUsage>;
  /** Removes rows older than `before` (ms since 1970), all if absent, of one `with` or all. Returns their number. */
  prune(owner: string, rows: { readonly before?: number; readonly with?: string }): Promise<number>;
  /** How long `expire` keeps the rows of an owner. `undefined`: as long as its other limits allow. */
  keep(owner: string, ms: number | undefined): Promise<void>;
  /**
   * Removes what is too old or too much of every owner, but not what waits: rows from before `before` (ms since 1970), or
   * older than `keep` says; then the oldest until an archive that exceeds `maxBytes` has 95 % of it. Works while nothing
   * else is to be done. Returns the number of removed rows.
   */
  expire(limits: {
    readonly now: number;
    readonly before?: number;
    readonly maxBytes?: number;
  }): Promise<number>;
  /** The owner's clients have all that it received until then, in ms since 1970. */
  delivered(owner: string, until: number): Promise<void>;
  /**
   * After a server that was not stopped properly: lets received rows wait that are newer than `delivered` says and than
   * `since` (ms since 1970). Returns the number of those rows; 0 after a proper stop, and from the second call
   * on.
   */
  recover(since: number): Promise<number>;
  /** Removes the owner immediately, and its rows while nothing else is to be done. */
  forget(owner: string): Promise<void>;
  /** Owners with at least one row, in no particular order. */
  owners(): AsyncIterable<string>;
}
