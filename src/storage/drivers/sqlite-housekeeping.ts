// Work that is done while nothing else is to be written: indexes the words of new rows, removes what expired, and what
// removed owners have left. It is asked for part by part, so that a stanza waits for one part at most.

import type { Clock, Timer } from '../../util/clock.ts';
import type { Faults } from '../../util/faults.ts';
import { StorageError } from '../error.ts';
import type { IdleOperation } from './sqlite-operations.ts';
import type { WriteQueue } from './sqlite-queue.ts';

/** The pause after a failure, or while another process reads what is to be removed. */
const RETRY_MS = 30_000;
/** New rows are indexed together, in few commits. Until then, a search reads them as they are. */
const INDEX_MS = 10_000;
/** To write the index anew costs as much as all of its words, so the words of single rows are left in it for this long. */
const LEFT_MS = 24 * 3_600_000;

export class Housekeeping {
  readonly #queue: WriteQueue;
  readonly #clock: Clock;
  readonly #faults: Faults | undefined;
  #isSweeping = false;
  /** Whether an owner was removed since the sweep began. */
  #isUnswept = false;
  /** Whether words of single rows are to leave the index now. */
  #hasLeftovers = false;
  #retry: Timer | undefined;
  #indexing: Timer | undefined;
  #later: Timer | undefined;
  #isClosed = false;

  constructor(queue: WriteQueue, clock: Clock, faults: Faults | undefined) {
    this.#queue = queue;
    this.#clock = clock;
    this.#faults = faults;
  }

  /** Does the work part by part. Returns the number of removed rows. @throws StorageError */
  async run(work: IdleOperation): Promise<number> {
    let rows = 0;
    let part = work;
    for (;;) {
      const { rows: removed, next, obstacle } = await this.#queue.idle(part);
      rows += removed;
      if (obstacle !== undefined) throw new StorageError('failed', obstacle, { driver: 'sqlite' });
      if (next === undefined) break;
      part = { ...part, ...next } as IdleOperation;
    }
    if (work.do === 'expire' && rows > 0) await this.#tidy();
    return rows;
  }

  /** Whether something of removed rows may be left in the files. The next start sweeps it. */
  get hasLeftovers(): boolean {
    return this.#isSweeping || this.#isUnswept || this.#later !== undefined || this.#hasLeftovers;
  }

  /**
   * Removes the rows of owners that were removed, until nothing of them is in the files.
   * @param hasLeftovers a server before has left this to do
   */
  sweep(hasLeftovers = false): void {
    this.#hasLeftovers ||= hasLeftovers;
    this.#isUnswept = true;
    if (this.#isSweeping || this.#isClosed) return;
    this.#isSweeping = true;
    this.#sweepAll()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#isSweeping = false;
      });
  }

  /** Single rows were removed or replaced. Within a day, nothing of their texts is in the files. */
  sweepLater(): void {
    if (this.#later || this.#isClosed) return;
    this.#later = this.#clock.after(LEFT_MS, () => {
      this.#later = undefined;
      this.#hasLeftovers = true;
      this.sweep();
    });
  }

  /** There are new rows that can be searched. */
  index(): void {
    if (this.#indexing || this.#isClosed) return;
    this.#indexing = this.#clock.after(INDEX_MS, () => {
      this.#indexing = undefined;
      this.run({ do: 'index' }).catch((error: unknown) => this.#report(error));
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#indexing?.cancel();
    this.#later?.cancel();
  }

  async #sweepAll(): Promise<void> {
    while (this.#isUnswept) {
      this.#isUnswept = false;
      await this.run({ do: 'sweep' });
      await this.#rewriteIndex();
      await this.#tidy();
      await this.run({ do: 'checkpoint' });
    }
  }

  async #rewriteIndex(): Promise<void> {
    const isForced = this.#hasLeftovers;
    await this.run({ do: 'rewrite-index', from: 0, isForced });
    if (isForced) this.#hasLeftovers = false;
  }

  async #tidy(): Promise<void> {
    await this.run({ do: 'sweep-peers', from: 0 });
    await this.run({ do: 'vacuum' });
  }

  #report(error: unknown): void {
    if (!this.#isClosed) this.#faults?.report('storage', error);
  }

  #failed(error: unknown): void {
    this.#report(error);
    if (this.#isClosed) return;
    this.#retry?.cancel();
    this.#retry = this.#clock.after(RETRY_MS, () => this.sweep());
  }
}
