// The thread that writes, seen from the main thread. It is started again when it ends without having been told to: for
// want of memory, or over an exception of ours.
//
//   starting ──ready──▶ working ──ended──▶ starting        starting ──refused──▶ (pause) ──▶ starting

import { Worker } from 'node:worker_threads';
import { type Clock, systemClock, type Timer } from '../../util/clock.ts';
import { StorageError } from '../error.ts';
import type { FromWriter, Outcome, ToWriter, WriterData } from './sqlite-operations.ts';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

export interface ThreadOptions {
  readonly file: string;
  readonly driver: string;
  /** What runs in the thread; default: our writer. */
  readonly script?: URL;
  readonly clock?: Clock;
}

/** What the queue hears, never inside a call of its own. */
export interface ThreadEvents {
  /** The outcomes of what was posted last. */
  answered(outcomes: readonly Outcome[]): void;
  /** The thread has ended. What was posted and not answered may or may not be on the disk. */
  ended(why: Error): void;
  /** It could not be started again, and will be tried again after a pause. */
  failed(why: StorageError): void;
  /** It works again. */
  restarted(): void;
}

export class WriterThread {
  readonly #options: ThreadOptions;
  readonly #clock: Clock;
  #worker: Worker;
  #events: ThreadEvents | undefined;
  #isClosing = false;
  #pauseMs = FIRST_PAUSE_MS;
  #retry: Timer | undefined;
  readonly #closed = Promise.withResolvers<void>();

  private constructor(worker: Worker, options: ThreadOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#worker = worker;
    this.#adopt(worker);
  }

  /** @throws StorageError 'newer-database', or 'failed' when the database cannot be opened. */
  static async open(options: ThreadOptions): Promise<WriterThread> {
    return new WriterThread(await startWorker(options), options);
  }

  set events(events: ThreadEvents) {
    this.#events = events;
  }

  /** Lost when there is no thread at the moment: whoever posts hears of that by `ended`. */
  post(message: ToWriter): void {
    this.#worker.postMessage(message);
  }

  /** An idle thread does not keep the process alive; one at work does. */
  keepAlive(isAtWork: boolean): void {
    if (isAtWork) this.#worker.ref();
    else this.#worker.unref();
  }

  /** Lets the thread close the database; resolves when it has ended. */
  close(): Promise<void> {
    this.#isClosing = true;
    this.#retry?.cancel();
    if (this.#retry !== undefined) this.#closed.resolve();
    this.#worker.ref();
    this.post('close');
    return this.#closed.promise;
  }

  #adopt(worker: Worker): void {
    let why = new Error('it ended without a word');
    worker.on('message', (message: FromWriter) => {
      if (message !== 'ready' && 'outcomes' in message) this.#events?.answered(message.outcomes);
    });
    worker.on('error', (error) => {
      why = error;
    });
    worker.on('messageerror', (error) => {
      why = error;
      void worker.terminate();
    });
    worker.on('exit', () => this.#onExit(why));
    worker.unref();
  }

  #onExit(why: Error): void {
    if (this.#isClosing) return this.#closed.resolve();
    this.#events?.ended(why);
    this.#restart();
  }

  #restart(): void {
    this.#retry = undefined;
    startWorker(this.#options).then(
      (worker) => this.#restarted(worker),
      (error: StorageError) => this.#pause(error),
    );
  }

  #restarted(worker: Worker): void {
    this.#worker = worker;
    this.#adopt(worker);
    this.#pauseMs = FIRST_PAUSE_MS;
    if (this.#isClosing) this.post('close');
    else this.#events?.restarted();
  }

  #pause(error: StorageError): void {
    if (this.#isClosing) return this.#closed.resolve();
    this.#events?.failed(error);
    this.#retry = this.#clock.after(this.#pauseMs, () => this.#restart());
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

/** @throws StorageError */
async function startWorker({ file, driver, script = WRITER }: ThreadOptions): Promise<Worker> {
  const worker = new Worker(script, { workerData: { file } satisfies WriterData });
  const first = await new Promise<FromWriter>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the writing thread ended before it was ready')));
  }).catch((error: Error): FromWriter => ({ refused: error.message, newer: false }));
  if (first === 'ready') return worker;
  const { refused, newer } = first as { refused: string; newer: boolean };
  throw new StorageError(newer ? 'newer-database' : 'failed', `${file}: ${refused}`, { driver });
}

const WRITER = new URL(
  import.meta.url.endsWith('.ts') ? './sqlite-writer.ts' : './sqlite-writer.js',
  import.meta.url,
);
