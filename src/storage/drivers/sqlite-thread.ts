// Controls a thread of the database from the main thread: the writing or the reading one. Restarts it when it ends
// unexpectedly: out of memory, or by an exception.
//
//             ┌────────────────── ended ◀──────────────────┐
//             ▼                                            │
//   open ▶ starting ──ready──▶ working ──(post, answered)──┤        close ends the thread from any state
//             │  ▲                                         ▼
//             └──┴──(after a pause)────────────── ended three times without an answer

import { Worker } from 'node:worker_threads';
import { type Clock, systemClock, type Timer } from '../../util/clock.ts';
import { Backoff } from '../../util/flow/index.ts';
import { StorageError } from '../error.ts';
import { errorFor } from './sqlite-failure.ts';
import type { FromThread } from './sqlite-operations.ts';

const PAUSES = { firstMs: 1_000, longestMs: 30_000, jitter: 0 };
/** Consecutive threads that ended without an answer, before restarts wait. */
const MAX_FUTILE = 3;

export interface ThreadOptions {
  readonly file: string;
  readonly driver: string;
  readonly role: 'writing' | 'reading';
  /** What runs in the thread. */
  readonly script: URL;
  /** What the script gets. */
  readonly data: object;
  readonly clock?: Clock | undefined;
}

/** `Start`: what a thread tells when it is ready. */
export interface ThreadEvents<Start, Answer> {
  /** A thread runs; called again after each restart. */
  ready(start: Start): void;
  /** The database is being brought up to date. @param rows how many are converted */
  migrating?(what: string, rows: number): void;
  /** The answer to the message that was posted last. */
  answered(answer: Answer): void;
  /** The thread has ended unexpectedly. An unanswered batch may or may not be on disk. */
  ended(why: Error): void;
  /** No thread can be started for now; the next attempt follows after a pause. */
  refused(why: StorageError): void;
  /** Closing the database has failed. */
  closedBadly(why: Error): void;
}

export class DatabaseThread<Message, Start, Answer> {
  readonly #options: ThreadOptions;
  readonly #events: ThreadEvents<Start, Answer>;
  readonly #clock: Clock;
  #worker: Worker | undefined;
  #state: 'starting' | 'working' | 'none' = 'none';
  /** Number of threads in a row that ended without an answer. */
  #futile = 0;
  readonly #backoff = new Backoff(PAUSES);
  #retry: Timer | undefined;
  #isAtWork = false;
  #isClosing = false;
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();

  constructor(options: ThreadOptions, events: ThreadEvents<Start, Answer>) {
    this.#options = options;
    this.#events = events;
    this.#clock = options.clock ?? systemClock;
  }

  /** Starts the first thread. @throws StorageError 'newer-database', or 'failed' when the database cannot be opened. */
  open(): Promise<void> {
    this.#start();
    return this.#opened.promise;
  }

  /** Only between `ready` and `ended`. */
  post(message: Message | 'close'): void {
    this.#worker?.postMessage(message);
  }

  /** An idle thread does not keep the process alive; one at work does. */
  keepAlive(isAtWork: boolean): void {
    this.#isAtWork = isAtWork;
    if (isAtWork) this.#worker?.ref();
    else this.#worker?.unref();
  }

  /** Closes the database; resolves when the thread has ended. Call it only when no message is unanswered. */
  close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#retry?.cancel();
      if (this.#state === 'working') this.#end();
      else if (this.#state === 'none') this.#closed.resolve();
    }
    return this.#closed.promise;
  }

  #start(): void {
    this.#state = 'starting';
    const { script, data, role } = this.#options;
    try {
      this.#listen(new Worker(script, { workerData: data, name: `enjamb-${role}` }));
    } catch (error) {
      this.#notStarted({ refused: (error as Error).message }); // The system refuses another thread.
    }
  }

  /** Attaches all listeners now: a thread can become ready and end before an awaited promise continues. */
  #listen(worker: Worker): void {
    this.#worker = worker;
    let refusal: Refusal | undefined;
    let failure: Error | undefined;
    worker.on('message', (message: FromThread<Start, Answer>) => {
      if ('ready' in message) this.#ready(message.ready);
      else if ('migrating' in message) this.#events.migrating?.(message.migrating, message.rows);
      else if ('refused' in message) refusal = message;
      else this.#answered(message.answer);
    });
    worker.on('messageerror', (error) => {
      failure ??= error;
      worker.terminate().catch(() => {}); // 'exit' follows either way.
    });
    worker.on('error', (error) => {
      failure ??= error;
    });
    worker.on('exit', () => this.#exited(refusal, failure));
  }

  #ready(start: Start): void {
    this.#state = 'working';
    if (this.#isClosing) return this.#end();
    if (!this.#isAtWork) this.#worker?.unref();
    this.#opened.resolve();
    this.#events.ready(start);
  }

  #answered(answer: Answer): void {
    this.#futile = 0;
    this.#backoff.succeeded();
    this.#events.answered(answer);
  }

  #end(): void {
    this.#worker?.ref();
    this.post('close');
  }

  #exited(refusal: Refusal | undefined, failure: Error | undefined): void {
    const wasWorking = this.#state === 'working';
    const why = failure ?? new Error('it ended without an error');
    this.#state = 'none';
    this.#worker = undefined;
    if (this.#isClosing) {
      if (failure) this.#events.closedBadly(failure);
      this.#closed.resolve();
    } else if (wasWorking) {
      this.#events.ended(why);
      if (++this.#futile < MAX_FUTILE) this.#start();
      else
        this.#pause(this.#error(`the ${this.#options.role} thread keeps ending`, { refused: why.message }));
    } else {
      this.#notStarted(refusal ?? { refused: why.message });
    }
  }

  #notStarted(refusal: Refusal): void {
    const error = this.#error(`Cannot open ${this.#options.file}`, refusal);
    this.#state = 'none';
    this.#opened.reject(error); // No effect after the first start.
    if (this.#isClosing) this.#closed.resolve();
    else this.#pause(error);
  }

  #pause(error: StorageError): void {
    this.#retry = this.#clock.after(this.#backoff.failed(), () => this.#start());
    this.#events.refused(error);
  }

  #error(what: string, { refused, code = '', newer = false }: Refusal): StorageError {
    const { driver } = this.#options;
    if (newer) return new StorageError('newer-database', `${what}: ${refused}`, { driver });
    return errorFor({ failed: refused, code }, what, { driver });
  }
}

type Refusal = Extract<FromThread<unknown, unknown>, { refused: string }>;

/** The script beside this file: its source, or what it was compiled to. @param name without an ending */
export function scriptOf(name: string): URL {
  return new URL(`./${name}.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
}
