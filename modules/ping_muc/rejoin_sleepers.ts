// Clients that sleep and are joined again meanwhile: one room at a time, for what rooms send waits in a queue that is
// limited (XEP-0198), and a session whose queue is full is over.

import type { C2SSession, Timer } from 'enjamb/api';
import type { Context } from './context.ts';
import type { Waiting } from './rejoin.ts';

interface Sleeper {
  readonly waiting: Waiting[];
  /** What the client had been sent when this began. */
  readonly stanzasOut: number;
  /** The room whose answer is waited for. */
  room: string | undefined;
  timer: Timer | undefined;
}

/** How long a room may take to answer. */
const ANSWER_MS = 10_000;
/** Once rooms have sent so much, the others have to wait until the client is awake. */
const MAX_STANZAS = 1_000;

export class Sleepers {
  readonly #context: Context;
  readonly #send: (waiting: Waiting) => boolean;
  readonly #all = new Map<C2SSession, Sleeper>();

  /** `send` answers whether the room will have something to say. */
  constructor(context: Context, send: (waiting: Waiting) => boolean) {
    this.#context = context;
    this.#send = send;
  }

  /** Whether this client, asleep, can be joined to one more room. */
  takes(session: C2SSession): boolean {
    const sleeper = this.#all.get(session);
    return sleeper === undefined || !isFull(session, sleeper);
  }

  add(waiting: Waiting): void {
    const { session } = waiting;
    const sleeper = this.#all.get(session) ?? {
      waiting: [],
      stanzasOut: session.stanzasOut,
      room: undefined,
      timer: undefined,
    };
    this.#all.set(session, sleeper);
    sleeper.waiting.push(waiting);
    this.#next(session, sleeper);
  }

  /** The room has answered, one way or the other. */
  answered(session: C2SSession, room: string): void {
    const sleeper = this.#all.get(session);
    if (sleeper?.room === room) this.#done(session, sleeper);
  }

  /** The client is awake, or gone. */
  forget(session: C2SSession): void {
    this.#all.get(session)?.timer?.cancel();
    this.#all.delete(session);
  }

  #next(session: C2SSession, sleeper: Sleeper): void {
    while (sleeper.room === undefined && !isFull(session, sleeper)) {
      const waiting = sleeper.waiting.shift();
      if (waiting === undefined) return;
      sleeper.room = waiting.occupant.bare;
      if (this.#send(waiting))
        sleeper.timer = this.#context.after(ANSWER_MS, () => this.#done(session, sleeper));
      else sleeper.room = undefined;
    }
  }

  #done(session: C2SSession, sleeper: Sleeper): void {
    sleeper.timer?.cancel();
    sleeper.room = undefined;
    // Not in this tick: a join that is refused is reported before its client has the error.
    sleeper.timer = this.#context.after(0, () => this.#next(session, sleeper));
  }
}

function isFull({ stanzasOut }: C2SSession, sleeper: Sleeper): boolean {
  return stanzasOut - sleeper.stanzasOut > MAX_STANZAS;
}
