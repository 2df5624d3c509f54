// Notices to clients that they are out of a room. They are paced, and only sent if they are still true.

import {
  type C2SSession,
  type Element,
  type Event,
  inChunks,
  NS,
  newId,
  PacedQueue,
  ResettableTimer,
  type Stanza,
  StanzaError,
  xml,
} from 'enjamb/api';
import type { Context, Join } from './context.ts';
import { isIn } from './in_doubt.ts';

/** How the loss was found. */
export type NoticeCause =
  /** The room's answer. */
  | 'lost'
  /** The room does not exist any more. */
  | 'room-gone'
  /** The room had the client under a nick that the client does not know; it was sent a leave. */
  | 'desync'
  /** No answer arrived within `ping_muc_give_up`. */
  | 'given-up'
  /** The answer to the client's own self-ping, on which the client has not acted. */
  | 'own-ping';

export interface Notice {
  readonly session: C2SSession;
  /** The bare JID. */
  readonly room: string;
  readonly domain: string;
  readonly nick: string;
  readonly cause: NoticeCause;
}

/** A lost join. The client probably does not know of the loss. */
export interface Loss {
  readonly join: Join;
  readonly cause: NoticeCause;
  /** The answer that showed it. */
  readonly reply: Stanza | undefined;
}

interface Verdict {
  readonly cause: NoticeCause;
  readonly epoch: number;
  /** When the verdict was reached. A later stanza from the room refutes it. */
  readonly at: number;
  /** Whether the client was entering. If it has entered since, the verdict is refuted. */
  readonly isEntering: boolean;
  /** When the remote became reachable again. */
  readonly recoveredAt: number | undefined;
  /** Whether another module has decided: then neither the room's stanzas nor other modules matter. */
  readonly isFinal: boolean;
}

declare module 'enjamb/api' {
  interface C2SState {
    /** Notices for a sleeping client. Owned by ping_muc. */
    mucNotices?: Map<Join, Verdict>;
  }
  interface Events {
    /** A notice was sent to a client. The join is no longer tracked. */
    'ping-muc-notice': Event<Notice>;
    /**
     * A join is lost. `'mine'`: the module handles the loss; the client gets no notice, and the room is not asked
     * again. `'tell'`: the client gets the notice even while it sleeps. No answer: a sleeping client gets it when it
     * wakes up. Fired when the loss is found, and again when the notice for a sleeping client is due.
     */
    'ping-muc-lost': Event<Loss, 'mine' | 'tell'>;
  }
}

/** Contains no text of the remote, which clients would show as this server's. */
const REASON = 'Connection to remote server lost';

/** The time between two notices about one room, because each may cause a join. */
const ROOM_GAP_MS = 200;

interface Queue {
  readonly paced: PacedQueue<Join>;
  readonly timer: ResettableTimer;
}

export class Notices {
  readonly #context: Context;
  readonly #recheck: (join: Join) => void;
  /** The queues of notices, by remote. */
  readonly #queues = new Map<string, Queue>();
  readonly #pending = new Map<Join, Verdict>();
  readonly #queued = new Set<Join>();
  /** When another module last took the loss of a join. */
  readonly #takenAt = new WeakMap<Join, number>();
  /** Remotes whose rooms were asked before the delay was over → when it is. */
  readonly #heldUntil = new Map<string, number>();
  /** The stanzas sent by this class, which the module's own hooks ignore. */
  readonly #sent = new WeakSet<Element>();

  /** `recheck`: asks the room again. */
  constructor(context: Context, recheck: (join: Join) => void) {
    this.#context = context;
    this.#recheck = recheck;
  }

  /** Whether a notice for the client is pending, now or when it wakes up. */
  isPending(join: Join): boolean {
    const verdict = this.#pending.get(join) ?? join.session.state.mucNotices?.get(join);
    return verdict !== undefined && this.#isTrue(join, verdict);
  }

  /** Whether no question is needed: a notice is pending, or another module is joining for the client. */
  isSettled(join: Join): boolean {
    return this.isPending(join) || this.#isBeingJoined(join);
  }

  #isBeingJoined(join: Join): boolean {
    if (join.state !== 'joining') return false;
    return this.#context.module.items('muc-join-taken').some((isTaken) => isTaken(join));
  }

  /** The joins with pending notices, for the next instance of this module. */
  get pending(): Iterable<Join> {
    return this.#pending.keys();
  }

  isNotice(stanza: Element): boolean {
    return this.#sent.has(stanza);
  }

  /** Asks other modules. Returns whether one of them handles the lost join. */
  isTaken(join: Join, cause: NoticeCause, reply?: Stanza): boolean {
    const isTaken = this.#context.module.ask('ping-muc-lost', { join, cause, reply }) === 'mine';
    if (isTaken) this.#takenAt.set(join, this.#context.now());
    return isTaken;
  }

  /** Whether another module has taken the loss of this join since then; in ms of `clock.elapsed`. */
  wasTaken(join: Join, since: number): boolean {
    return (this.#takenAt.get(join) ?? Number.NEGATIVE_INFINITY) >= since;
  }

  /** Call this when the rooms of a remote are asked early. No client is told of a loss before the delay is over. */
  hold(remote: string): void {
    const { after, now, settings } = this.#context;
    if (settings.fast || this.#heldUntil.has(remote)) return;
    this.#heldUntil.set(remote, now() + settings.delay);
    after(settings.delay, () => this.#heldUntil.delete(remote));
  }

  /** Queues one notice for the client. `recoveredAt`: when the remote became reachable again. */
  tell(join: Join, cause: NoticeCause, recoveredAt?: number): void {
    this.#enqueue(join, this.#verdict(join, cause, recoveredAt));
  }

  /** The same, without asking other modules, and even if a stanza of the room refutes the loss meanwhile. */
  tellFinally(join: Join, cause: NoticeCause): void {
    this.#enqueue(join, { ...this.#verdict(join, cause), isFinal: true });
  }

  /** Queues notices for all other clients of a room that no longer exists. Returns their number. */
  tellRoom(join: Join, recoveredAt?: number): number {
    const at = this.#context.now();
    const isToTell = (other: Join) => other !== join && isIn(other) && other.provenAt <= at;
    let count = 0;
    for (const other of join.room.joins) if (isToTell(other)) count++;
    inChunks(join.room.joins.values(), this.#context.after, (chunk) => {
      for (const other of chunk.filter(isToTell)) {
        if (!this.isTaken(other, 'room-gone')) this.tell(other, 'room-gone', recoveredAt);
      }
    });
    return count;
  }

  /** Queues a notice for a client that knows of the loss, unless it acts within `settings.ownAction`. */
  tellLater(join: Join): void {
    if (this.isPending(join)) return;
    const verdict = this.#verdict(join, 'own-ping');
    this.#pending.set(join, verdict);
    this.#context.after(this.#context.settings.ownAction, () => {
      if (this.#pending.get(join) !== verdict) return;
      this.#pending.delete(join);
      if (this.#isTrue(join, verdict) && !this.isTaken(join, 'own-ping')) this.#enqueue(join, verdict);
    });
  }

  /** Call this when a client has woken up and got the stanzas that it missed. */
  resumed({ state }: C2SSession): void {
    const { now, settings } = this.#context;
    const held = state.mucNotices;
    delete state.mucNotices;
    for (const [join, verdict] of held ?? []) {
      if (!this.#isTrue(join, verdict)) continue;
      if (!verdict.isFinal && now() - verdict.at > settings.stale) this.#recheck(join);
      else this.#enqueue(join, verdict);
    }
  }

  #verdict({ epoch, state }: Join, cause: NoticeCause, recoveredAt?: number): Verdict {
    const isEntering = state === 'joining';
    return { cause, epoch, at: this.#context.now(), isEntering, recoveredAt, isFinal: false };
  }

  #enqueue(join: Join, verdict: Verdict): void {
    const { room } = join;
    this.#pending.set(join, verdict); // The newest verdict counts.
    if (this.#queued.has(join)) return;
    this.#queued.add(join);
    const { paced, timer } = this.#queues.get(room.domain.name) ?? this.#open(room.domain.name);
    paced.push(room.jid, join);
    // In a later tick, so that the client first gets the error that showed the loss.
    timer.bringForward(this.#holdMs(room.domain.name));
  }

  #open(remote: string): Queue {
    const { clock, settings } = this.#context;
    const paced = new PacedQueue<Join>({ perSecond: settings.notifyRate, laneGapMs: ROOM_GAP_MS, clock });
    const queue = { paced, timer: new ResettableTimer(clock) };
    this.#queues.set(remote, queue);
    queue.timer.set(this.#holdMs(remote), () => this.#drain(remote, queue));
    return queue;
  }

  #holdMs(remote: string): number {
    return Math.max(0, (this.#heldUntil.get(remote) ?? 0) - this.#context.now());
  }

  #drain(remote: string, queue: Queue): void {
    const waitMs = queue.paced.drain((join) => {
      try {
        this.#deliver(join);
      } catch (error) {
        this.#context.module.report(error, { domain: remote }); // The other notices are still sent.
      }
    });
    if (waitMs === undefined) this.#queues.delete(remote);
    else queue.timer.set(waitMs, () => this.#drain(remote, queue));
  }

  #deliver(join: Join): void {
    const verdict = this.#pending.get(join);
    this.#pending.delete(join);
    this.#queued.delete(join);
    if (!verdict) return;
    if (this.#isTrue(join, verdict)) this.#offer(join, verdict);
    // The client has acted meanwhile. If its nick change is lost, only another question shows the loss.
    else if (join.state === 'renaming' && join.provenAt <= verdict.at) this.#recheck(join);
  }

  #offer(join: Join, verdict: Verdict): void {
    const { session } = join;
    if (session.connected || verdict.isFinal) return this.#send(join, verdict);
    const loss = { join, cause: verdict.cause, reply: undefined };
    const answer = join.state === 'joining' ? undefined : this.#context.module.ask('ping-muc-lost', loss);
    if (answer === 'mine') return;
    if (answer === 'tell') return this.#send(join, verdict);
    session.state.mucNotices ??= new Map();
    session.state.mucNotices.set(join, verdict);
  }

  #isTrue(join: Join, { epoch, at, isEntering, isFinal }: Verdict): boolean {
    if (join.epoch !== epoch) return false;
    // The room may have removed the client meanwhile, or refused a join of another module, which the client has not seen.
    if (isFinal) return join.state !== 'gone' || !this.#context.joins.get(join.session, join.room.jid);
    return isEntering ? join.state === 'joining' : isIn(join) && join.provenAt <= at;
  }

  #send(join: Join, { cause, recoveredAt, isFinal }: Verdict): void {
    const { joins, metrics, module, now } = this.#context;
    const { session, room, nick } = join;
    const wasIn = join.state !== 'joining' || isFinal; // Another module may be joining for a client that was in.
    const stanza = wasIn ? this.#notice(join) : this.#joinError(join);
    module.use('presence').forget(session, room.jid);
    this.#sent.add(stanza);
    joins.remove(join);
    module.send(stanza);
    if (!wasIn) return;
    metrics.notices.of(cause).add();
    if (recoveredAt !== undefined) metrics.told(now() - recoveredAt);
    module.notify('ping-muc-notice', { session, room: room.jid, domain: room.domain.name, nick, cause });
  }

  #notice(join: Join): Element {
    const { module, settings } = this.#context;
    module.log.debug('client notified that it fell out', { session: join.session.id, room: join.room.jid });
    return notice(join, settings.emit330);
  }

  /** The error for a join whose answer was lost: the one for an undeliverable join, after which clients join again. */
  #joinError(join: Join): Element {
    const { joins, metrics, module } = this.#context;
    const { session, room, nick } = join;
    metrics.unanswered.add();
    module.log.debug('client notified that its join was lost', { session: session.id, room: room.jid });
    const error = new StanzaError('remote-server-timeout', { text: REASON });
    return xml(
      'presence',
      { type: 'error', id: joins.requested(join)?.id, from: `${room.jid}/${nick}`, to: `${session.jid}` },
      xml('x', NS.MUC),
      error.toElement(),
    );
  }
}

/**
 * The presence of a client removed for a technical reason: status 333 (XEP-0045 §11.1), without 307, which §11.1
 * advises against. No specification registers 330, but older servers document it.
 */
export function notice({ session, room, nick }: Join, emit330: boolean): Element {
  return xml(
    'presence',
    { type: 'unavailable', id: newId(), from: `${room.jid}/${nick}`, to: `${session.jid}` },
    xml(
      'x',
      NS.MUC_USER,
      xml('item', { affiliation: 'none', role: 'none' }, xml('reason', {}, REASON)),
      xml('status', { code: '110' }),
      xml('status', { code: '333' }),
      emit330 ? xml('status', { code: '330' }) : undefined,
    ),
  );
}
