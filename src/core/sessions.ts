// The bound client sessions of one host, by full JID and by account.

import type { C2SSession, Sessions } from '../api/session.ts';
import type { Jid } from '../xml/jid.ts';

const NONE: readonly C2SSession[] = [];

export class SessionTable implements Sessions {
  readonly #byFullJid = new Map<string, C2SSession>();
  readonly #byUser = new Map<string, readonly C2SSession[]>();
  readonly #hold: (user: string) => (() => void) | undefined;
  /** What releases the users of sessions. */
  readonly #holds = new Map<C2SSession, () => void>();

  /** @param hold keeps a user in memory until what it returns is called; `undefined`: users stay there anyway */
  constructor(hold: (user: string) => (() => void) | undefined = () => undefined) {
    this.#hold = hold;
  }

  get size(): number {
    return this.#byFullJid.size;
  }

  get(full: Jid | string): C2SSession | undefined {
    return this.#byFullJid.get(typeof full === 'string' ? full : full.toString());
  }

  of(user: string): readonly C2SSession[] {
    return this.#byUser.get(user) ?? NONE;
  }

  [Symbol.iterator](): Iterator<C2SSession> {
    return this.#byFullJid.values();
  }

  /** Adds a session; it takes the place of the one that has the same address. */
  add(session: C2SSession): void {
    const address = session.jid.toString();
    const former = this.#byFullJid.get(address);
    this.#byFullJid.set(address, session);
    const user = session.jid.local ?? '';
    const others = former === undefined ? this.of(user) : this.of(user).filter((other) => other !== former);
    this.#byUser.set(user, [...others, session]);
    const release = this.#hold(user);
    if (release) this.#holds.set(session, release);
  }

  /** Removes this very session; a successor that took over its address stays. */
  remove(session: C2SSession): void {
    const address = session.jid.toString();
    if (this.#byFullJid.get(address) === session) this.#byFullJid.delete(address);
    const user = session.jid.local ?? '';
    const rest = this.of(user).filter((other) => other !== session);
    if (rest.length > 0) this.#byUser.set(user, rest);
    else this.#byUser.delete(user);
    this.#holds.get(session)?.();
    this.#holds.delete(session);
  }
}
