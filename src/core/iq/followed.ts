// Requests of clients that modules follow: each passes as it is, and its answer is shown to the module first.
//
// Both the id and the address are the client's, so that two requests may have the same: one answer then settles both.

import type { StanzaEvent } from '../../api/events.ts';
import type { FollowIq, IqAnswer } from '../../api/iq.ts';
import type { C2SSession } from '../../api/session.ts';
import type { Clock, Timer } from '../../util/clock.ts';
import type { Faults } from '../../util/faults.ts';
import { detach } from '../../xml/names.ts';
import { answerOf } from './answer.ts';
import type { Asker } from './question.ts';

/** How long a request is followed. */
const FOLLOW_MS = 10 * 60_000;
/** Requests of one session. Beyond that its oldest one is not followed any more. */
const MAX_PER_SESSION = 100;
/** Requests of all sessions. Each takes about 250 bytes, and what its `onAnswer` holds. */
export const MAX_FOLLOWED = 200_000;
/** Longer ids are not followed: no client uses them. */
const MAX_ID_CHARS = 256;

interface Followed {
  readonly session: C2SSession;
  readonly id: string;
  /** The prepared address that was asked. */
  readonly to: string;
  readonly asker: Asker;
  readonly onAnswer: FollowIq;
  readonly expiresAt: number;
}

export class FollowedIqs {
  readonly #clock: Clock;
  readonly #faults: Faults;
  /** The oldest first. */
  readonly #all = new Set<Followed>();
  readonly #bySession = new Map<C2SSession, Set<Followed>>();
  #timer: Timer | undefined;

  constructor(clock: Clock, faults: Faults) {
    this.#clock = clock;
    this.#faults = faults;
  }

  get size(): number {
    return this.#all.size;
  }

  /** The server stops: nothing is followed any more. */
  close(): void {
    this.#timer?.cancel();
    this.#all.clear();
    this.#bySession.clear();
  }

  /** Follows a request (RFC 6120 §8.2.3). Returns false where its id is too long for that. */
  follow(
    asker: Asker,
    { stanza, to, origin: session }: Readonly<StanzaEvent<C2SSession>>,
    onAnswer: FollowIq,
  ): boolean {
    const { id = '' } = stanza.attrs;
    if (id.length > MAX_ID_CHARS) return false;
    const own = this.#bySession.get(session) ?? new Set<Followed>();
    const oldest = own.size < MAX_PER_SESSION ? undefined : first(own);
    if (oldest) this.#giveUp(oldest);
    else if (this.#all.size >= MAX_FOLLOWED) this.#giveUp(first(this.#all)!);
    const expiresAt = this.#clock.elapsed() + FOLLOW_MS;
    const followed = { session, id: detach(id), to: `${to}`, asker, onAnswer, expiresAt };
    this.#all.add(followed);
    this.#bySession.set(session, own.add(followed));
    this.#timer ??= this.#clock.after(FOLLOW_MS, () => this.#expire());
    return true;
  }

  /** Shows an answer to those who follow its request. Returns true if one of them keeps it from the client. */
  take(event: StanzaEvent, session: C2SSession | undefined): boolean {
    const own = session && this.#bySession.get(session);
    if (own === undefined) return false;
    const [id, from] = [event.stanza.attrs.id ?? '', `${event.from}`];
    let isTaken = false;
    for (const followed of [...own]) {
      if (followed.id !== id || followed.to !== from) continue;
      this.#forget(followed);
      if (this.#tell(followed, answerOf(event, false)) === 'handled') isTaken = true;
    }
    return isTaken;
  }

  /** A session has ended. */
  ended(session: C2SSession): void {
    for (const followed of this.#bySession.get(session) ?? []) this.#giveUp(followed);
  }

  /** The module has gone: it is told nothing any more. */
  unfollow(asker: Asker): void {
    for (const followed of this.#all) if (followed.asker === asker) this.#forget(followed);
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.elapsed();
    for (const followed of this.#all) {
      if (followed.expiresAt > now) {
        this.#timer = this.#clock.after(followed.expiresAt - now, () => this.#expire());
        return;
      }
      this.#giveUp(followed);
    }
  }

  #giveUp(followed: Followed): void {
    this.#forget(followed);
    this.#tell(followed, { kind: 'timeout' });
  }

  #forget(followed: Followed): void {
    const { session } = followed;
    this.#all.delete(followed);
    const own = this.#bySession.get(session);
    own?.delete(followed);
    if (own?.size === 0) this.#bySession.delete(session);
  }

  #tell({ onAnswer, asker }: Followed, answer: IqAnswer): 'handled' | undefined {
    try {
      return onAnswer(answer) === 'handled' ? 'handled' : undefined;
    } catch (error) {
      this.#faults.report('handler', error, { module: asker.name });
      return undefined;
    }
  }
}

function first<T>(all: Iterable<T>): T | undefined {
  for (const one of all) return one;
  return undefined;
}
