// Links that nobody uses are closed in order; a peer would do it otherwise, at a worse moment.

import { HOST_OPTIONS } from '../config/core-options.ts';
import type { LocalHost } from '../core/host.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { S2SStream } from './stream.ts';

const OPTIONS = { s2s_idle_time: HOST_OPTIONS.s2s_idle_time };
/** How often is looked: a link may live that much longer than it is meant to. */
const CHECK_MS = 15_000;

interface Use {
  /** Stanzas in both directions that mattered to somebody, when they were counted last. */
  readonly stanzas: number;
  /** When the count was last seen to grow, in ms of `clock.elapsed`. */
  readonly at: number;
}

/** After how long without stanzas that matter a stream is closed, in ms; perhaps infinite. */
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

  /** Looks from now on, as long as there is something to look at. */
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
    const stanzas = stanzasThatMatter(session);
    if (!use || use.stanzas !== stanzas) {
      this.#uses.set(session, { stanzas, at: use ? now : (session.authenticatedAt ?? now) });
      return false;
    }
    return now - use.at >= limit && !this.#isNeeded(session);
  }

  #isNeeded({ host, remotes }: S2SStream): boolean {
    return [...remotes].some((remote) => host.hooks.ask('s2s-needed', { remote }) === 'needed');
  }
}

/** Questions whether somebody is there, and their answers, are no use of a link. */
function stanzasThatMatter({ stanzasIn, stanzasOut, state }: S2SStream): number {
  const { asked = 0, answered = 0 } =
    (state as { keepalive?: { asked: number; answered: number } }).keepalive ?? {};
  return stanzasIn + stanzasOut - asked - answered;
}
