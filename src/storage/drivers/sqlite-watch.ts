// Looks at the disk each minute: at its free space, and at the size of the write-ahead log.

import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../../util/clock.ts';
import type { Logger } from '../../util/logger.ts';
import { StorageError } from '../error.ts';

const LOOK_MS = 60_000;
/** While it lasts, a warning is repeated. */
const REPEAT_MS = 3_600_000;
const MAX_LOG_BYTES = 256 * 1024 * 1024;
const MIB = 1024 * 1024;

export interface WatchOptions {
  readonly file: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** With less free space, the administrator is warned. */
  readonly warnFreeBytes: number;
  /** Default: 256 MiB. */
  readonly maxLogBytes?: number;
  /** Moves the write-ahead log into the database. @throws StorageError that says what prevents it */
  checkpoint(): Promise<unknown>;
}

type Warning = 'space' | 'log';

export class DiskWatch {
  readonly #options: WatchOptions;
  /** When each warning that lasts was logged, in the clock's elapsed ms. */
  readonly #warnedAt = new Map<Warning, number>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Looks now, then each minute until `close`. Never rejects. */
  async look(): Promise<void> {
    const { file, clock } = this.#options;
    await this.#lookAtSpace(dirname(file));
    await this.#lookAtLog(`${file}-wal`);
    if (!this.#isClosed) this.#timer = clock.after(LOOK_MS, () => void this.look());
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #lookAtSpace(folder: string): Promise<void> {
    const { warnFreeBytes, log } = this.#options;
    const room = await statfs(folder).catch(() => undefined); // Its absence shows in other errors.
    if (room === undefined) return;
    const free = room.bavail * room.bsize;
    if (free >= warnFreeBytes) {
      if (this.#warnedAt.delete('space')) log.info('enough disk space again', { freeMiB: inMib(free) });
    } else if (this.#isDue('space')) {
      log.warn('little disk space left', { path: folder, freeMiB: inMib(free) });
    }
  }

  /** The log grows while another process reads the database, or if writes never pause. */
  async #lookAtLog(file: string): Promise<void> {
    const { log, maxLogBytes = MAX_LOG_BYTES, checkpoint } = this.#options;
    if ((await sizeOf(file)) <= maxLogBytes) {
      this.#warnedAt.delete('log');
      return;
    }
    const reason = await checkpoint().then(() => undefined, reasonOf);
    if (this.#isClosed || reason === undefined || !this.#isDue('log')) return;
    log.warn('the write-ahead log is large', { sizeMiB: inMib(await sizeOf(file)), reason });
  }

  #isDue(warning: Warning): boolean {
    const now = this.#options.clock.elapsed();
    const last = this.#warnedAt.get(warning);
    if (last !== undefined && now - last < REPEAT_MS) return false;
    this.#warnedAt.set(warning, now);
    return true;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof StorageError ? error.message : String(error);
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

function inMib(bytes: number): number {
  return Math.floor(bytes / MIB);
}
