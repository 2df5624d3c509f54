// What `bench archive-large` measures in the archives that it has made.

import { spawnSync } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import type { SqliteStorage } from '../../src/storage/drivers/sqlite.ts';
import { threadSeconds } from '../process.ts';
import { pause } from '../scenario.ts';
import { archiveOf, REMOVED, SEARCHED, wordOf, writeMessage, YEAR_MS } from './rows.ts';

const PAGE = 50;
const PAGES = 500;
const SEARCHES = 50;
const MESSAGES_PER_S = 500;
const MAX_REMOVAL_MS = 600_000;

/** CPU time of this process in seconds, by thread. */
export interface Cpu {
  readonly all: number;
  readonly writing: number;
  readonly reading: number;
}

export async function cpuOf(work: () => Promise<unknown>): Promise<Cpu> {
  const now = () => ({
    all: process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
    writing: threadSeconds(process.pid, 'enjamb-writing'),
    reading: threadSeconds(process.pid, 'enjamb-reading'),
  });
  const before = now();
  await work();
  const after = now();
  return {
    all: after.all - before.all,
    writing: after.writing - before.writing,
    reading: after.reading - before.reading,
  };
}

export interface Times {
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

/** Of a list of durations. */
export function timesOf(samples: readonly number[]): Times {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), most: sorted.at(-1) ?? Number.NaN };
}

/** Removes a file from the cache of the operating system (GNU dd). */
export function forgetCache(file: string): void {
  spawnSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0']);
}

/** Pages of 50 rows at places and of owners that are far from each other. Also the CPU time of this thread for each, in ms. */
export async function pages(
  storage: SqliteStorage,
  { owners, from }: { readonly owners: number; readonly from: number },
): Promise<{ times: Times; ownCpuMs: number }> {
  const archive = archiveOf(storage);
  const samples: number[] = [];
  const cpu = process.threadCpuUsage();
  for (let i = 0; i < PAGES; i++) {
    const end = from + YEAR_MS * (0.1 + (0.9 * ((i * 37) % PAGES)) / PAGES);
    const began = performance.now();
    const { rows } = await archive.page(`u${(i * 101) % owners}`, {
      limit: PAGE,
      end: Math.floor(end),
      isBackwards: true,
    });
    samples.push(performance.now() - began);
    if (rows.length === 0) throw new Error('A page is empty');
  }
  const { user, system } = process.threadCpuUsage(cpu);
  return { times: timesOf(samples), ownCpuMs: (user + system) / 1_000 / PAGES };
}

/** Searches for two words, each time others. */
export async function searches(storage: SqliteStorage, wantsCount: boolean): Promise<Times> {
  const archive = archiveOf(storage);
  const samples: number[] = [];
  for (let i = 0; i < SEARCHES; i++) {
    const began = performance.now();
    await archive.page(SEARCHED, {
      limit: PAGE,
      words: [wordOf(i * 3), wordOf(i * 5 + 1)],
      isBackwards: true,
      wantsCount,
    });
    samples.push(performance.now() - began);
  }
  return timesOf(samples);
}

export interface Removal {
  /** Until the rows and their words are gone. */
  readonly seconds: number;
  /** Of messages that were written meanwhile, until they were on disk. */
  readonly commits: Times;
  readonly messages: number;
  readonly loop: Times;
}

/** Removes an owner while 500 messages a second are written. */
export async function removal(storage: SqliteStorage, file: string): Promise<Removal> {
  const archive = archiveOf(storage);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const commits: number[] = [];
  const written: Promise<void>[] = [];
  const began = performance.now();
  await archive.forget(REMOVED);
  delay.enable();
  let sent = 0;
  for (let checked = began; performance.now() - began < MAX_REMOVAL_MS; ) {
    for (; sent < ((performance.now() - began) * MESSAGES_PER_S) / 1_000; sent++) {
      const started = performance.now();
      written.push(
        writeMessage(storage, archive, sent, ['u0', 'u1']).then(() => {
          commits.push(performance.now() - started);
        }),
      );
    }
    await pause(2);
    if (performance.now() - checked < 2_000) continue;
    checked = performance.now();
    if (isSwept(file)) break;
  }
  await Promise.all(written);
  delay.disable();
  const loop = { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, most: delay.max / 1e6 };
  return { seconds: (performance.now() - began) / 1_000, commits: timesOf(commits), messages: sent, loop };
}

function isSwept(file: string): boolean {
  return withDatabase(file, (db) => {
    const left = `SELECT 1 FROM archive_owner WHERE owner IS NULL
      UNION ALL SELECT 1 FROM archive_text_config WHERE k = 'secure-delete' AND v = 0`;
    return db.prepare(left).get() === undefined;
  });
}

/** Bytes of each table and index. */
export function bytesByTable(file: string): ReadonlyMap<string, number> {
  return withDatabase(file, (db) => {
    const sizes = db.prepare('SELECT name, SUM(pgsize) AS bytes FROM dbstat GROUP BY name').all();
    return new Map((sizes as { name: string; bytes: number }[]).map(({ name, bytes }) => [name, bytes]));
  });
}

function withDatabase<T>(file: string, read: (db: Database.Database) => T): T {
  const db = new Database(file, { readonly: true });
  try {
    return read(db);
  } finally {
    db.close();
  }
}
