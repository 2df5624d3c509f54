// Closes unused streams in order, before the peer does it at a worse moment.

import { HOST_OPTIONS } from '../config/core-options.ts';
import type { LocalHost } from '../core/host.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { S2SStream } from './stream.ts';

const OPTIONS = { s2s_idle_time: HOST_OPTIONS.s2s_idle_time };
/** Interval of the check: a stream may live this much longer than `s2s_idle_time`. */
const CHECK_MS = 15_000;

interface Use {
  /** Stanzas in both directions that were no overhead, when they were counted last. */
  readonly stanzas: number;
  /** When the count was last seen to grow, in ms of `clock.elapsed`. */
  readonly at: number;
}

/** How long a stream may stay unused before it is closed, in ms; may be infinite. */
export function idleTimeOf({ config }: LocalHost): number {
  return config.get(OPTIONS).s2s_idle_time;
}

export class IdleWatch {
  readonly #clock: Clock;
  readonly #sessions: () => readonly S2SStream[];
  readonly #uses = new WeakMap<S2SStream, Use>();
  #timer: Timer | undefined;

  constructor(clock: Clock, sessions: () => readonly S2SStream[]) {
    this.#clock = clock;
    this.#sessions = sessions;
  }

  /** Checks from now on, while there are streams. */
  start(): void {
    this.#timer ??= this.#clock.after(CHECK_MS, () => this.#check());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #check(): void {
    this.#timer = undefined;
    const sessions = this.#sessions();
    if (sessions.length > 0) this.start(); // First: what follows may throw (docs/adr/0024).
    for (const session of sessions) if (this.#isIdle(session)) session.close(undefined, 'idle');
  }

  #isIdle(session: S2SStream): boolean {
    const now = this.#clock.elapsed();
    const limit = idleTimeOf(session.host);
    const use = this.#uses.get(session);
    const stanzas = payloadOf(session);
    if (!use || use.stanzas !== stanzas) {
      this.#uses.set(session, { stanzas, at: use ? now : (session.authenticatedAt ?? now) });
      return false;
    }
    return now - use.at >= limit && !session.isNeeded;
  }
}

/** The stanzas in both directions that are no overhead. */
function payloadOf({ stanzasIn, stanzasOut, overhead }: S2SStream): number {
  return stanzasIn - overhead.in + stanzasOut - overhead.out;
}
