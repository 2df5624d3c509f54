// Messages that a client may be sending a second time, because its session ended before it heard that they had arrived.

import { type C2SSession, type Module, type NewArchiveRow, NS, type Stanza } from 'enjamb/api';

/** How long after it was bound a client sends again what it has left. */
const RESENDING_MS = 60_000;
/** The age of a message that may be sent again. */
const MAX_AGE_MS = 15 * 60_000;
/** Longer ids are not compared. */
const MAX_ID = 256;
/** The messages of a session that are compared, since that costs the disk much more than to store them. */
const MAX_CHECKS = 200;

export class Resent {
  readonly #module: Module;
  /** In ms of `clock.elapsed`. */
  readonly #startedAt: number;
  /** Clients that have tried to resume a session on the stream on which they bind another one. */
  readonly #failed: WeakSet<C2SSession>;
  readonly #checks = new WeakMap<C2SSession, number>();

  constructor(module: Module) {
    this.#module = module;
    this.#startedAt = module.keep('started', () => module.clock.elapsed());
    this.#failed = module.keep('failed', () => new WeakSet());
    module.observe('c2s-unbound-nonza', ({ session, element }) => {
      if (element.is('resume', NS.SM)) this.#failed.add(session);
    });
  }

  /** What tells whether a message is in the archive already; `undefined` for a message that is new. */
  check(session: C2SSession, message: Stanza): NewArchiveRow['unlessSent'] {
    const { clock } = this.#module;
    const now = clock.now();
    if (now - session.boundAt >= RESENDING_MS) return undefined;
    if (clock.elapsed() - this.#startedAt >= MAX_AGE_MS && !this.#failed.has(session)) return undefined;
    const originId = message.getChild('origin-id', NS.STANZA_ID)?.attrs.id;
    const ids = [message.attrs.id, originId]
      .filter((id) => id !== undefined)
      .filter((id) => id.length <= MAX_ID);
    return ids.length > 0 && this.#mayCheck(session) ? { ids, since: now - MAX_AGE_MS } : undefined;
  }

  #mayCheck(session: C2SSession): boolean {
    const checks = (this.#checks.get(session) ?? 0) + 1;
    this.#checks.set(session, checks);
    return checks <= MAX_CHECKS;
  }
}
