// Assisted joining: a client that was told it fell out of a room, and does nothing about it, is joined again by the
// server, with the words of its own join.
//
//     told ──▶ waiting ── 30 s without a step of the client's own ──▶ sent ──▶ the room's answer, as it is
//               │  └─ the client joins or leaves ──▶ its own business
//               └─ the domain cannot be reached ──▶ sent when it can
//
// A client that sleeps is joined at once: outside the room nothing comes that would wake its user up.

import { type C2SSession, Jid, newId, PacedQueue, type Timer } from 'enjamb/api';
import type { Context, Join } from './context.ts';
import { type Notice, ROOM_GAP_MS } from './notice.ts';
import { Sleepers } from './rejoin_sleepers.ts';
import { rejoinOf, seenAt } from './rejoin_words.ts';

/** What is kept of a join, as long as that lasts. */
interface Kept {
  readonly words: string;
  /** When the server last joined for the client. */
  readonly rejoinedAt: number;
  /** The server has joined, and the room has not been seen to be new. */
  isUnseen: boolean;
}

export interface Waiting {
  readonly session: C2SSession;
  readonly occupant: Jid;
  readonly words: string;
  /** What came later than this was missed; ms since 1970. */
  readonly seenAt: number;
  /** After this time the server no longer joins for the client. */
  readonly until: number;
  /** Runs while the client has time to do something itself. */
  timer: Timer | undefined;
}

/** How long the client may take to do something itself. */
const OWN_STEP_MS = 30_000;
/** A room that loses a client again so soon is left to the client. */
const PAUSE_MS = 10 * 60_000;
/** For how long a domain that cannot be reached is waited for. */
const GIVE_UP_MS = 24 * 60 * 60_000;
/** After a domain that could not be reached is back. */
const SETTLE_MS = 2_000;

export class Rejoins {
  readonly #context: Context;
  readonly #kept = new WeakMap<Join, Kept>();
  /** By session, then by room. */
  readonly #waiting = new Map<C2SSession, Map<string, Waiting>>();
  /** Those whose rooms cannot be reached, by domain. */
  readonly #cutOff = new Map<string, Set<Waiting>>();
  readonly #sleepers: Sleepers;
  /** The last join that ended. A notice comes in the same tick. */
  #ended: Join | undefined;

  constructor(context: Context) {
    this.#context = context;
    this.#sleepers = new Sleepers(context, (waiting) => this.#send(waiting));
  }

  /** The client has sent a join; `words`: what may be kept of it. */
  joined(session: C2SSession, room: string, words: string | undefined): void {
    this.acted(session, room);
    const join = this.#context.joins.get(session, room);
    if (join === undefined) return;
    if (words === undefined) this.#kept.delete(join);
    else this.#kept.set(join, { words, rejoinedAt: Number.NEGATIVE_INFINITY, isUnseen: false });
  }

  /** A join has passed into another state. */
  changed(join: Join): void {
    if (join.state === 'gone') this.#ended = join;
    if (join.state !== 'joining') this.#sleepers.answered(join.session, join.room.jid);
  }

  /** Whether a sleeping client is about to be joined again, if it is told now. */
  takes({ session, room }: Notice): boolean {
    const join = this.#context.joins.get(session, room);
    return join !== undefined && this.#wordsFor(join) !== undefined && this.#sleepers.takes(session);
  }

  /** The client has been told that it is out. */
  told({ session, room, nick, cause }: Notice): void {
    const join = this.#ended;
    if (join?.session !== session || join.room.jid !== room) return;
    const words = this.#wordsFor(join);
    if (words === undefined) return;
    const occupant = Jid.parse(`${room}/${nick}`);
    const until = this.#context.now() + GIVE_UP_MS;
    const waiting = {
      session,
      occupant,
      words,
      seenAt: seenAt(join, this.#context),
      until,
      timer: undefined,
    };
    this.#add(waiting);
    if (cause === 'given-up') this.#cutOffOf(occupant.domain).add(waiting);
    else this.#await(waiting);
  }

  /** A room is new. Answers, once, whether it was the server that made it so, for the client. */
  hasMade(session: C2SSession, room: string): boolean {
    const join = this.#context.joins.get(session, room);
    const kept = join && this.#kept.get(join);
    if (!kept?.isUnseen) return false;
    kept.isUnseen = false;
    return true;
  }

  /** The client has done something about this room: it is its business again. */
  acted(session: C2SSession, room: string): void {
    const waiting = this.#waiting.get(session)?.get(room);
    if (waiting) this.#remove(waiting);
  }

  /** The client has asked whether it is in the room: it may do something as soon as it knows. */
  asked(session: C2SSession, room: string): void {
    const waiting = this.#waiting.get(session)?.get(room);
    if (waiting?.timer) this.#await(waiting);
  }

  /** The client leaves everything, or its session is over. */
  left(session: C2SSession): void {
    for (const waiting of this.#of(session)) this.#remove(waiting);
    this.#sleepers.forget(session);
  }

  /** The client is back. Of what could not be done while it slept it hears now, and may act. */
  resumed(session: C2SSession): void {
    this.#sleepers.forget(session);
    for (const waiting of this.#of(session)) if (!this.#isCutOff(waiting)) this.#await(waiting);
  }

  /** The domain can be reached again. */
  reachable(domain: string): void {
    if (!this.#cutOff.has(domain)) return;
    // The leaves that are owed there come first (track_muc_joins).
    this.#context.after(SETTLE_MS, () => {
      const { clock, settings } = this.#context;
      const queue = new PacedQueue<Waiting>({
        perSecond: settings.notifyRate,
        laneGapMs: ROOM_GAP_MS,
        clock,
      });
      for (const waiting of this.#cutOff.get(domain) ?? []) queue.push(waiting.occupant.bare, waiting);
      this.#cutOff.delete(domain);
      this.#drain(queue);
    });
  }

  #drain(queue: PacedQueue<Waiting>): void {
    const waitMs = queue.drain((waiting) => {
      try {
        if (this.#isWaiting(waiting)) this.#go(waiting);
      } catch (error) {
        this.#context.report(error); // The other clients still join again.
      }
    });
    if (waitMs !== undefined) this.#context.after(waitMs, () => this.#drain(queue));
  }

  /** Gives the client its time, unless it sleeps. */
  #await(waiting: Waiting): void {
    waiting.timer?.cancel();
    waiting.timer = undefined;
    if (waiting.session.connected) waiting.timer = this.#context.after(OWN_STEP_MS, () => this.#go(waiting));
    else this.#go(waiting);
  }

  #go(waiting: Waiting): void {
    waiting.timer = undefined;
    if (waiting.session.connected) this.#send(waiting);
    else this.#sleepers.add(waiting);
  }

  /** Answers whether the room will have something to say. */
  #send(waiting: Waiting): boolean {
    const { joins, log, now, send } = this.#context;
    const { session, occupant, words } = waiting;
    if (!this.#isWaiting(waiting)) return false;
    this.#remove(waiting);
    if (now() > waiting.until || joins.get(session, occupant.bare)) return false;
    const id = newId();
    const join = joins.enter(session, occupant, id);
    if (join === undefined) return false;
    this.#kept.set(join, { words, rejoinedAt: now(), isUnseen: true });
    log.debug('joining again for a client', { session: session.id, room: occupant.bare });
    send(rejoinOf({ ...waiting, id }));
    return true;
  }

  #wordsFor(join: Join): string | undefined {
    const kept = this.#kept.get(join);
    return kept && kept.rejoinedAt + PAUSE_MS <= this.#context.now() ? kept.words : undefined;
  }

  #add(waiting: Waiting): void {
    const rooms = this.#waiting.get(waiting.session) ?? new Map<string, Waiting>();
    this.#waiting.set(waiting.session, rooms.set(waiting.occupant.bare, waiting));
  }

  #remove(waiting: Waiting): void {
    const { session, occupant, timer } = waiting;
    timer?.cancel();
    const rooms = this.#waiting.get(session);
    rooms?.delete(occupant.bare);
    if (rooms?.size === 0) this.#waiting.delete(session);
    const cutOff = this.#cutOff.get(occupant.domain);
    cutOff?.delete(waiting);
    if (cutOff?.size === 0) this.#cutOff.delete(occupant.domain);
  }

  #isWaiting(waiting: Waiting): boolean {
    return this.#waiting.get(waiting.session)?.get(waiting.occupant.bare) === waiting;
  }

  #isCutOff(waiting: Waiting): boolean {
    return this.#cutOff.get(waiting.occupant.domain)?.has(waiting) === true;
  }

  #cutOffOf(domain: string): Set<Waiting> {
    const waiting = this.#cutOff.get(domain) ?? new Set();
    this.#cutOff.set(domain, waiting);
    return waiting;
  }

  #of(session: C2SSession): Waiting[] {
    return [...(this.#waiting.get(session)?.values() ?? [])];
  }
}
