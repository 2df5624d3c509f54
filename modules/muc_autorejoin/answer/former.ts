// Clients that have left a room while the server was joining for them. They must not see the answer to that join.

import { BoundedMap, type C2SSession, type Jid } from 'enjamb/api';
import type { Place } from '../memory/memory.ts';

/** The time in which the answer arrives. */
const ANSWER_MS = 30_000;
const MAX_CLIENTS = 10_000;

export class FormerClients {
  readonly #now: () => number;
  /** By client and room → until when. */
  readonly #until = new BoundedMap<string, number>(MAX_CLIENTS);

  constructor(now: () => number) {
    this.#now = now;
  }

  add({ session, room }: Place): void {
    this.#until.set(`${session.jid} ${room.jid}`, this.#now() + ANSWER_MS);
  }

  /** The client joins by itself, so the next answer is for it. */
  remove(session: C2SSession, room: string): void {
    if (this.#until.size > 0) this.#until.delete(`${session.jid} ${room}`);
  }

  /** Whether a stanza is part of such an answer. `isFarewell`: it confirms the leave, which the client must see. */
  isAnswer(to: Jid, room: string, isFarewell: boolean): boolean {
    if (this.#until.size === 0) return false;
    const key = `${to} ${room}`;
    const until = this.#until.get(key);
    if (until === undefined) return false;
    if (!isFarewell && until > this.#now()) return true;
    this.#until.delete(key);
    return false;
  }
}
