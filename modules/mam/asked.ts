// Which messages clients have asked the archive for. They do not get them a second time when they become available
// (XEP-0313 §5.1.1).

import type { ArchiveStore, C2SSession, Module } from 'enjamb/api';
import type {} from 'enjamb/api/stream';
import type { MamQuery } from 'enjamb/xep';

declare module 'enjamb/api' {
  interface C2SState {
    /** The messages that the client has asked the archive for. Owned by mam. */
    askedMessages?: AskedMessages;
  }
  interface Exports {
    mam: Pick<Asked, 'hasAsked'>;
  }
}

/** Archived in this time, in ms since 1970. JSON. */
export interface AskedMessages {
  /** Inclusive; absent: from the beginning. */
  readonly since?: number;
  /** Exclusive. */
  readonly until: number;
}

export class Asked {
  readonly #archive: ArchiveStore;

  constructor(module: Module, archive: ArchiveStore) {
    this.#archive = archive;
    module.provide('session-part', {
      name: 'mam',
      save: ({ state: { askedMessages } }) => askedMessages && { ...askedMessages },
      load(session, saved) {
        session.state.askedMessages = saved as unknown as AskedMessages;
      },
    });
  }

  /**
   * Whether the client has got a message that was archived at this time, or will get it as a result of its query, so that it
   * need not be delivered. `at`: in ms since 1970.
   */
  hasAsked({ state: { askedMessages } }: C2SSession, at: number): boolean {
    return askedMessages !== undefined && at >= (askedMessages.since ?? 0) && at < askedMessages.until;
  }

  /** Notes a query of a client. Returns the function that forgets it, for a query that fails. */
  note(session: C2SSession, query: MamQuery): () => void {
    const { state } = session;
    const before = state.askedMessages;
    const now = this.#archive.nextId(session.jid.local ?? '').at; // After a crash it is ahead of the clock.
    if (!isForNewest(query, now)) return () => {};
    const { start } = query;
    // Between an earlier query and a later `start`, there may be messages that the client has not asked for.
    if (before && start !== undefined && start > before.until) return () => {};
    const since = before ? earlier(before.since, start) : start;
    state.askedMessages = since === undefined ? { until: now } : { since, until: now };
    return () => {
      if (before) state.askedMessages = before;
      else delete state.askedMessages;
    };
  }
}

/** Whether the client goes on until it has all messages up to the newest one. */
function isForNewest(query: MamQuery, now: number): boolean {
  const { with: other, ids, fulltext, end, beforeId, page } = query;
  if (other !== undefined || ids !== undefined || fulltext !== undefined || beforeId !== undefined)
    return false;
  return page?.max !== 0 && !page?.before && (end === undefined || end >= now);
}

/** `undefined`: from the beginning. */
function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : Math.min(one, other);
}
