// Joins on disk, so that rooms get the leaves of lost clients after a crash (see ghosts.ts). One row per session,
// written at most twice a second, and only after joins and leaves. Large rows, of sessions in hundreds of rooms, are
// written less often.

import { type Clock, Jid, type Logger, type MapStore, type Timer } from 'enjamb/api';

/** One session in one room, or entering or leaving it; `since` in seconds since 1970. Contains no passwords. */
export type JoinRecord = readonly [room: string, nick: string, since: number];

/** The owner is the account, the key the resource. */
export type RecordStore = MapStore<readonly JoinRecord[]>;

export interface RecordParts {
  readonly store: RecordStore;
  readonly log: Logger;
  readonly clock: Clock;
  after(delayMs: number, task: () => Promise<void>): Timer;
  /** The present records of a session, by its full JID. */
  recordsOf(full: string): readonly JoinRecord[];
}

const WRITE_BEHIND_MS = 500;
/** The delay after a failed write. */
const RETRY_MS = 30_000;
/** The most rows, and joins in them, that are written simultaneously; other modules write too. */
const MAX_ROWS = 200;
const MAX_JOINS = 2_000;
/** After its write, a row with more than `SMALL_ROW` joins is not written for this time per join. */
const REST_MS = 10;
const SMALL_ROW = 50;

export class Records {
  readonly #parts: RecordParts;
  /** The sessions whose row is out of date. */
  readonly #stale = new Set<string>();
  /** Sessions with a large row → when it may be written again, in ms of `clock.elapsed`. */
  readonly #resting = new Map<string, number>();
  #timer: Timer | undefined;

  constructor(parts: RecordParts) {
    this.#parts = parts;
  }

  /** Call this when the joins of a session have changed. */
  touch(full: string): void {
    this.#stale.add(full);
    this.#schedule(WRITE_BEHIND_MS);
  }

  /** Writes everything that is out of date. Never rejects. */
  async flush(): Promise<void> {
    this.#resting.clear();
    await this.#flushDue();
  }

  async #flushDue(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const failed: string[] = [];
    let problem: unknown;
    for (let batch = this.#begin(); batch.length > 0; batch = this.#begin()) {
      for (const { full, write } of batch) {
        await write.catch((error: unknown) => {
          failed.push(full);
          problem = error;
        });
      }
    }
    for (const full of failed) this.#stale.add(full);
    if (failed.length > 0)
      this.#parts.log.warn('joins not written', { sessions: failed.length, error: problem });
    if (this.#stale.size > 0) this.#schedule(failed.length > 0 ? RETRY_MS : WRITE_BEHIND_MS);
  }

  /** Starts to write a batch of the rows that may be written now. */
  #begin(): { full: string; write: Promise<void> }[] {
    const now = this.#parts.clock.elapsed();
    const begun: { full: string; write: Promise<void> }[] = [];
    let joins = 0;
    for (const full of this.#stale) {
      if (now < (this.#resting.get(full) ?? 0)) continue;
      this.#stale.delete(full); // First: if `recordsOf` throws, the other sessions are still written.
      const records = this.#parts.recordsOf(full);
      if (records.length > SMALL_ROW) this.#resting.set(full, now + records.length * REST_MS);
      else this.#resting.delete(full);
      const write = this.#write(full, records);
      write.catch(() => {}); // `#flushDue` handles the error.
      begun.push({ full, write });
      joins += records.length;
      if (begun.length >= MAX_ROWS || joins >= MAX_JOINS) break;
    }
    return begun;
  }

  #schedule(delayMs: number): void {
    this.#timer ??= this.#parts.after(delayMs, () => this.#flushDue());
  }

  async #write(full: string, records: readonly JoinRecord[]): Promise<void> {
    const { local = '', resource = '' } = Jid.parse(full);
    if (records.length > 0) await this.#parts.store.set(local, resource, records);
    else await this.#parts.store.delete(local, resource);
  }
}

/** Reads the records of all sessions, by full JID. */
export async function readRecords(
  store: RecordStore,
  domain: string,
): Promise<Map<string, readonly JoinRecord[]>> {
  const found = new Map<string, readonly JoinRecord[]>();
  for await (const [user, sessions] of store.all()) {
    for (const [resource, records] of sessions) found.set(`${user}@${domain}/${resource}`, records);
  }
  return found;
}
