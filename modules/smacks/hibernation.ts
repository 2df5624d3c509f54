// Sessions whose client has lost its connection and may come back (§5), and what is remembered of those given up.

import { BoundedMap, type C2SSession, type Module, newId, StreamError } from 'enjamb/api';
import type { Inbound } from './inbound.ts';
import type { StreamManagement } from './state.ts';

export interface HibernationLimits {
  readonly timeMs: number;
  readonly maxPerAccount: number;
}

/** A session that is over: how much of what its client sent was handled. */
export interface EndedSession {
  readonly id: string;
  readonly inbound: Pick<Inbound, 'h'>;
}

/** By account, the one that ended last at the end. */
export type EndedSessions = BoundedMap<string, readonly EndedSession[]>;

const MAX_ACCOUNTS = 10_000;

export class Hibernation {
  readonly ended: EndedSessions;
  readonly #module: Module;
  readonly #limits: HibernationLimits;

  constructor(module: Module, limits: HibernationLimits) {
    this.#module = module;
    this.#limits = limits;
    this.ended = module.keep('ended', endedSessions);
  }

  /** What a client that wants to be able to come back is told; `max` is in seconds, the shorter of both wishes. */
  offer(wish: number | undefined): { id: string; max: number } {
    const most = Math.floor(this.#limits.timeMs / 1000);
    return { id: newId(), max: Math.min(wish ?? most, most) };
  }

  /** The session's stream is gone. False when its client does not want to come back. */
  begin(session: C2SSession, management: StreamManagement): boolean {
    this.end(management);
    if (management.id === undefined) return false;
    const { clock } = this.#module;
    management.asleepSince = clock.elapsed();
    // The clock's own timer: nobody is kept for ever because the module was unloaded meanwhile.
    management.sleepTimer = clock.after(management.maxMs, () =>
      session.close(new StreamError('connection-timeout', 'Not resumed in time')),
    );
    this.#makeRoom(session);
    return true;
  }

  /** The client is back, or gone for good. */
  end(management: StreamManagement): void {
    management.asleepSince = undefined;
    management.sleepTimer?.cancel();
    management.sleepTimer = undefined;
    management.isResuming = false;
    management.resumeTimer?.cancel();
    management.resumeTimer = undefined;
    management.inbound.whenIdle = undefined;
  }

  /** The session is over. A client that did not end it itself may ask for it, and is told what was handled. */
  forget({ jid }: C2SSession, management: StreamManagement, error: Error | undefined): void {
    this.end(management);
    const { id, inbound } = management;
    if (id === undefined || error === undefined) return;
    rememberEnded(this.ended, jid.bare, { id, inbound }, this.#limits.maxPerAccount);
  }

  #makeRoom(newest: C2SSession): void {
    const { sessions } = this.#module.host;
    const asleep = sessions.of(newest.jid.local ?? '').filter(({ state }) => state.smacks?.asleepSince);
    if (asleep.length <= this.#limits.maxPerAccount) return;
    const oldest = asleep.reduce((a, b) => (sleptFrom(b) < sleptFrom(a) ? b : a));
    oldest.close(new StreamError('resource-constraint', 'Too many clients of this account are away'));
  }
}

/** Of no account yet. */
export function endedSessions(): EndedSessions {
  return new BoundedMap(MAX_ACCOUNTS);
}

/** Of each account the last ones are kept, and of all accounts those whose sessions ended last. */
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
