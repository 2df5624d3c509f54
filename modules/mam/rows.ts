// The rows that one message causes in the archives of its sender and its recipient. They are prepared while the message is
// routed, and written when the tick ends, so that what the delivery finds out stands in them:
//
//   rewrite: the stanza gets its id ──▶ deliver: clients take it, or it waits ──▶ end of the tick: written ──▶ `h` counts it
//
// docs/adr/0048 gives the reasons.

import {
  type ArchivePosition,
  type ArchiveStore,
  type Counter,
  type Event,
  type Module,
  type NewArchiveRow,
  type Retraction,
  refusalFor,
  StanzaError,
  type StanzaEvent,
} from 'enjamb/api';

declare module 'enjamb/api' {
  interface Events {
    /** A retraction was carried out in the archive of a user: a message may not wait any more. */
    'archive-retracted': Event<{ readonly user: string }>;
  }
  interface StanzaNotes {
    /** Present if the message is archived. Owned by mam. */
    archive?: ArchiveNotes;
  }
}

export interface ArchiveNotes {
  /** The row of the sender, if it is a user here. */
  readonly sent?: ArchivedRow | undefined;
  /** The row of the recipient, whom the stanza tells its id. The same one for a message to oneself. */
  readonly received?: ArchivedRow | undefined;
}

export interface ArchivedRow extends ArchivePosition {
  /** Bits of ARCHIVE_FLAGS. They may be set until the row is stored. */
  flags: number;
  /** The row has been given to the archive, so its flags must be changed there. */
  readonly isStored: boolean;
}

/** What a message changes in the archive of one user. */
interface Change {
  readonly user: string;
  /** Absent if the user does not want it archived. */
  readonly row?: PendingRow | undefined;
  readonly retraction?: Retraction | undefined;
  /** Of the user's host. */
  readonly books: Bookkeeping;
}

/** A row that is stored when the tick ends. */
export class PendingRow implements ArchivedRow {
  readonly id: string;
  readonly at: number;
  flags: number;
  readonly #archive: ArchiveStore;
  readonly #owner: string;
  #row: Omit<NewArchiveRow, 'id' | 'flags'> | undefined;

  /** Takes the next position of the archive. */
  constructor(
    archive: ArchiveStore,
    owner: string,
    { flags, ...row }: Omit<NewArchiveRow, 'id' | 'flags'> & { readonly flags: number },
  ) {
    const { id, at } = archive.nextId(owner);
    this.#archive = archive;
    this.#owner = owner;
    this.id = id;
    this.at = at;
    this.flags = flags;
    this.#row = row;
  }

  get isStored(): boolean {
    return this.#row === undefined;
  }

  /** The length of its text. */
  get length(): number {
    return this.#row?.xml.length ?? 0;
  }

  /** Stores the row; call it once. @throws StorageError */
  store(): Promise<void> {
    const row = this.#row!;
    this.#row = undefined;
    return this.#archive.append(this.#owner, { ...row, id: this.id, flags: this.flags });
  }
}

/** Longer texts are stored in transactions of their own, since a batch is bounded. In characters. */
const MAX_BATCH_LENGTH = 256 * 1024;

/** What the rows of one host share. */
export interface Bookkeeping {
  readonly module: Module;
  readonly archive: ArchiveStore;
  readonly stored: Counter;
  readonly lost: Counter;
}

/** The rows of one message. */
export class MessageRows implements ArchiveNotes {
  sent: PendingRow | undefined;
  received: ArchivedRow | undefined;
  /** Neither row is stored if these ids are in the archive already: the client sends the message again. */
  unlessSent: NewArchiveRow['unlessSent'];
  /** Refuses the message. Set if the recipient's archive is all that has it. */
  refuse: ((error: StanzaError) => void) | undefined;
  #pending: Change[] = [];

  /** Makes the change when the tick ends. The stanza counts as handled once it is committed (XEP-0198 §4). */
  add(change: Change, event: StanzaEvent): void {
    this.#pending.push(change);
    if (this.#pending.length > 1) return;
    event.waitUntil(Promise.resolve().then(() => this.#store()));
  }

  #store(): Promise<unknown> {
    const changes = this.#pending;
    this.#pending = [];
    const length = changes.reduce((sum, { row }) => sum + (row?.length ?? 0), 0);
    if (length <= MAX_BATCH_LENGTH) return this.#storeTogether(changes);
    return Promise.all(changes.map((change) => this.#storeTogether([change])));
  }

  async #storeTogether(changes: readonly Change[]): Promise<void> {
    const { module, stored, lost } = changes[0]!.books;
    const rows = changes.flatMap(({ row }) => row ?? []);
    const retractions = changes.filter(({ retraction }) => retraction);
    try {
      if (changes.length + retractions.length === 1) await rows[0]?.store();
      else await module.store.batch(() => writeAll(changes));
      stored.add(rows.length);
      for (const { user, books } of retractions) books.module.notify('archive-retracted', { user });
    } catch (error) {
      lost.add(rows.length);
      module.report(error, { lost: rows.length });
      if (rows.some((row) => row === this.received)) this.refuse?.(retryable(error));
    }
  }
}

/** Belongs into a batch: no archive has a retraction without the tombstone, or the tombstone without it (XEP-0424 §5). */
function writeAll(changes: readonly Change[]): void {
  for (const { user, row, retraction, books } of changes) {
    if (retraction) void books.archive.retract(user, retraction);
    void row?.store();
  }
}

/** The message can be sent again: what has failed is the disk. */
function retryable(error: unknown): StanzaError {
  const { condition, text } = refusalFor(error);
  return new StanzaError(condition, { type: 'wait', cause: error, ...(text === undefined ? {} : { text }) });
}
