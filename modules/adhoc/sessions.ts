// The open forms: sent, but not submitted (XEP-0050 §3.3).

import { BoundedMap, type Clock, type Jid, newId } from 'enjamb/api';

/** The lifetime of an open form. */
const LIFETIME_MS = 15 * 60_000;
const MAX_PER_ASKER = 10;
const MAX_SESSIONS = 200;

interface Session {
  readonly asker: string;
  readonly node: string;
  readonly until: number;
}

export class Sessions {
  readonly #clock: Clock;
  readonly #sessions = new BoundedMap<string, Session>(MAX_SESSIONS);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Opens a form and returns its id. Drops the oldest form if too many are open. */
  open(asker: Jid, node: string, id = newId()): string {
    const now = this.#clock.elapsed();
    for (const [id, { until }] of this.#sessions) if (until <= now) this.#sessions.delete(id);
    const own = [...this.#sessions].filter(([, session]) => session.asker === `${asker}`);
    if (own.length >= MAX_PER_ASKER) this.#sessions.delete(own[0]![0]);
    this.#sessions.set(id, { asker: `${asker}`, node, until: now + LIFETIME_MS });
    return id;
  }

  /** The node of a form; `undefined` if there is none, or if another user has opened it. */
  nodeOf(id: string, asker: Jid): string | undefined {
    const session = this.#sessions.get(id);
    if (session?.asker !== `${asker}` || session.until <= this.#clock.elapsed()) return undefined;
    return session.node;
  }

  close(id: string): void {
    this.#sessions.delete(id);
  }
}
