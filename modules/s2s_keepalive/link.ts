// What we know of the way to one other domain: its streams, and whether it is alive.
//
//   quiet ──silent for too long, and needed──▶ asked ──any byte──▶ quiet
//                                                └──none in time──▶ every stream ended
//
// One timer for each domain, set anew when it fires and not when something comes, so that stanzas cost nothing.

import { type ElapsedClock, NS, ResettableTimer, type S2SStream, StreamError, xml } from 'enjamb/api';

export interface LinkSurroundings {
  /** Its timers end with the module. */
  readonly clock: ElapsedClock;
  readonly silenceMs: number;
  readonly timeoutMs: number;
  isNeeded(remote: string): boolean;
  /** Pings the domain; `Link.asked` is called when that goes out on a stream, perhaps within this call. */
  ping(remote: string): void;
  onDead(remote: string, silentMs: number): void;
}

/** Firewalls and address translators forget a connection after some minutes, RFC 5382 §5 wants hours. */
const SPACE_MS = 3 * 60_000;
/** Of the time after which the peer has said that it hangs up. */
const IDLE_SHARE = 0.7;
const SHORTEST_MS = 1_000;

/** A timer that is later than that: this process has slept, or been busy, and what the peer has sent is still unread. */
const LATE_MS = 5_000;

/** Says as much as a ping, in fewer bytes, where the stream is managed (XEP-0198 §4). */
const REQUEST = xml('r', NS.SM);

export class Link {
  readonly #remote: string;
  readonly #around: LinkSurroundings;
  /** With the time when we have sent something on it last, if only a space. */
  readonly #sessions = new Map<S2SStream, number>();
  readonly #timer: ResettableTimer;
  #askedAt: number | undefined;
  /** When the question must have been answered by. */
  #deadline = 0;

  constructor(remote: string, surroundings: LinkSurroundings) {
    this.#remote = remote;
    this.#around = surroundings;
    this.#timer = new ResettableTimer(surroundings.clock);
  }

  add(session: S2SStream): void {
    this.#sessions.set(session, this.#around.clock.elapsed());
    if (!this.#timer.isSet) this.#arm(this.#around.silenceMs);
  }

  /** Answers with how many streams are left. */
  remove(session: S2SStream): number {
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#timer.cancel();
    return this.#sessions.size;
  }

  /** The question is on its way. */
  asked(): void {
    if (this.#askedAt !== undefined) return;
    this.#askedAt = this.#around.clock.elapsed();
    this.#deadline = this.#askedAt + this.#around.timeoutMs;
    this.#arm(this.#around.timeoutMs);
  }

  /** A domain may speak on a stream that we have opened, and on one that it has opened: any byte is a sign of life. */
  get #heardAt(): number {
    let heardAt = 0;
    for (const { lastReceivedAt } of this.#sessions.keys()) heardAt = Math.max(heardAt, lastReceivedAt);
    return heardAt;
  }

  #check(dueAt: number): void {
    const now = this.#around.clock.elapsed();
    const isLate = now - dueAt > LATE_MS;
    const heardAt = this.#heardAt;
    this.#arm(this.#around.silenceMs);
    if (this.#askedAt !== undefined && heardAt >= this.#askedAt) this.#askedAt = undefined;
    if (this.#askedAt === undefined) return this.#watch(now, heardAt);
    if (isLate) this.#deadline = now + this.#around.timeoutMs;
    if (now < this.#deadline) return this.#arm(this.#deadline - now);
    this.#end(now - heardAt);
  }

  #watch(now: number, heardAt: number): void {
    const { silenceMs } = this.#around;
    const isNeeded = this.#around.isNeeded(this.#remote);
    const silentMs = now - heardAt;
    const quietMs = isNeeded ? silenceMs - silentMs : silenceMs;
    this.#arm(Math.min(quietMs > 0 ? quietMs : silenceMs, this.#refresh(now, isNeeded)));
    if (isNeeded && silentMs >= silenceMs) this.#ask(now);
  }

  /** On streams that carry no stanzas of ours a space is all that can be said; its loss is for TCP to notice. */
  #ask(now: number): void {
    let managed: S2SStream | undefined;
    for (const session of this.#sessions.keys()) {
      if (session.direction === 'in') this.#space(session, now);
      else if (session.state.smacks?.mode === 'acks') managed = session;
    }
    if (managed?.write(REQUEST)) this.asked();
    else this.#around.ping(this.#remote);
  }

  /** Sends what is due on each stream whatever is heard; answers with the time until the next is. */
  #refresh(now: number, isNeeded: boolean): number {
    let nextMs = SPACE_MS;
    for (const [session, sentAt] of this.#sessions) {
      const idleMs = isNeeded ? idleShareOf(session) : undefined;
      const everyMs = Math.min(SPACE_MS, idleMs ?? SPACE_MS);
      const inMs = sentAt + everyMs - now;
      nextMs = Math.min(nextMs, inMs <= 0 ? everyMs : inMs);
      if (inMs > 0) continue;
      this.#space(session, now);
      // Where there is a limit, some servers count stanzas and not bytes.
      if (idleMs !== undefined && session.direction !== 'in') this.#around.ping(this.#remote);
    }
    return nextMs;
  }

  #space(session: S2SStream, now: number): void {
    this.#sessions.set(session, now);
    session.keepAlive();
  }

  #end(silentMs: number): void {
    this.#askedAt = undefined;
    this.#around.onDead(this.#remote, silentMs);
    const error = new StreamError('connection-timeout', 'Nothing was received for too long');
    for (const session of [...this.#sessions.keys()]) session.close(error, 'timeout');
  }

  #arm(delayMs: number): void {
    const dueAt = this.#around.clock.elapsed() + delayMs;
    this.#timer.set(delayMs, () => this.#check(dueAt));
  }
}

/** Below what the peer has announced (XEP-0478 §3.1), so that a needed link is not closed for lack of traffic. */
function idleShareOf({ state }: S2SStream): number | undefined {
  const { idleSeconds } = state.peerLimits ?? {};
  return idleSeconds === undefined ? undefined : Math.max(SHORTEST_MS, idleSeconds * 1_000 * IDLE_SHARE);
}
