// The queue of the writing thread. While the thread is busy, the queue grows; then it is sent as one message, which is one
// commit. So a slower disk gets larger commits, without a timer.
//
//   push ──▶ queued ──(writer free)──▶ in flight ──(committed)──▶ waiter resolved
//              ◀──────(thread ended)───────┘
//   idle ──▶ idle ────(nothing queued)──▶ in flight, alone
//
// When the thread ends, the next one repeats the operations in flight, one per batch: an operation that ends the thread
// again fails alone. Repeating is safe, since operations are idempotent but for the number of rows that they report.

import type { Clock } from '../../util/clock.ts';
import type { Faults } from '../../util/faults.ts';
import { StorageError } from '../error.ts';
import { errorFor } from './sqlite-failure.ts';
import {
  type ArchiveStart,
  type IdleOperation,
  isIdle,
  type Operation,
  type Outcome,
  type Progress,
  type SingleOperation,
  type ToWriter,
  type WriteOperation,
  type WriterData,
  weigh,
} from './sqlite-operations.ts';
import { DatabaseThread, scriptOf } from './sqlite-thread.ts';
import { encode } from './sqlite-wire.ts';

/** One commit stays below some ten milliseconds. */
const MAX_BATCH_ROWS = 200;
const MAX_BATCH_BYTES = 2 * 1024 * 1024;

const WRITER = scriptOf('sqlite-writer');

export interface QueueOptions {
  readonly file: string;
  readonly driver: string;
  readonly maxBytes: number;
  /** Whether a copy is made before the database is brought up to date. Default: true. */
  readonly isBackedUp?: boolean;
  /** The script that runs in the thread; default: our writer. */
  readonly script?: URL;
  readonly clock?: Clock;
  /** Reports each thread that ends by itself. */
  readonly faults?: Faults | undefined;
  /** Called while the database is being brought up to date. */
  readonly migrating?: ((what: string, rows: number) => void) | undefined;
}

interface Waiting {
  readonly operation: Operation;
  readonly bytes: number;
  /** Whether it was in flight when a thread ended. Then it is repeated in a batch of its own. */
  wasLost: boolean;
  resolve(outcome: number | Progress): void;
  reject(error: StorageError): void;
}

export class WriteQueue {
  readonly maxBytes: number;
  readonly #driver: string;
  readonly #thread: DatabaseThread<ToWriter, ArchiveStart, readonly Outcome[]>;
  readonly #queued: Waiting[] = [];
  /** Parts of work that can wait. Bounded by the pieces of work: each has one part at a time. */
  readonly #idle: Waiting[] = [];
  #inFlight: Waiting[] = [];
  #bytes = 0;
  /** The last write of each (host, owner) that has not settled. */
  readonly #last = new Map<string, Promise<unknown>>();
  #lastOfAll: Promise<unknown> | undefined;
  /** The error for new writes: while no thread can be started, and after `close`. */
  #obstacle: StorageError | undefined;
  #closing: Promise<void> | undefined;
  /** Whether a thread runs and accepts batches. */
  #isUp = false;
  /** Whether any thread has run: the first failure is reported by `open`, not as a fault. */
  #wasUp = false;
  /** Set by the first write that finds the database damaged: whatever else is written could add to that. */
  #damage: StorageError | undefined;
  /** What the first thread found. */
  #start: ArchiveStart | undefined;
  /** Set by `close`: called when no write is queued or in flight. */
  #drained: (() => void) | undefined;

  private constructor(options: QueueOptions) {
    const { maxBytes, driver, faults, file, isBackedUp = true, script = WRITER, clock } = options;
    this.maxBytes = maxBytes;
    this.#driver = driver;
    const data: WriterData = { file, isBackedUp };
    this.#thread = new DatabaseThread(
      { file, driver, role: 'writing', script, data, clock },
      {
        ready: (start) => this.#goOn(start),
        migrating: options.migrating ?? (() => {}),
        answered: (outcomes) => this.#answered(outcomes),
        ended: (why) => {
          faults?.report('storage', why, { inFlight: this.#inFlight.length });
          this.#takeBack(why);
        },
        refused: (why) => {
          if (this.#wasUp) faults?.report('storage', why);
          this.#refuseAll(why);
        },
        closedBadly: (why) => faults?.report('storage', why, { closing: true }),
      },
    );
  }

  /** @throws StorageError 'newer-database', or 'failed' when the database cannot be opened. */
  static async open(options: QueueOptions): Promise<WriteQueue> {
    const queue = new WriteQueue(options);
    try {
      await queue.#thread.open();
      return queue;
    } catch (error) {
      await queue.close();
      throw error;
    }
  }

  get queuedBytes(): number {
    return this.#bytes;
  }

  /** What the first thread found in the database. */
  get start(): ArchiveStart {
    return this.#start!;
  }

  /**
   * Resolves with the number of rows changed once the operation is committed.
   * @throws StorageError 'resource-constraint', 'full', 'damaged', 'closed', 'failed'.
   */
  push(operation: WriteOperation): Promise<number> {
    const bytes = weigh(operation);
    const refusal = this.#refusal(operation, bytes);
    if (refusal) return Promise.reject(refusal);
    const written = new Promise<number>((resolve, reject) => {
      const settle = resolve as Waiting['resolve'];
      this.#queued.push({ operation, bytes, wasLost: false, resolve: settle, reject });
    });
    this.#bytes += bytes;
    this.#remember(operation, written);
    // At the end of the tick, so that all writes of one stanza are one commit.
    if (this.#queued.length === 1) queueMicrotask(() => this.#dispatch());
    return written;
  }

  /**
   * Does a part of some work when nothing is queued. Resolves once it is committed.
   * @throws StorageError 'full', 'damaged', 'closed', 'failed'
   */
  idle(operation: IdleOperation): Promise<Progress> {
    const refusal = this.#refusal(operation, 0);
    if (refusal) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const settle = resolve as Waiting['resolve'];
      this.#idle.push({ operation, bytes: 0, wasLost: false, resolve: settle, reject });
      queueMicrotask(() => this.#dispatch());
    });
  }

  /** Resolves when all writes of the owner so far have settled; undefined: none is under way. Never rejects. */
  settled(host: string, owner: string): Promise<unknown> | undefined {
    return this.#last.get(ownerKey(host, owner));
  }

  /** The same for all owners. */
  allSettled(): Promise<unknown> | undefined {
    return this.#lastOfAll;
  }

  /** Refuses further operations, writes those that are queued, then, after `before`, lets the thread close the database. */
  close(before?: Promise<void>): Promise<void> {
    this.#closing ??= this.#close(before);
    return this.#closing;
  }

  async #close(before?: Promise<void>): Promise<void> {
    this.#obstacle = new StorageError('closed', 'The storage is closed', { driver: this.#driver });
    for (const waiting of this.#idle.splice(0)) waiting.reject(this.#obstacle);
    if (this.#bytes > 0 || this.#inFlight.length > 0) await this.#empty();
    await before;
    await this.#thread.close();
  }

  #empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  #refusal(operation: Operation, bytes: number): StorageError | undefined {
    const details = { driver: this.#driver, store: storeOf(operation) };
    const obstacle = this.#obstacle ?? this.#damage;
    if (obstacle) {
      const { condition, message, cause } = obstacle;
      return new StorageError(condition, message, { ...details, cause });
    }
    if (this.#bytes + bytes <= this.maxBytes) return undefined;
    return new StorageError(
      'resource-constraint',
      'Too many writes are waiting: the disk is too slow',
      details,
    );
  }

  #remember(operation: Operation, written: Promise<number>): void {
    const keys = new Set(
      singles(operation)
        .map(ownerKeyOf)
        .filter((key) => key !== undefined),
    );
    const settled = written
      .catch(() => undefined)
      .then(() => {
        for (const key of keys) if (this.#last.get(key) === settled) this.#last.delete(key);
        if (this.#lastOfAll === settled) this.#lastOfAll = undefined;
      });
    for (const key of keys) this.#last.set(key, settled);
    this.#lastOfAll = settled;
  }

  #dispatch(): void {
    if (!this.#isUp || this.#inFlight.length > 0) return;
    this.#inFlight =
      this.#queued.length > 0 ? this.#queued.splice(0, this.#nextBatch()) : this.#idle.splice(0, 1);
    if (this.#inFlight.length === 0) return;
    this.#thread.keepAlive(true);
    this.#thread.post({ batch: encode(this.#inFlight.map(({ operation }) => operation)) });
  }

  /** Size of the next batch. */
  #nextBatch(): number {
    if (this.#queued[0]?.wasLost) return 1;
    let [count, rows, bytes] = [0, 0, 0];
    for (const waiting of this.#queued) {
      rows += singles(waiting.operation).length;
      bytes += waiting.bytes;
      if (count > 0 && (rows > MAX_BATCH_ROWS || bytes > MAX_BATCH_BYTES)) break;
      count += 1;
    }
    return count;
  }

  #answered(outcomes: readonly Outcome[]): void {
    const done = this.#inFlight;
    this.#inFlight = [];
    this.#thread.keepAlive(false);
    this.#dispatch(); // First: the writer works while the waiters run.
    done.forEach((waiting, index) => {
      this.#settle(waiting, outcomes[index]);
    });
    if (this.#inFlight.length === 0) this.#drained?.();
  }

  #settle({ operation, bytes, resolve, reject }: Waiting, outcome: Outcome = 0): void {
    this.#bytes -= bytes;
    if (typeof outcome === 'number' || 'rows' in outcome) {
      resolve(outcome);
      return;
    }
    const details = { driver: this.#driver, store: storeOf(operation) };
    const error = errorFor(outcome, 'Not written', details);
    if (error.condition === 'damaged') this.#damage ??= error;
    reject(error);
  }

  /**
   * The thread has ended. Writes in flight may or may not be on disk, so they are repeated. A write that has ended a thread
   * while alone in its batch fails. So does a part of work that can wait: it is done at the next occasion.
   */
  #takeBack(why: Error): void {
    this.#isUp = false;
    const lost = this.#inFlight;
    this.#inFlight = [];
    const [only] = lost;
    const isHopeless = lost.length === 1 && (only!.wasLost || isIdle(only!.operation));
    for (const waiting of lost) waiting.wasLost = true;
    if (isHopeless) this.#settle(only!, gone(why));
    else this.#queued.unshift(...lost);
    if (this.#bytes === 0) this.#drained?.();
  }

  /** Rejects all waiting writes, and new ones until a thread runs again. */
  #refuseAll(why: StorageError): void {
    this.#obstacle ??= why;
    for (const waiting of [...this.#queued.splice(0), ...this.#idle.splice(0)])
      this.#settle(waiting, gone(why));
    this.#thread.keepAlive(false);
    this.#drained?.();
  }

  #goOn(start: ArchiveStart): void {
    this.#start ??= start;
    this.#isUp = true;
    this.#wasUp = true;
    if (!this.#closing) this.#obstacle = undefined;
    this.#dispatch();
  }
}

function gone({ message }: Error): Outcome {
  return { failed: `the writing thread ended: ${message}`, code: 'WRITER_GONE' };
}

function singles(operation: Operation): readonly SingleOperation[] {
  if (operation.do === 'all') return operation.operations;
  return isIdle(operation) ? [] : [operation];
}

/** `undefined`: the operation has no owner. */
function ownerKeyOf(operation: SingleOperation): string | undefined {
  if (!('owner' in operation)) return undefined;
  const host = operation.do === 'purge' ? operation.host : operation.in.host;
  return ownerKey(host, operation.owner);
}

function ownerKey(host: string, owner: string): string {
  return `${host}\0${owner}`;
}

function storeOf(operation: Operation): string | undefined {
  return 'in' in operation ? operation.in.name : undefined;
}
