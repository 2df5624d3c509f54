// Telling clients that they are out of a room: at their pace, and only if it is still true when their turn comes.

import { type C2SSession, type Element, NS, newId, xml } from 'enjamb/api';
import type { Context, Join } from './context.ts';
import { Pacing } from './pacing.ts';

interface Verdict {
  readonly epoch: number;
  /** When it was reached; ms since 1970. What the room shows later refutes it. */
  readonly at: number;
}

declare module 'enjamb/api' {
  interface C2SState {
    /** What the client is to be told when it wakes up. Owned by ping_muc. */
    mucNotices?: Map<Join, Verdict>;
  }
}

/** Ours, never the remote's: a text of somebody else's would be shown as the server's word. */
const REASON = 'Connection to remote server lost';

export interface NoticeParts {
  readonly context: Context;
  /** A verdict has grown old while the client slept. */
  recheck(join: Join): void;
}

export class Notices {
  readonly #context: Context;
  readonly #recheck: (join: Join) => void;
  /** By domain. */
  readonly #queues = new Map<string, Pacing<Join>>();
  readonly #pending = new Map<Join, Verdict>();
  readonly #queued = new Set<Join>();

  constructor({ context, recheck }: NoticeParts) {
    this.#context = context;
    this.#recheck = recheck;
  }

  /** Whether the client is about to be told, or will be when it wakes up. */
  isPending(join: Join): boolean {
    if (this.#pending.has(join)) return true;
    const held = join.session.state.mucNotices?.get(join);
    return held !== undefined && isTrue(join, held);
  }

  /** What clients have not been told yet, for the next instance of this module. */
  get pending(): Iterable<Join> {
    return this.#pending.keys();
  }

  /** Tells the client in its turn, once. */
  tell(join: Join): void {
    this.#enqueue(join, { epoch: join.epoch, at: this.#context.now() });
  }

  /** Tells a client that knows it already, unless it does something about it itself. */
  tellLater(join: Join): void {
    if (this.isPending(join)) return;
    const verdict = { epoch: join.epoch, at: this.#context.now() };
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
      if (this.#context.now() - verdict.at > this.#context.settings.stale) this.#recheck(join);
      else this.#enqueue(join, verdict);
    }
  }

  #enqueue(join: Join, verdict: Verdict): void {
    const { name } = join.room.domain;
    if (this.#queued.has(join)) {
      // In the queue already, for an earlier stay perhaps; the newer verdict counts when its turn comes.
      if (this.#pending.get(join)?.epoch !== verdict.epoch) this.#pending.set(join, verdict);
      return;
    }
    this.#pending.set(join, verdict);
    this.#queued.add(join);
    const queue = this.#queues.get(name);
    if (queue) {
      queue.push(join.room.jid, join);
      return;
    }
    const opened = new Pacing<Join>(this.#context.settings.notifyRate);
    opened.push(join.room.jid, join);
    this.#queues.set(name, opened);
    // Not in this tick: what made us sure (a bounce) is to reach the client first.
    this.#context.after(0, () => this.#drain(name, opened));
  }

  #drain(name: string, queue: Pacing<Join>): void {
    for (let next = queue.next(this.#context.now()); next; next = queue.next(this.#context.now())) {
      if ('waitMs' in next) {
        this.#context.after(next.waitMs, () => this.#drain(name, queue));
        return;
      }
      this.#deliver(next.item);
    }
    this.#queues.delete(name);
  }

  #deliver(join: Join): void {
    const verdict = this.#pending.get(join);
    this.#pending.delete(join);
    this.#queued.delete(join);
    if (!verdict) return;
    if (!isTrue(join, verdict)) {
      // The client has done something meanwhile. If its nick change gets no answer, nothing else would tell it.
      if (join.state === 'renaming' && join.provenAt <= verdict.at) this.#recheck(join);
      return;
    }
    const { session, room } = join;
    if (!session.connected) {
      session.state.mucNotices ??= new Map();
      session.state.mucNotices.set(join, verdict);
      return;
    }
    const { counters, log, send, settings, joins } = this.#context;
    counters.notices++;
    log.debug('client told that it fell out', { session: session.id, room: room.jid });
    session.state.directed?.delete(room.jid);
    send(notice(join, settings.emit330));
    joins.remove(join);
  }
}

function isTrue(join: Join, { epoch, at }: Verdict): boolean {
  if (join.epoch !== epoch || join.provenAt > at) return false;
  return join.state === 'joined' || join.state === 'renaming';
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
