// `npm run bench archive-large -- [--rows 10000000] [--owners 2000] [--folder DIR] [--json FILE]`
//
// Fills archives directly through the SQLite driver, then measures how they are read, searched, cleaned and copied.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { backUp } from '../../src/storage/backup.ts';
import { SqliteStorage } from '../../src/storage/drivers/sqlite.ts';
import { Table } from '../limits-table.ts';
import { bytesByTable, cpuOf, forgetCache, pages, removal, searches, type Times } from './parts.ts';
import { archiveOf, fill, SetClock, type Sizes, YEAR_MS } from './rows.ts';

const FILE = 'enjamb.sqlite';
const US = 1e6;

export async function archiveLarge(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '10000000' },
      owners: { type: 'string', default: '2000' },
      folder: { type: 'string', default: tmpdir() },
      json: { type: 'string' },
    },
  });
  const rows = Number(values.rows);
  const removed = Math.min(1_000_000, rows / 10);
  const sizes = { rows, owners: Number(values.owners), searched: Math.min(100_000, rows / 10), removed };
  const folder = await mkdtemp(join(values.folder, 'enjamb-archive-'));
  try {
    const table = new Table();
    await new LargeArchives(folder, sizes, table).measure();
    table.print();
    if (values.json !== undefined) await writeFile(values.json, table.json());
    if (!table.isMet) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

class LargeArchives {
  readonly #folder: string;
  readonly #file: string;
  readonly #sizes: Sizes;
  readonly #table: Table;
  readonly #from = Date.now() - YEAR_MS;
  readonly #clock = new SetClock(this.#from);

  constructor(folder: string, sizes: Sizes, table: Table) {
    this.#folder = folder;
    this.#file = join(folder, FILE);
    this.#sizes = sizes;
    this.#table = table;
  }

  async measure(): Promise<void> {
    const filled = await SqliteStorage.open(this.#folder, { clock: this.#clock });
    await this.#fill(filled);
    await this.#index(filled);
    await filled.close();
    this.#bytes();
    forgetCache(this.#file);
    const storage = await this.#start();
    await this.#read(storage);
    await this.#clean(storage);
    await storage.close();
    this.#backUp();
  }

  async #fill(storage: SqliteStorage): Promise<void> {
    const { rows } = this.#sizes;
    const began = performance.now();
    const cpu = await cpuOf(() =>
      fill(storage, this.#clock, this.#sizes, (done) => say(`${done} of ${rows} rows`)),
    );
    this.#table.add('rows stored per second', rows / ((performance.now() - began) / 1_000), '', {});
    this.#table.add('CPU of the writing thread per row', (cpu.writing / rows) * US, 'µs', { most: 30 });
    this.#table.add('CPU of all threads per row', (cpu.all / rows) * US, 'µs', {});
  }

  async #index(storage: SqliteStorage): Promise<void> {
    say('indexing');
    const cpu = await cpuOf(() => storage.whileIdle({ do: 'index' }));
    this.#table.add('CPU of the index per row', (cpu.writing / this.#sizes.rows) * US, 'µs', { most: 7.5 });
  }

  #bytes(): void {
    say('counting bytes');
    const { rows } = this.#sizes;
    let [archive, text] = [0, 0];
    for (const [name, bytes] of bytesByTable(this.#file)) {
      if (name.startsWith('archive_text')) text += bytes;
      else archive += bytes;
      if (bytes > rows) this.#table.add(`bytes per row in ${name}`, bytes / rows, '', {});
    }
    this.#table.add('bytes per row, without the index of words', archive / rows, '', { most: 480 });
    this.#table.add('bytes per row in the index of words', text / rows, '', { most: 80 });
  }

  async #start(): Promise<SqliteStorage> {
    this.#clock.set(Date.now());
    const began = performance.now();
    const storage = await SqliteStorage.open(this.#folder, { clock: this.#clock });
    this.#table.add('start', performance.now() - began, 'ms', { most: 1_000 });
    return storage;
  }

  async #read(storage: SqliteStorage): Promise<void> {
    say('reading');
    const places = { owners: this.#sizes.owners, from: this.#from };
    const cold = await pages(storage, places);
    this.#times('page of 50, cold', cold.times, { p99: 200 });
    const warm = await pages(storage, places);
    this.#times('page of 50, warm', warm.times, { p99: 2 });
    this.#table.add('CPU of the event loop per page', warm.ownCpuMs, 'ms', { most: 1 });
    this.#times('search for two words', await searches(storage, false), { p99: 50 });
    this.#times('search for two words, with the count', await searches(storage, true), { p99: 50 });
  }

  async #clean(storage: SqliteStorage): Promise<void> {
    say('removing old rows');
    const before = this.#from + YEAR_MS / 200;
    let expired = 0;
    const cpu = await cpuOf(async () => {
      expired = await archiveOf(storage).expire({ now: this.#clock.now(), before });
    });
    this.#table.add('rows that expired', expired, '', {});
    this.#table.add('CPU of the writing thread per expired row', (cpu.writing / expired) * US, 'µs', {});
    say('removing an owner');
    const { seconds, commits, messages, loop } = await removal(storage, this.#file);
    this.#table.add(`removal of ${this.#sizes.removed} rows`, seconds, 's', {});
    this.#table.add('messages written meanwhile', messages, '', {});
    this.#times('their commit', commits, { p99: 60 });
    this.#times('delay of the event loop', loop, {});
  }

  #backUp(): void {
    say('copying');
    const began = performance.now();
    const { bytes } = backUp(this.#file, join(this.#folder, 'copy.sqlite'));
    this.#table.add('backup', (performance.now() - began) / 1_000, 's', {});
    this.#table.add('its size', bytes / 2 ** 20, 'MiB', {});
  }

  #times(what: string, { p50, p99, most }: Times, limit: { readonly p99?: number }): void {
    this.#table.add(`${what}: p50`, p50, 'ms', {});
    this.#table.add(`${what}: p99`, p99, 'ms', limit.p99 === undefined ? {} : { most: limit.p99 });
    this.#table.add(`${what}: longest`, most, 'ms', {});
  }
}

function say(what: string): void {
  process.stderr.write(`${new Date().toISOString()} ${what}\n`);
}
