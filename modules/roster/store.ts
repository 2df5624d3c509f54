// Rosters in memory and on disk. A change takes effect in memory immediately. All changes during a write of the roster
// are part of its next write.
//
//     change ──▶ live ──(no write is running)─▶ being written ──▶ on disk; the promise of each change resolves
//                 ▲──────(more changes)──────────────┘
//
// A failed write also refuses the changes that were made during it, because they build on those of the write.

import type { Module, Table } from 'enjamb/api';
import { type Draft, weightOf } from './item.ts';
import { change, copyOf, EMPTY, itemOf, type LiveRoster, type Roster } from './roster.ts';

/** The size of the listed entries of a roster, as on disk. */
export interface Size {
  readonly contacts: number;
  readonly bytes: number;
}

/** Bytes per ms: at most 2 MiB/s are written for one user. */
const WRITE_RATE = 2 * 1024;
/** Rosters up to this size in bytes are written without a pause. */
const SMALL = 16 * 1024;

export class RosterStore {
  readonly #module: Module;
  readonly #table: Table<Roster>;
  /** Rosters with changes that are not on disk yet. */
  readonly #live = new Map<string, LiveRoster>();
  /** Writes that have not begun, by user. */
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  /** The newest write of each roster in `#live`. */
  readonly #newest = new Map<string, Promise<void>>();
  readonly #sizes = new WeakMap<Roster, Size>();

  constructor(module: Module, table: Table<Roster>) {
    this.#module = module;
    this.#table = table;
    // A reloaded module reads the table, so all changes must be on disk by then.
    module.onUnload(async () => {
      while (this.#live.size > 0)
        await Promise.allSettled([...this.#live.keys()].map((user) => this.#save(user)));
    });
  }

  get(user: string): Roster {
    return this.#live.get(user) ?? this.#table.get(user) ?? EMPTY;
  }

  sizeOf(user: string): Size {
    const roster = this.get(user);
    const known = this.#sizes.get(roster);
    if (known) return known;
    const listed = Object.values(roster.items).filter((item) => item.listed);
    const bytes = listed.reduce((sum, item) => sum + weightOf(item), 0);
    const size = { contacts: listed.length, bytes };
    this.#sizes.set(roster, size);
    return size;
  }

  /** Replaces the contact's entry by `draft`; `undefined` removes it. Resolves when the change is stored. */
  put(user: string, contact: string, draft: Draft | undefined, visible: boolean): Promise<void> {
    const { contacts, bytes } = this.sizeOf(user);
    const roster = this.#live.get(user) ?? copyOf(this.get(user));
    this.#live.set(user, roster);
    const before = itemOf(roster, contact);
    change(roster, contact, draft, { now: this.#module.clock.now(), visible });
    this.#sizes.set(roster, {
      contacts: contacts + listed(draft) - listed(before),
      bytes: bytes + (draft?.listed ? weightOf(draft) : 0) - (before?.listed ? weightOf(before) : 0),
    });
    return this.#save(user);
  }

  /** Whether changes of the user are not on disk yet. */
  isPending(user: string): boolean {
    return this.#live.has(user);
  }

  /** Resolves when all changes of the user are on disk or refused. */
  async settled(user: string): Promise<void> {
    while (this.#live.has(user)) await this.#newest.get(user)?.catch(() => {});
  }

  /** Forgets an account that was deleted. The server removes its stored roster. */
  forget(user: string): void {
    this.#live.delete(user);
    this.#newest.delete(user);
  }

  #save(user: string): Promise<void> {
    const waiting = this.#waiting.get(user);
    if (waiting) return waiting.promise;
    const written = Promise.withResolvers<void>();
    this.#waiting.set(user, written);
    this.#newest.set(user, written.promise);
    this.#module.spawn(
      this.#module.serial(user, async () => {
        if (this.#waiting.get(user) !== written) return; // Refused with the write before it.
        this.#waiting.delete(user);
        try {
          await this.#write(user);
          written.resolve();
        } catch (error) {
          written.reject(error);
          this.#waiting.get(user)?.reject(error);
          this.#waiting.delete(user);
        }
        // The table is authoritative again, unless another write follows.
        if (!this.#waiting.has(user)) this.forget(user);
        await this.#rest(user);
      }),
    );
    return written.promise;
  }

  async #write(user: string): Promise<void> {
    const roster = this.#live.get(user);
    if (roster === undefined) return;
    const row = { ...roster, items: { ...roster.items } };
    this.#sizes.set(row, this.sizeOf(user));
    await this.#table.set(user, row);
  }

  /**
   * Pauses after a large write, so that many small changes of one user do not keep the disk busy. Ends when the module
   * unloads: what waits is written then.
   */
  #rest(user: string): Promise<void> | undefined {
    const { clock, signal } = this.#module;
    const { bytes } = this.sizeOf(user);
    if (bytes <= SMALL || signal.aborted) return undefined;
    return new Promise((resolve) => {
      const end = (): void => {
        signal.removeEventListener('abort', end);
        resolve();
      };
      signal.addEventListener('abort', end);
      clock.after(bytes / WRITE_RATE, end);
    });
  }
}

function listed(item: Draft | undefined): number {
  return item?.listed ? 1 : 0;
}
