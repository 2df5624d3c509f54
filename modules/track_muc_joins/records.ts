// Joins on disk, so that after a crash rooms can be told who is gone (see ghosts.ts). Written behind: one row for each
// session, at most twice in a second, however much it joins and leaves; nothing for messages. The row of a session in
// hundreds of rooms is large, so it is written less often while that goes on joining or leaving.

import { type Clock, Jid, type Logger, type MapStore, type Timer } from 'enjamb/api';

/** One session in one room, or on its way in or out; `since` in seconds since 1970. No passwords. */
export type JoinRecord = readonly [room: string, nick: string, since: number];

/** The owner is the account, the key the resource. */
export type RecordStore = MapStore<readonly JoinRecord[]>;

export interface RecordParts {
  readonly store: RecordStore;
  readonly log: Logger;
  readonly clock: Clock;
  after(delayMs: number, task: () => Promise<void>): Timer;
  /** What is to be on disk of this session, by its full JID. */
  recordsOf(full: string): readonly JoinRecord[];
}

const WRITE_BEHIND_MS = 500;
/** After a failed write. */
const RETRY_MS = 30_000;
/** Rows, and joins in them, under way at once: other modules write too. */
const ROWS_AT_ONCE = 200;
const JOINS_AT_ONCE = 2_000;
/** After a row was written it rests so long for each join in it, beyond those that cost next to nothing. */
const REST_MS = 10;
const LIGHT = 50;

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

  /** Something has changed in the rooms of this session. */
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

  /** Begins to write some rows of those that may be written now. */
  #begin(): { full: string; write: Promise<void> }[] {
    const now = this.#parts.clock.elapsed();
    const begun: { full: string; write: Promise<void> }[] = [];
    let joins = 0;
    for (const full of this.#stale) {
      if (now < (this.#resting.get(full) ?? 0)) continue;
      this.#stale.delete(full); // First: if the next line throws, the other sessions are still written.
      const records = this.#parts.recordsOf(full);
      if (records.length > LIGHT) this.#resting.set(full, now + records.length * REST_MS);
      else this.#resting.delete(full);
      const write = this.#write(full, records);
      write.catch(() => {}); // Looked at in its turn.
      begun.push({ full, write });
      joins += records.length;
      if (begun.length >= ROWS_AT_ONCE || joins >= JOINS_AT_ONCE) break;
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

/** All that the last run of the server has left on disk: the rooms of each session, by its full JID. */
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
