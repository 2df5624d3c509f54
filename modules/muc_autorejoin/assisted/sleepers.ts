// Sleeping clients are joined to one room at a time, because the stanzas of rooms wait in a bounded queue (XEP-0198), and a
// session whose queue is full ends.

import type { C2SSession, Module, Timer } from 'enjamb/api';

/** A join that waits. */
export interface SleepersJoin {
  readonly session: C2SSession;
  readonly occupant: { readonly bare: string };
}

interface Sleeper<W> {
  readonly waiting: W[];
  /** The session's count of stanzas when its first join began. */
  readonly stanzasOut: number;
  /** The room whose answer is awaited. */
  room: string | undefined;
  timer: Timer | undefined;
}

/** How long a room may take to answer. */
const ANSWER_MS = 10_000;
/** Once rooms have sent this many stanzas, the others wait until the client is awake. */
const MAX_STANZAS = 1_000;

export class Sleepers<W extends SleepersJoin> {
  readonly #module: Pick<Module, 'after'>;
  readonly #send: (waiting: W) => boolean;
  readonly #all = new Map<C2SSession, Sleeper<W>>();

  /** `send` returns whether the room will answer. */
  constructor(module: Pick<Module, 'after'>, send: (waiting: W) => boolean) {
    this.#module = module;
    this.#send = send;
  }

  /** Whether this sleeping client can be joined to one more room. */
  takes(session: C2SSession): boolean {
    const sleeper = this.#all.get(session);
    return sleeper === undefined || !isFull(session, sleeper);
  }

  add(waiting: W): void {
    const { session } = waiting;
    const sleeper: Sleeper<W> = this.#all.get(session) ?? {
      waiting: [],
      stanzasOut: session.stanzasOut,
      room: undefined,
      timer: undefined,
    };
    this.#all.set(session, sleeper);
    sleeper.waiting.push(waiting);
    this.#next(session, sleeper);
  }

  /** The room has answered. */
  answered(session: C2SSession, room: string): void {
    const sleeper = this.#all.get(session);
    if (sleeper?.room === room) this.#done(session, sleeper);
  }

  /** The client is awake, or gone. */
  forget(session: C2SSession): void {
    this.#all.get(session)?.timer?.cancel();
    this.#all.delete(session);
  }

  #next(session: C2SSession, sleeper: Sleeper<W>): void {
    while (sleeper.room === undefined && !isFull(session, sleeper)) {
      const waiting = sleeper.waiting.shift();
      if (waiting === undefined) return;
      sleeper.room = waiting.occupant.bare;
      if (this.#send(waiting))
        sleeper.timer = this.#module.after(ANSWER_MS, () => this.#done(session, sleeper));
      else sleeper.room = undefined;
    }
  }

  #done(session: C2SSession, sleeper: Sleeper<W>): void {
    sleeper.timer?.cancel();
    sleeper.room = undefined;
    // Not in this tick: a join that is refused is reported before its client has the error.
    sleeper.timer = this.#module.after(0, () => this.#next(session, sleeper));
  }
}

function isFull({ stanzasOut }: C2SSession, sleeper: { readonly stanzasOut: number }): boolean {
  return stanzasOut - sleeper.stanzasOut > MAX_STANZAS;
}
