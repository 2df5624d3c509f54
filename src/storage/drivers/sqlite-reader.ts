// Reads archives, on the main thread: asks the reading thread one question at a time. The questions of one owner are asked
// in order, and one waits only; so those of all owners are answered in turn, whatever one of them asks.
//
//   read ──▶ (owner's earlier reads, owner's earlier writes) ──▶ waiting ──▶ asked ──▶ answered
//                                                                  ▲  │ thread ended: once more, then failed
//                                                                  └──┘
//
// The thread is started by the first question.

import type { Clock } from '../../util/clock.ts';
import type { Faults } from '../../util/faults.ts';
import { SerialQueue } from '../../util/serial-queue.ts';
import type {
  ArchivePage,
  ArchivePosition,
  ArchiveQuery,
  ArchiveRow,
  ArchiveUsage,
  WaitingRows,
} from '../archive.ts';
import { StorageError } from '../error.ts';
import { checkKey } from '../keys.ts';
import type { ArchiveReader } from './sqlite-archive.ts';
import { errorFor } from './sqlite-failure.ts';
import type { Primitive, StoreName } from './sqlite-operations.ts';
import {
  PAGE_VALUES,
  type Question,
  type ReadAnswer,
  type ReaderData,
  type Rest,
  ROW_VALUES,
} from './sqlite-questions.ts';
import { DatabaseThread, scriptOf } from './sqlite-thread.ts';

const READER = scriptOf('sqlite-reader-thread');

export interface ReaderOptions {
  readonly file: string;
  readonly driver: string;
  /** Encrypts ids. */
  readonly key: Uint8Array;
  /** Reports each thread that ends by itself. */
  readonly faults?: Faults | undefined;
  readonly clock?: Clock | undefined;
  /** The script that runs in the thread; default: our reader. */
  readonly script?: URL | undefined;
  /** Resolves when all writes so far of the owner, or of all owners, have settled; `undefined`: none is under way. */
  settled(host: string, owner?: string): Promise<unknown> | undefined;
}

interface Waiting {
  readonly question: Question;
  /** Whether it was asked when a thread ended. */
  wasLost: boolean;
  resolve(answer: ReadAnswer): void;
  reject(error: StorageError): void;
}

export class SqliteReader implements ArchiveReader {
  readonly #options: ReaderOptions;
  readonly #thread: DatabaseThread<Question, null, ReadAnswer>;
  /** By host, store and owner. */
  readonly #owners = new SerialQueue();
  /** One question of each owner at most. */
  readonly #waiting: Waiting[] = [];
  #asked: Waiting | undefined;
  #state: 'not started' | 'starting' | 'up' = 'not started';
  /** The error for new questions: while no thread can be started, and after `close`. */
  #obstacle: StorageError | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ReaderOptions) {
    const { file, driver, key, faults, clock, script = READER } = options;
    this.#options = options;
    const data: ReaderData = { file, key };
    this.#thread = new DatabaseThread(
      { file, driver, role: 'reading', script, data, clock },
      {
        ready: () => this.#ready(),
        answered: (answer) => this.#answered(answer),
        ended: (why) => {
          faults?.report('storage', why, { reading: true });
          this.#takeBack(why);
        },
        refused: (why) => {
          faults?.report('storage', why, { reading: true });
          this.#refuseAll(why);
        },
        closedBadly: (why) => faults?.report('storage', why, { closing: true }),
      },
    );
  }

  async get(store: StoreName, owner: string, ids: readonly string[]): Promise<ArchiveRow[]> {
    return rowsIn(
      (await this.#read({ ask: 'rows', ids, ...named(store), owner: checkKey(owner) })).values,
      0,
    );
  }

  async page(store: StoreName, owner: string, query: ArchiveQuery): Promise<ArchivePage> {
    const question = { ask: 'page', query, ...named(store), owner: checkKey(owner) } as const;
    const rows: ArchiveRow[] = [];
    let rest: Rest | undefined;
    for (;;) {
      const { values, rest: left } = await this.#read({ ...question, rest });
      rows.push(...rowsIn(values, PAGE_VALUES));
      rest = left;
      if (rest) continue;
      if (query.before !== undefined || query.isBackwards) rows.reverse();
      const [isComplete, count] = values as [boolean, number | null];
      return { rows, isComplete, ...(count === null ? {} : { count }) };
    }
  }

  async waiting(store: StoreName, owner: string): Promise<WaitingRows[]> {
    const { values } = await this.#read({ ask: 'waiting', ...named(store), owner: checkKey(owner) });
    const rows: WaitingRows[] = [];
    for (let i = 0; i < values.length; i += 3) {
      const [peer, messages, bytes] = values.slice(i, i + 3) as [string, number, number];
      rows.push({ with: peer, messages, bytes });
    }
    return rows;
  }

  async usage(store: StoreName, owner: string): Promise<ArchiveUsage> {
    const { values } = await this.#read({ ask: 'usage', ...named(store), owner: checkKey(owner) });
    const [rows, bytes, waiting, keepMs, ...ends] = values as [number, number, number, number | null];
    const [oldest, newest] = [placeIn(ends, 0), placeIn(ends, 2)];
    return { rows, bytes, waiting, keepMs: keepMs ?? undefined, oldest, newest };
  }

  async *owners(store: StoreName): AsyncGenerator<string> {
    await this.#options.settled(store.host);
    let after: string | undefined;
    for (;;) {
      const question = { ask: 'owners', ...named(store), ...(after === undefined ? {} : { after }) } as const;
      const { values } = valuesOf(await this.#ask(question), this.#detailsOf(store.name));
      if (values.length === 0) return;
      yield* values as readonly string[];
      after = values.at(-1) as string;
    }
  }

  /** Refuses all questions, and lets the thread close the database. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#obstacle = new StorageError('closed', 'The storage is closed', { driver: this.#options.driver });
    const asked = this.#asked;
    this.#asked = undefined;
    for (const waiting of [...(asked ? [asked] : []), ...this.#waiting.splice(0)])
      waiting.reject(this.#obstacle);
    if (this.#state !== 'not started') await this.#thread.close();
  }

  /** Sees the writes of the owner that were issued before. @throws StorageError */
  async #read(
    question: Exclude<Question, { ask: 'owners' }>,
  ): Promise<Extract<ReadAnswer, { values: unknown }>> {
    const { host, store, owner } = question;
    const written = this.#options.settled(host, owner);
    const answer = await this.#owners.run(`${host}\0${store}\0${owner}`, async () => {
      await written;
      return this.#ask(question);
    });
    return valuesOf(answer, this.#detailsOf(store));
  }

  #ask(question: Question): Promise<ReadAnswer> {
    if (this.#obstacle) {
      const { condition, message, cause } = this.#obstacle;
      const details = { ...this.#detailsOf(question.store), cause };
      return Promise.reject(new StorageError(condition, message, details));
    }
    const answer = new Promise<ReadAnswer>((resolve, reject) => {
      this.#waiting.push({ question, wasLost: false, resolve, reject });
    });
    if (this.#state === 'not started') this.#start();
    this.#next();
    return answer;
  }

  #start(): void {
    this.#state = 'starting';
    this.#thread.open().catch(() => {}); // `refused` has told.
  }

  #ready(): void {
    this.#state = 'up';
    if (!this.#closing) this.#obstacle = undefined;
    this.#next();
  }

  #next(): void {
    if (this.#state !== 'up' || this.#asked) return;
    this.#asked = this.#waiting.shift();
    this.#thread.keepAlive(this.#asked !== undefined);
    if (this.#asked) this.#thread.post(this.#asked.question);
  }

  #answered(answer: ReadAnswer): void {
    const asked = this.#asked;
    this.#asked = undefined;
    this.#next(); // First: the thread works while the caller runs.
    asked?.resolve(answer);
  }

  /** A question may be asked twice, but not a third time: it may have ended both threads. */
  #takeBack(why: Error): void {
    this.#state = 'starting';
    const lost = this.#asked;
    this.#asked = undefined;
    if (!lost) return;
    if (!lost.wasLost) this.#waiting.unshift(lost);
    else lost.resolve({ failed: `the reading thread ended: ${why.message}`, code: 'READER_GONE' });
    lost.wasLost = true;
  }

  #refuseAll(why: StorageError): void {
    this.#obstacle ??= why;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(why);
  }

  #detailsOf(store: string): { driver: string; store: string } {
    return { driver: this.#options.driver, store };
  }
}

function named({ host, name }: StoreName): { host: string; store: string } {
  return { host, store: name };
}

/** @throws StorageError */
function valuesOf(
  answer: ReadAnswer,
  details: { driver: string; store: string },
): Extract<ReadAnswer, { values: unknown }> {
  if ('values' in answer) return answer;
  if ('notFound' in answer)
    throw new StorageError('item-not-found', 'The archive has no row of that id', details);
  throw errorFor(answer, 'Not read', details);
}

function rowsIn(values: readonly Primitive[], first: number): ArchiveRow[] {
  const rows: ArchiveRow[] = [];
  for (let i = first; i < values.length; i += ROW_VALUES) {
    const [id, at, peer, flags, xml] = values.slice(i, i + ROW_VALUES) as [
      string,
      number,
      string,
      number,
      string,
    ];
    rows.push({ id, at, with: peer, flags, xml });
  }
  return rows;
}

function placeIn(values: readonly Primitive[], first: number): ArchivePosition | undefined {
  const [id, at] = values.slice(first, first + 2) as [string | null, number];
  return id === null ? undefined : { id, at };
}
