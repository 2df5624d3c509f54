// The queue in front of the writing thread. While the writer is busy the queue grows, and goes over as one message
// when it is free: the slower the disk, the larger the commits, with no timer (natural group commit).
//
//   push ──▶ queued ──(writer free)──▶ in flight ──(committed)──▶ waiter resolved

import { Worker } from 'node:worker_threads';
import { StorageError } from '../error.ts';
import type { FromWriter, Operation, Outcome, ToWriter, WriterData } from './sqlite-operations.ts';

/** One commit stays below some ten milliseconds. */
const MAX_BATCH_OPERATIONS = 200;
const MAX_BATCH_BYTES = 2 * 1024 * 1024;

/** What an operation weighs beside its texts. */
const OVERHEAD_BYTES = 256;

export interface QueueOptions {
  readonly file: string;
  readonly maxBytes: number;
  readonly driver: string;
}

interface Waiting {
  readonly operation: Operation;
  readonly bytes: number;
  resolve(changes: number): void;
  reject(error: StorageError): void;
}

export class WriteQueue {
  readonly maxBytes: number;
  readonly #driver: string;
  readonly #worker: Worker;
  readonly #queued: Waiting[] = [];
  #inFlight: Waiting[] = [];
  #bytes = 0;
  /** The last write of each (host, owner) that has not settled. */
  readonly #last = new Map<string, Promise<unknown>>();
  #lastOfAll: Promise<unknown> | undefined;
  /** Why nothing is taken any more. */
  #ended: StorageError | undefined;
  #drained: (() => void) | undefined;
  readonly #exited: Promise<void>;

  private constructor(worker: Worker, { maxBytes, driver }: QueueOptions) {
    this.maxBytes = maxBytes;
    this.#driver = driver;
    this.#worker = worker;
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()));
    worker.on('message', (message: FromWriter) => this.#answered(message));
    worker.on('error', (error) => this.#broke(error));
    worker.on('exit', () => this.#broke(new Error('The writing thread ended')));
    worker.unref(); // An idle writer does not keep the process alive; a busy one does.
  }

  /** @throws StorageError 'newer-database', or 'failed' when the database cannot be opened. */
  static async open(options: QueueOptions): Promise<WriteQueue> {
    const worker = new Worker(WRITER, { workerData: { file: options.file } satisfies WriterData });
    const first = await new Promise<FromWriter>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    }).catch((error: Error): FromWriter => ({ refused: error.message, newer: false }));
    if (first === 'ready') {
      return new WriteQueue(worker, options);
    }
    const { refused, newer } = first as { refused: string; newer: boolean };
    throw new StorageError(newer ? 'newer-database' : 'failed', `${options.file}: ${refused}`, options);
  }

  get queuedBytes(): number {
    return this.#bytes;
  }

  /**
   * Resolves with the number of rows changed once the operation is committed.
   * @throws StorageError 'item-not-found', 'resource-constraint', 'closed', 'failed'.
   */
  push(operation: Operation): Promise<number> {
    const bytes = weigh(operation);
    const refusal = this.#refusal(operation, bytes);
    if (refusal) return Promise.reject(refusal);
    const written = new Promise<number>((resolve, reject) => {
      this.#queued.push({ operation, bytes, resolve, reject });
    });
    this.#bytes += bytes;
    this.#remember(operation, written);
    // The end of the tick: what one stanza causes to be written is one commit.
    if (this.#queued.length === 1) queueMicrotask(() => this.#dispatch());
    return written;
  }

  /** Settles, and never rejects, when what was pushed for the owner so far has; undefined: nothing is under way. */
  settled(host: string, owner: string): Promise<unknown> | undefined {
    return this.#last.get(ownerKey(host, owner));
  }

  /** The same for all owners. */
  allSettled(): Promise<unknown> | undefined {
    return this.#lastOfAll;
  }

  /** Takes nothing more, writes what is queued, and lets the thread close the database. */
  async close(): Promise<void> {
    if (!this.#ended) {
      this.#ended = new StorageError('closed', 'The storage is closed', { driver: this.#driver });
      if (this.#bytes > 0) await this.#empty();
      this.#worker.ref();
      this.#post('close');
    }
    await this.#exited;
  }

  #empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  #refusal(operation: Operation, bytes: number): StorageError | undefined {
    const details = { driver: this.#driver, store: storeOf(operation) };
    if (this.#ended) {
      return new StorageError(this.#ended.condition, this.#ended.message, {
        ...details,
        cause: this.#ended.cause,
      });
    }
    if (this.#bytes + bytes <= this.maxBytes) return undefined;
    return new StorageError('resource-constraint', 'Too much is waiting to be written', details);
  }

  #remember(operation: Operation, written: Promise<number>): void {
    const host = operation.do === 'purge' ? operation.host : operation.in.host;
    const key = ownerKey(host, operation.owner);
    const settled = written
      .catch(() => undefined)
      .then(() => {
        if (this.#last.get(key) === settled) this.#last.delete(key);
        if (this.#lastOfAll === settled) this.#lastOfAll = undefined;
      });
    this.#last.set(key, settled);
    this.#lastOfAll = settled;
  }

  #dispatch(): void {
    if (this.#inFlight.length > 0 || this.#queued.length === 0) return;
    let count = 0;
    let bytes = 0;
    for (const waiting of this.#queued) {
      bytes += waiting.bytes;
      if (count === MAX_BATCH_OPERATIONS || (count > 0 && bytes > MAX_BATCH_BYTES)) break;
      count += 1;
    }
    this.#inFlight = this.#queued.splice(0, count);
    this.#worker.ref();
    this.#post({ batch: this.#inFlight.map(({ operation }) => operation) });
  }

  #post(message: ToWriter): void {
    this.#worker.postMessage(message);
  }

  #answered(message: FromWriter): void {
    if (message === 'ready' || !('outcomes' in message)) return;
    const done = this.#inFlight;
    this.#inFlight = [];
    this.#worker.unref();
    this.#dispatch(); // First: the writer works while the waiters run.
    done.forEach((waiting, index) => {
      this.#settle(waiting, message.outcomes[index]);
    });
    if (this.#bytes === 0) this.#drained?.();
  }

  #settle({ operation, bytes, resolve, reject }: Waiting, outcome: Outcome = 0): void {
    this.#bytes -= bytes;
    if (typeof outcome === 'number') {
      resolve(outcome);
      return;
    }
    const details = { driver: this.#driver, store: storeOf(operation) };
    if (outcome === 'unknown-entry') {
      reject(new StorageError('item-not-found', 'The archive has no entry of that id', details));
      return;
    }
    const cause = Object.assign(new Error(outcome.failed), { code: outcome.code });
    reject(new StorageError('failed', `Not written: ${outcome.failed}`, { ...details, cause }));
  }

  /** The thread is gone. What was in flight may or may not be on the disk; everything else is not. */
  #broke(cause: Error): void {
    this.#ended ??= new StorageError('failed', 'The writing thread failed', { driver: this.#driver, cause });
    const lost = [...this.#inFlight, ...this.#queued.splice(0)];
    this.#inFlight = [];
    for (const waiting of lost) {
      this.#settle(waiting, { failed: cause.message, code: 'WRITER_GONE' });
    }
    this.#drained?.();
  }
}

const WRITER = new URL(
  import.meta.url.endsWith('.ts') ? './sqlite-writer.ts' : './sqlite-writer.js',
  import.meta.url,
);

function ownerKey(host: string, owner: string): string {
  return `${host}\0${owner}`;
}

function storeOf(operation: Operation): string | undefined {
  return operation.do === 'purge' ? undefined : operation.in.name;
}

/** Bytes of memory the operation holds, roughly: its texts, counted by character. */
function weigh(operation: Operation): number {
  const bytes = OVERHEAD_BYTES + operation.owner.length;
  if (operation.do === 'set') return bytes + operation.value.length;
  if (operation.do === 'put') return bytes + operation.key.length + operation.value.length;
  if (operation.do === 'append') return bytes + operation.entry.with.length + operation.entry.xml.length;
  return bytes;
}
