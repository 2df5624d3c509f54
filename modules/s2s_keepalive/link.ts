// Watches one remote domain: its streams, and whether it is alive.
//
//   quiet ──silent for too long, and needed──▶ asked ──any byte──▶ quiet
//                                                └──none in time──▶ every stream ended
//
// One timer per domain. It is set when it fires, not when bytes arrive, so stanzas cost nothing.

import { type ElapsedClock, NS, ResettableTimer, type S2SStream, StreamError, xml } from 'enjamb/api';

export interface LinkContext {
  readonly clock: ElapsedClock;
  readonly silenceMs: number;
  readonly timeoutMs: number;
  isNeeded(remote: string): boolean;
  /** Pings the domain. Returns whether the ping has left; if not, it waits for a stream. */
  ping(remote: string): boolean;
  onDead(remote: string, silentMs: number): void;
}

/** Firewalls and NATs forget a connection after minutes, although RFC 5382 §5 wants hours. */
const SPACE_MS = 3 * 60_000;
/** Fraction of the idle time that the peer has announced. */
const IDLE_SHARE = 0.7;
const SHORTEST_MS = 1_000;

/** A timer fires later than this if the process slept or was busy: bytes of the peer may be unread. */
const LATE_MS = 5_000;

/** Replaces the ping on a managed stream, in fewer bytes (XEP-0198 §4). */
const REQUEST = xml('r', NS.SM);

export class Link {
  readonly #remote: string;
  readonly #context: LinkContext;
  /** With the time of our last space on it, in ms of `clock.elapsed`. */
  readonly #sessions = new Map<S2SStream, number>();
  readonly #timer: ResettableTimer;
  #askedAt: number | undefined;
  /** When the question is overdue. */
  #deadline = 0;

  constructor(remote: string, context: LinkContext) {
    this.#remote = remote;
    this.#context = context;
    this.#timer = new ResettableTimer(context.clock);
  }

  add(session: S2SStream): void {
    this.#sessions.set(session, this.#context.clock.elapsed());
    if (!this.#timer.isSet) this.#arm(this.#context.silenceMs);
  }

  /** Returns the number of streams that are left. */
  remove(session: S2SStream): number {
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#timer.cancel();
    return this.#sessions.size;
  }

  /** A question has left. */
  #asked(): void {
    if (this.#askedAt !== undefined) return;
    this.#askedAt = this.#context.clock.elapsed();
    this.#deadline = this.#askedAt + this.#context.timeoutMs;
    this.#arm(this.#context.timeoutMs);
  }

  /** When the last byte arrived on any stream, whichever side opened it. */
  get #heardAt(): number {
    let heardAt = 0;
    for (const { lastReceivedAt } of this.#sessions.keys()) heardAt = Math.max(heardAt, lastReceivedAt);
    return heardAt;
  }

  #check(dueAt: number): void {
    const now = this.#context.clock.elapsed();
    const isLate = now - dueAt > LATE_MS;
    const heardAt = this.#heardAt;
    this.#arm(this.#context.silenceMs);
    if (this.#askedAt !== undefined && heardAt >= this.#askedAt) this.#askedAt = undefined;
    if (this.#askedAt === undefined) return this.#watch(now, heardAt);
    if (isLate) this.#deadline = now + this.#context.timeoutMs;
    if (now < this.#deadline) return this.#arm(this.#deadline - now);
    this.#end(now - heardAt);
  }

  #watch(now: number, heardAt: number): void {
    const { silenceMs } = this.#context;
    const isNeeded = this.#context.isNeeded(this.#remote);
    const silentMs = now - heardAt;
    const quietMs = isNeeded ? silenceMs - silentMs : silenceMs;
    this.#arm(Math.min(quietMs > 0 ? quietMs : silenceMs, this.#refresh(now, isNeeded)));
    if (isNeeded && silentMs >= silenceMs) this.#ask(now);
  }

  /** Streams that carry no stanzas of ours get a space, whose loss TCP notices. */
  #ask(now: number): void {
    let managed: S2SStream | undefined;
    for (const session of this.#sessions.keys()) {
      if (session.direction === 'in') this.#space(session, now);
      else if (session.state.smacks?.mode === 'acks') managed = session;
    }
    if (managed?.write(REQUEST)) this.#asked();
    else this.#ping();
  }

  /** A ping that waits for a stream proves nothing: its loss would not. The next check sends another one. */
  #ping(): void {
    if (this.#context.ping(this.#remote)) this.#asked();
  }

  /** Sends what is due on each stream, whatever was received. Returns the time until the next is due, in ms. */
  #refresh(now: number, isNeeded: boolean): number {
    let nextMs = SPACE_MS;
    for (const [session, sentAt] of this.#sessions) {
      const idleMs = isNeeded ? idleShareOf(session) : undefined;
      const everyMs = Math.min(SPACE_MS, idleMs ?? SPACE_MS);
      const inMs = sentAt + everyMs - now;
      nextMs = Math.min(nextMs, inMs <= 0 ? everyMs : inMs);
      if (inMs > 0) continue;
      this.#space(session, now);
      // Some servers count stanzas, not bytes, towards their limit.
      if (idleMs !== undefined && session.direction !== 'in') this.#ping();
    }
    return nextMs;
  }

  #space(session: S2SStream, now: number): void {
    this.#sessions.set(session, now);
    session.keepAlive();
  }

  #end(silentMs: number): void {
    this.#askedAt = undefined;
    this.#context.onDead(this.#remote, silentMs);
    const error = new StreamError('connection-timeout', 'Nothing was received for too long');
    for (const session of [...this.#sessions.keys()]) session.close(error, 'timeout');
  }

  #arm(delayMs: number): void {
    const dueAt = this.#context.clock.elapsed() + delayMs;
    this.#timer.set(delayMs, () => this.#check(dueAt));
  }
}

/** Below what the peer has announced (XEP-0478 §3.1), so that a needed link is not closed for lack of traffic. */
function idleShareOf({ state }: S2SStream): number | undefined {
  const { idleSeconds } = state.peerLimits ?? {};
  return idleSeconds === undefined ? undefined : Math.max(SHORTEST_MS, idleSeconds * 1_000 * IDLE_SHARE);
}
