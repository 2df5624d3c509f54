// Joins on disk, so that after a crash rooms can be told who is gone (see ghosts.ts). Written behind: one row for each
// session, at most once in half a second, however much it joins and leaves; nothing for messages.

import { Jid, type Logger, type MapStore, type Timer } from 'enjamb/api';

/** One session in one room, or on its way in or out; `since` in seconds since 1970. No passwords. */
export type JoinRecord = readonly [room: string, nick: string, since: number];

/** The owner is the account, the key the resource. */
export type RecordStore = MapStore<readonly JoinRecord[]>;

export interface RecordParts {
  readonly store: RecordStore;
  readonly log: Logger;
  after(delayMs: number, task: () => Promise<void>): Timer;
  /** What is to be on disk of this session, by its full JID. */
  recordsOf(full: string): readonly JoinRecord[];
}

const WRITE_BEHIND_MS = 500;
/** After a failed write. */
const RETRY_MS = 30_000;
/** Rows under way at once: other modules write too. */
const AT_ONCE = 200;

export class Records {
  readonly #parts: RecordParts;
  /** The sessions whose row is out of date. */
  readonly #stale = new Set<string>();
  #timer: Timer | undefined;

  constructor(parts: RecordParts) {
    this.#parts = parts;
  }

  /** Something has changed in the rooms of this session. */
  touch(full: string): void {
    this.#stale.add(full);
    this.#schedule(WRITE_BEHIND_MS);
  }

  /** Writes now what is out of date. Never rejects: what could not be written is tried again. */
  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const failures: unknown[] = [];
    for (const batch of inBatches([...this.#stale])) {
      for (const full of batch) this.#stale.delete(full);
      const results = await Promise.allSettled(batch.map((full) => this.#write(full)));
      results.forEach((result, index) => {
        if (result.status === 'fulfilled') return;
        failures.push(result.reason);
        this.#stale.add(batch[index]!);
      });
    }
    if (failures.length === 0) return;
    this.#parts.log.warn('joins not written', { sessions: failures.length, error: failures[0] });
    this.#schedule(RETRY_MS);
  }

  #schedule(delayMs: number): void {
    this.#timer ??= this.#parts.after(delayMs, () => this.flush());
  }

  async #write(full: string): Promise<void> {
    const { local = '', resource = '' } = Jid.parse(full);
    const records = this.#parts.recordsOf(full);
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
  for await (const user of store.owners()) {
    for (const [resource, records] of await store.entries(user)) {
      found.set(`${user}@${domain}/${resource}`, records);
    }
  }
  return found;
}

function* inBatches<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += AT_ONCE) yield all.slice(start, start + AT_ONCE);
}
