// Until when the clients of each user have all that it received, on disk. After a server that was killed, archived messages
// that came later wait again: they may have been lost in the queue of a session. So a client without an archive loses
// nothing, and gets twice at most what came in the seconds before.

import type { ArchiveStore, Module } from 'enjamb/api';

declare module 'enjamb/api' {
  interface Items {
    /** When the oldest stanza was sent that a client of the user has not acknowledged, in ms since 1970. */
    'unconfirmed-since': (user: string) => number | undefined;
  }
}

/** The pause between two writes. */
const WRITE_MS = 5_000;
/** A message is archived shortly before it is sent to a client. */
const MARGIN_MS = 1_000;
/** Older messages do not wait again. */
const MAX_AGE_MS = 7 * 24 * 3_600_000;

export class Delivered {
  readonly #module: Module;
  readonly #archive: ArchiveStore;
  /** Users who received something that is not on record. Bounded by the number of accounts. */
  readonly #changed = new Set<string>();
  /** By how much the archive is ahead of the clock after a crash, in ms. A clock that goes back does not make it grow. */
  #leadMs = Number.POSITIVE_INFINITY;

  constructor(module: Module, archive: ArchiveStore) {
    this.#module = module;
    this.#archive = archive;
    module.every(WRITE_MS, () => this.#write());
  }

  /** To be called when a server starts. @throws StorageError */
  async recover(): Promise<void> {
    const { clock, log } = this.#module;
    const messages = await this.#archive.recover(clock.now() - MAX_AGE_MS);
    if (messages > 0) log.info('messages wait again after a stop without warning', { messages });
  }

  /** The user has received a message. */
  note(user: string): void {
    this.#changed.add(user);
  }

  forget(user: string): void {
    this.#changed.delete(user);
  }

  async #write(): Promise<void> {
    const [user] = this.#changed;
    if (user === undefined) return;
    const now = this.#module.clock.now();
    this.#leadMs = Math.min(this.#leadMs, this.#archive.nextId(user).at - now);
    const items = this.#module.items('unconfirmed-since');
    const written = [...this.#changed].map((user) => {
      const unconfirmed = items.map((since) => since(user)).filter((at) => at !== undefined);
      if (unconfirmed.length === 0) this.#changed.delete(user);
      const until = Math.min(now, ...unconfirmed.map((at) => at - MARGIN_MS)) + this.#leadMs;
      return this.#archive.delivered(user, until - 1); // More may be archived in this millisecond.
    });
    await Promise.all(written);
  }
}
