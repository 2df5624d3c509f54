// Sessions whose client has lost its connection and may resume (§5), and the counters of ended sessions.

import { BoundedMap, type C2SSession, type Module, newId, StreamError } from 'enjamb/api';
import { streams } from 'enjamb/api/stream';
import type { Handled } from '../inbound.ts';
import type { Client } from './clients.ts';

export interface SleepLimits {
  readonly timeMs: number;
  readonly maxPerAccount: number;
}

/** The counter of an ended session. It grows while stanzas of the client are still being handled. */
export interface EndedSession {
  readonly id: string;
  readonly inbound: Readonly<Handled>;
}

/** By account. The last session in each list ended last. */
export type EndedSessions = BoundedMap<string, readonly EndedSession[]>;

const MAX_ACCOUNTS = 10_000;

export class Sleep {
  readonly ended: EndedSessions;
  readonly #module: Module;
  readonly #limits: SleepLimits;

  constructor(module: Module, limits: SleepLimits) {
    this.#module = module;
    this.#limits = limits;
    this.ended = module.keep('ended', endedSessions);
  }

  /** The id and `max`, in seconds, for a client that wants to resume: the shorter of its wish and our limit. */
  offer(wish: number | undefined): { id: string; max: number } {
    const most = Math.floor(this.#limits.timeMs / 1000);
    return { id: newId(), max: Math.min(wish ?? most, most) };
  }

  /**
   * The session has no stream. Returns false if its client does not want to resume it.
   * @param sleptMs how long it has slept before, in another process
   * @param restMs how long it may sleep from now on
   */
  begin(client: Client, sleptMs = 0, restMs = client.state.maxMs): boolean {
    this.end(client);
    const { session, state } = client;
    if (state.id === undefined) return false;
    const { serverClock: clock } = streams(this.#module);
    state.asleepSince = clock.elapsed() - sleptMs;
    // The timer survives the module. Otherwise the session would sleep for ever if the module were unloaded.
    client.sleepTimer = clock.after(restMs, () =>
      session.close(new StreamError('connection-timeout', 'Not resumed in time')),
    );
    this.#makeRoom(session);
    return true;
  }

  /** The client has resumed, or the session has ended. */
  end(client: Client): void {
    client.state.asleepSince = undefined;
    client.sleepTimer?.cancel();
    client.sleepTimer = undefined;
    client.isResuming = false;
    client.resumeTimer?.cancel();
    client.resumeTimer = undefined;
    client.inbound.whenIdle = undefined;
  }

  /** The session has ended. A client that did not end it may still ask for it, and gets its counter. */
  forget(client: Client, error: Error | undefined): void {
    this.end(client);
    const { id, inbound } = client.state;
    if (id === undefined || error === undefined) return;
    rememberEnded(this.ended, client.session.jid.bare, { id, inbound }, this.#limits.maxPerAccount);
  }

  #makeRoom(newest: C2SSession): void {
    const { sessions } = this.#module.host;
    const asleep = sessions
      .of(newest.jid.local ?? '')
      .filter(({ state }) => state.smacks?.asleepSince !== undefined);
    if (asleep.length <= this.#limits.maxPerAccount) return;
    const oldest = asleep.reduce((a, b) => (sleptFrom(b) < sleptFrom(a) ? b : a));
    oldest.close(new StreamError('resource-constraint', 'Too many clients of this account are away'));
  }
}

/** Empty: no session has ended yet. */
export function endedSessions(): EndedSessions {
  return new BoundedMap(MAX_ACCOUNTS);
}

/** Keeps the last `maxPerAccount` sessions of an account, and the accounts whose sessions ended last. */
export function rememberEnded(
  all: EndedSessions,
  account: string,
  session: EndedSession,
  maxPerAccount: number,
): void {
  const sessions = [...(all.get(account) ?? []), session].slice(-maxPerAccount);
  all.set(account, sessions);
}

function sleptFrom({ state }: C2SSession): number {
  return state.smacks?.asleepSince ?? Number.POSITIVE_INFINITY;
}
