// How much sleeping clients are given: their stanzas wait in a bounded queue (XEP-0198), and a session whose queue is full ends.

import type { C2SSession } from 'enjamb/api';

/** Messages while a client sleeps. After that, further rooms wait until it is awake. */
const MAX_MESSAGES = 500;

export class Sleepers {
  readonly #given = new WeakMap<C2SSession, number>();

  /** Whether this client can be joined to one more room. */
  takes(session: C2SSession): boolean {
    return session.connected || (this.#given.get(session) ?? 0) < MAX_MESSAGES;
  }

  given(session: C2SSession, messages: number): void {
    if (!session.connected) this.#given.set(session, (this.#given.get(session) ?? 0) + messages);
  }

  woke(session: C2SSession): void {
    this.#given.delete(session);
  }
}
