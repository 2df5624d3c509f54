// Telling clients that they are out of a room: at their pace, and only if it is still true when their turn comes.

import {
  type C2SSession,
  type Element,
  type Event,
  NS,
  newId,
  PacedQueue,
  ResettableTimer,
  StanzaError,
  xml,
} from 'enjamb/api';
import type { Context, Join } from './context.ts';
import { isIn } from './suspects.ts';

/** How it was found out. */
export type NoticeCause =
  /** The room said so. */
  | 'lost'
  /** The room exists no longer. */
  | 'room-gone'
  /** The room had the client under a name that the client does not know, and was told to let it go. */
  | 'desync'
  /** Nobody said anything for so long that it makes no difference (`ping_muc_give_up`). */
  | 'given-up'
  /** The client asked itself, and did nothing about the answer. */
  | 'own-ping';

export interface Notice {
  readonly session: C2SSession;
  /** The bare JID. */
  readonly room: string;
  readonly domain: string;
  readonly nick: string;
  readonly cause: NoticeCause;
}

interface Verdict {
  readonly cause: NoticeCause;
  readonly epoch: number;
  /** When the verdict was reached. A later sign of life from the room refutes it. */
  readonly at: number;
  /** The client was waiting to be let in: if it has been since, this is refuted too. */
  readonly isEntering: boolean;
}

declare module 'enjamb/api' {
  interface C2SState {
    /** What the client is to be told when it wakes up. Owned by ping_muc. */
    mucNotices?: Map<Join, Verdict>;
  }
  interface Events {
    /** A client has just been told that it is out of a room; it is no longer tracked there. */
    'ping-muc-notice': Event<Notice>;
    /**
     * A sleeping client is out of a room, and would be told once it wakes up. Whoever acts for it meanwhile answers
     * `'tell'`: then it is told now, among what waits for it, and `ping-muc-notice` follows.
     */
    'ping-muc-asleep': Event<Notice, 'tell'>;
  }
}

/** Ours, never the remote's: a text of somebody else's would be shown as the server's word. */
const REASON = 'Connection to remote server lost';

/** Between the notices of one room: each may cause a join. */
export const ROOM_GAP_MS = 200;

/** Who waits for its turn at one domain. */
interface Queue {
  readonly paced: PacedQueue<Join>;
  readonly timer: ResettableTimer;
}

export interface NoticeParts {
  readonly context: Context;
  /** A verdict has grown old while the client slept. */
  recheck(join: Join): void;
  /** The client has been told. */
  told(notice: Notice): void;
  /** Whether a sleeping client is to be told now. */
  tellsAsleep(notice: Notice): boolean;
}

export class Notices {
  readonly #context: Context;
  readonly #parts: NoticeParts;
  /** By domain. */
  readonly #queues = new Map<string, Queue>();
  readonly #pending = new Map<Join, Verdict>();
  readonly #queued = new Set<Join>();
  /** What we have told clients, as it passes through the server. */
  readonly #told = new WeakSet<Element>();

  constructor(parts: NoticeParts) {
    this.#context = parts.context;
    this.#parts = parts;
  }

  /** Whether the client is about to be told, or will be when it wakes up. */
  isPending(join: Join): boolean {
    const verdict = this.#pending.get(join) ?? join.session.state.mucNotices?.get(join);
    return verdict !== undefined && isTrue(join, verdict);
  }

  /** What clients have not been told yet, for the next instance of this module. */
  get pending(): Iterable<Join> {
    return this.#pending.keys();
  }

  /** Whether this stanza is one by which a client is told. */
  isOne(stanza: Element): boolean {
    return this.#told.has(stanza);
  }

  /** Tells the client in its turn, once. */
  tell(join: Join, cause: NoticeCause): void {
    this.#enqueue(join, this.#verdict(join, cause));
  }

  /** Tells a client that knows it already, unless it does something about it itself. */
  tellLater(join: Join): void {
    if (this.isPending(join)) return;
    const verdict = this.#verdict(join, 'own-ping');
    this.#pending.set(join, verdict);
    this.#context.after(this.#context.settings.ownAction, () => {
      if (this.#pending.get(join) !== verdict) return;
      this.#pending.delete(join);
      if (isTrue(join, verdict)) this.#enqueue(join, verdict);
    });
  }

  /** The client is back, and has what was sent to it meanwhile. */
  resumed({ state }: C2SSession): void {
    const held = state.mucNotices;
    delete state.mucNotices;
    for (const [join, verdict] of held ?? []) {
      if (!isTrue(join, verdict)) continue;
      if (this.#context.now() - verdict.at > this.#context.settings.stale) this.#parts.recheck(join);
      else this.#enqueue(join, verdict);
    }
  }

  #verdict({ epoch, state }: Join, cause: NoticeCause): Verdict {
    return { cause, epoch, at: this.#context.now(), isEntering: state === 'joining' };
  }

  #enqueue(join: Join, verdict: Verdict): void {
    const { room } = join;
    this.#pending.set(join, verdict); // Of several, the newest counts when its turn comes.
    if (this.#queued.has(join)) return;
    this.#queued.add(join);
    const { paced, timer } = this.#queues.get(room.domain.name) ?? this.#open(room.domain.name);
    paced.push(room.jid, join);
    // Not in this tick: what made us sure (a bounce) is to reach the client first.
    timer.bringForward(0);
  }

  #open(domain: string): Queue {
    const { clock, settings } = this.#context;
    const paced = new PacedQueue<Join>({ perSecond: settings.notifyRate, laneGapMs: ROOM_GAP_MS, clock });
    const queue = { paced, timer: new ResettableTimer(clock) };
    this.#queues.set(domain, queue);
    queue.timer.set(0, () => this.#drain(domain, queue));
    return queue;
  }

  #drain(domain: string, queue: Queue): void {
    const waitMs = queue.paced.drain((join) => {
      try {
        this.#deliver(join);
      } catch (error) {
        this.#context.report(error, { domain }); // The other clients still get their notices.
      }
    });
    if (waitMs === undefined) this.#queues.delete(domain);
    else queue.timer.set(waitMs, () => this.#drain(domain, queue));
  }

  #deliver(join: Join): void {
    const verdict = this.#pending.get(join);
    this.#pending.delete(join);
    this.#queued.delete(join);
    if (!verdict) return;
    if (!isTrue(join, verdict)) {
      // The client has done something meanwhile. If its nick change gets no answer, nothing else would tell it.
      if (join.state === 'renaming' && join.provenAt <= verdict.at) this.#parts.recheck(join);
      return;
    }
    const { session, room, nick } = join;
    const notice = { session, room: room.jid, domain: room.domain.name, nick, cause: verdict.cause };
    const wasIn = join.state !== 'joining';
    if (!session.connected && !(wasIn && this.#parts.tellsAsleep(notice))) {
      session.state.mucNotices ??= new Map();
      session.state.mucNotices.set(join, verdict);
      return;
    }
    session.state.directed?.delete(room.jid);
    const stanza = this.#wordsFor(join);
    this.#told.add(stanza);
    this.#context.joins.remove(join);
    this.#context.send(stanza);
    if (!wasIn) return;
    this.#context.measures.notices.of(notice.cause).add();
    this.#parts.told(notice);
  }

  #wordsFor(join: Join): Element {
    const { measures, joins, log, settings } = this.#context;
    const fields = { session: join.session.id, room: join.room.jid };
    if (join.state === 'joining') {
      measures.unanswered.add();
      log.debug('client told that its join was lost', fields);
      return unanswered(join, joins.requested(join)?.id);
    }
    log.debug('client told that it fell out', fields);
    return notice(join, settings.emit330);
  }
}

function isTrue(join: Join, { epoch, at, isEntering }: Verdict): boolean {
  if (join.epoch !== epoch) return false;
  return isEntering ? join.state === 'joining' : isIn(join) && join.provenAt <= at;
}

/**
 * The presence of a client removed for a technical reason: status 333 (XEP-0045 §11.1), without the 307 that §11.1
 * advises against. 330 is registered nowhere, but was the documented code of older servers.
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

/** The answer to a join whose own answer was lost: the same as if it could not have been sent, so that it is repeated. */
function unanswered({ session, room, nick }: Join, id: string | undefined): Element {
  const error = new StanzaError('remote-server-timeout', { text: REASON });
  return xml(
    'presence',
    { type: 'error', id, from: `${room.jid}/${nick}`, to: `${session.jid}` },
    xml('x', NS.MUC),
    error.toElement(),
  );
}
