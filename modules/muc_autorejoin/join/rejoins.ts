// Silent joins, from the loss until the client has caught up. memory.ts shows the states of a place.

import { type C2SSession, type Exports, inChunks, newId, type Stanza, type StanzaError } from 'enjamb/api';
import { Absences } from '../answer/absent.ts';
import { FormerClients } from '../answer/former.ts';
import { give, HeldBytes } from '../answer/held.ts';
import { beginAnswer, endAnswer, isFit, newRejoining, type Rejoining } from '../answer/rejoining.ts';
import { Existence } from '../founding/existence.ts';
import { type Founding, mayBeMadeAnew } from '../founding/founding.ts';
import { Archives } from '../gap/archives.ts';
import { Outbox } from '../gap/outbox.ts';
import { Unconfirmed } from '../gap/unconfirmed.ts';
import { nextTry } from '../memory/losses.ts';
import { type Join, nickOf, type Place } from '../memory/memory.ts';
import { historySeconds, nickChange, occupantOf, rejoinOf } from '../memory/payload.ts';
import type { Places } from '../memory/places.ts';
import type { Context } from '../shared/context.ts';
import { Budget } from './budget.ts';
import { CatchUp } from './catch_up.ts';
import type { Kept } from './kept.ts';
import { Patience } from './patience.ts';
import { Queues } from './queue.ts';

type Cause = Parameters<Exports['ping_muc']['tell']>[1];

export class Rejoins {
  readonly #context: Context;
  readonly #places: Places;
  readonly #budget: Budget;
  readonly #queues: Queues;
  readonly #active = new Map<Place, Rejoining>();
  readonly #patience: Patience;
  readonly unconfirmed: Unconfirmed;
  readonly existence: Existence;
  readonly absences: Absences;
  /** The bytes of all held stanzas. */
  readonly heldBytes = new HeldBytes();
  readonly former: FormerClients;
  readonly archives: Archives;
  readonly outbox: Outbox;
  readonly catchUp: CatchUp;

  constructor(context: Context, places: Places, kept: Kept, founding: Founding) {
    this.#context = context;
    this.#places = places;
    this.#budget = new Budget(kept.tries, () => context.now());
    this.#queues = new Queues(context, {
      join: (place) => !this.existence.asks(place) && this.#join(place),
      readyAt: (place) => this.#readyAt(place),
    });
    this.existence = new Existence(context, founding, {
      exists: (place) => this.#queues.of(place).add(place),
      mustWait: (place) => this.#queues.of(place).mustWait(place, 'remote'),
      gone: (place) => this.#tellRoom(place, 'room-gone'),
    });
    this.unconfirmed = new Unconfirmed((session) => context.after(0, () => this.#goOn(session)));
    this.archives = new Archives(context, this.heldBytes);
    this.outbox = new Outbox(context, this.heldBytes, kept.own);
    this.former = new FormerClients(() => context.now());
    this.#patience = new Patience(context, (place) => this.#impatient(place));
    this.absences = new Absences(context, kept.absent);
    const { archives, outbox, absences, unconfirmed } = this;
    this.catchUp = new CatchUp(context, {
      archives,
      outbox,
      absences,
      unconfirmed,
      queues: this.#queues,
      ended: (place) => this.#end(place),
    });
  }

  get active(): ReadonlyMap<Place, Rejoining> {
    return this.#active;
  }

  /** The state of a place for which the server has joined, until it has caught up. */
  joining(place: Place): Rejoining | undefined {
    if (place.state === 'in') return undefined;
    const rejoining = this.#active.get(place);
    return rejoining?.id === undefined ? undefined : rejoining;
  }

  // ── Losses ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** ping_muc has found a loss. Returns whether this module takes care of it. */
  takes(join: Join, cause: Cause): boolean {
    const place = this.#places.get(join.session, join.room.jid);
    if (place?.join !== join) return false;
    if (place.state === 'catching-up') this.loseAgain(place);
    if (place.state !== 'in') return true; // The room may have answered before it read our join.
    if (join.state === 'joining' || place.self === undefined) return false; // Only the client can repeat its own join.
    if (cause === 'given-up') return this.#endures(place);
    if (cause !== 'room-gone' || mayBeMadeAnew(place.room.facts)) return this.lose(place, cause);
    this.#places.setPayload(place, undefined); // Then assisted mode does not create the room again either.
    this.#context.metrics.rejoins.of('room gone').add();
    return false;
  }

  /** The room has removed the client. Returns false if the server does not join for it. */
  wasRemoved(place: Place, cause: string, delayMs: number): boolean {
    if (this.#budget.isLeft(place.session, place.room.jid)) return this.lose(place, cause, delayMs);
    this.#places.setPayload(place, undefined); // The room removes the client again and again.
    this.#context.metrics.rejoins.of('budget').add();
    return false;
  }

  /** The client is out, and has not been told. Returns false if the server cannot join for it. */
  lose(place: Place, cause: string, delayMs = 0): boolean {
    if (!isFit(place, this.#context.metrics)) return false;
    const change = this.#nickChange(place);
    if (!this.#enter(place, newId())) return false;
    this.absences.pause(place);
    this.#begin(place);
    this.#context.reports.lost(place, cause);
    if (change) this.defers(place, change);
    this.archives.settle(place.room);
    this.#queues.of(place).add(place, delayMs);
    return true;
  }

  /** The join may have been lost with its link, or the room has lost the client again. */
  loseAgain(place: Place): void {
    const rejoining = this.#active.get(place);
    if (rejoining === undefined) return;
    const change = this.#nickChange(place);
    this.#await(place, rejoining);
    if (change) this.defers(place, change);
    if (place.join.state === 'gone' && !this.#enter(place, newId())) return this.forget(place);
    this.#queues.of(place).add(place);
  }

  /** The change to a nick that the client has asked for, or that the room has announced, if the client does not know of it. */
  #nickChange(place: Place): Stanza | undefined {
    const { session, room, join, payload } = place;
    const nick = this.#context.joins.requested(join)?.nick ?? join.nick;
    if (nick === nickOf(place) || payload === undefined) return undefined;
    return nickChange(payload, session, `${room.jid}/${nick}`);
  }

  /** It is unknown whether the client is in. It is not told until the patience ends. */
  #endures(place: Place): boolean {
    if (!isFit(place, this.#context.metrics)) return false;
    this.#patience.begin(place);
    return true;
  }

  #begin(place: Place): void {
    place.state = 'lost';
    this.#active.set(place, newRejoining(place, this.#context.clock, this.heldBytes));
    this.#patience.begin(place);
  }

  #await(place: Place, rejoining: Rejoining): void {
    place.state = 'lost';
    endAnswer(rejoining);
  }

  // ── Joining ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends a join when the queue allows it. Returns false if nothing was sent. */
  #join(place: Place): boolean {
    const { module, now, reports, rooms } = this.#context;
    const rejoining = this.#active.get(place);
    const { session, room, payload, isUnwanted } = place;
    if (rejoining === undefined) return false;
    const id = newId();
    const user = session.jid.local ?? '';
    const isBlocked = module.ask('blocklist-blocks', { user, jid: room.jid }) === true;
    if (payload === undefined || isUnwanted || isBlocked || !this.#enter(place, id)) {
      this.#tell(place, 'lost');
      return false;
    }
    this.#budget.take(session, room.jid);
    rejoining.id = id;
    rejoining.mayBeIn = true;
    const known = [...this.absences.of(place), ...rooms.known(place)];
    beginAnswer(rejoining, place, { known, unknown: rooms.unknown(place) });
    place.state = 'joining';
    rejoining.timer.set(this.#queues.of(place).answerMs, () => this.#timedOut(place, rejoining));
    reports.count(place, 'joins');
    module.log.debug('joining again before the client notices', { session: session.id, room: room.jid });
    const heard = rejoining.isEndUnproven ? undefined : place.heard;
    const seconds = String(historySeconds(place.since, heard, now()));
    module.send(rejoinOf({ session, occupant: occupantOf(place), payload, id }, { seconds }));
    return true;
  }

  /** Tells the tracker of a join. Returns false if the client is in too many rooms. */
  #enter(place: Place, id: string): boolean {
    const join = this.#context.joins.enter(place.session, occupantOf(place), id);
    if (join !== undefined) place.join = join;
    return join !== undefined;
  }

  #timedOut(place: Place, rejoining: Rejoining): void {
    this.#context.metrics.rejoins.of('timeout').add();
    this.#await(place, rejoining);
    rejoining.isLate = true;
    this.#queues.of(place).timedOut(place);
  }

  /** The room has refused our join (XEP-0045 §7.2), and the tracker has removed it. */
  refused(place: Place, rejoining: Rejoining, error: StanzaError): void {
    const { metrics } = this.#context;
    metrics.rejoins.of(error.condition).add();
    this.#budget.giveBack(place.session, place.room.jid);
    rejoining.mayBeIn = false;
    this.#await(place, rejoining);
    if (!this.#enter(place, newId())) return this.forget(place);
    const queue = this.#queues.of(place);
    const next = nextTry(rejoining.refusals, error);
    if (next === 'never') return this.#tell(place, 'lost');
    if (typeof next === 'string') return queue.mustWait(place, next);
    queue.answered(place);
    queue.add(place, next);
  }

  /** The room has answered the join with a CAPTCHA (XEP-0158), which only the user can solve. */
  challenged(place: Place): void {
    this.#context.metrics.rejoins.of('captcha').add();
    this.#budget.giveBack(place.session, place.room.jid);
    this.#tell(place, 'lost');
  }

  // ── The client ───────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * A presence update or a nick change of the client, which the room would refuse now: returns whether it is kept until the
   * client is in again.
   */
  defers(place: Place, presence: Stanza): boolean {
    const rejoining = this.#active.get(place);
    if (rejoining === undefined || place.state === 'catching-up' || place.payload === undefined) return false;
    rejoining.wanted = presence;
    return true;
  }

  /** The user does not want to be in the room any more (XEP-0402 §3: the client should leave it). */
  unwanted(place: Place): void {
    place.isUnwanted = true;
    if (place.state === 'lost') this.#tell(place, 'lost');
  }

  /** The client joins by itself: gives it the held stanzas, and lets all others pass. */
  release(place: Place): void {
    this.outbox.release(place);
    const rejoining = this.#active.get(place);
    if (rejoining === undefined) return;
    give(place.session, rejoining.held.all);
    this.#end(place);
    this.#queues.remove(place);
  }

  /** The client has left, or its session has ended, or it is out. */
  forget(place: Place): void {
    if (this.#isAnswerDue(place)) this.former.add(place);
    this.#end(place);
    this.outbox.failAll(place);
    this.#queues.remove(place);
    this.#places.forget(place);
  }

  /** A user has removed the client, or the room was destroyed. The client sees that after the held stanzas. */
  thrownOut(place: Place): void {
    const { joins } = this.#context;
    const isAnswerDue = this.#isAnswerDue(place);
    this.release(place);
    if (isAnswerDue) joins.leave(place.join); // The room may read our join only now.
    joins.remove(place.join);
    this.forget(place);
  }

  #isAnswerDue(place: Place): boolean {
    return place.state !== 'catching-up' && this.#active.get(place)?.mayBeIn === true;
  }

  #end(place: Place): void {
    const rejoining = this.#active.get(place);
    place.state = 'in';
    rejoining?.timer.cancel();
    rejoining?.held.clear();
    this.#active.delete(place);
    this.#patience.end(place);
    this.absences.end(place);
    this.#context.reports.ended(place);
  }

  // ── Giving up ────────────────────────────────────────────────────────────────────────────────────────────────

  #impatient(place: Place): void {
    if (place.state === 'in' && place.join.provenAt > this.#patience.since(place)) return;
    this.#context.metrics.rejoins.of('patience').add();
    this.#tell(place, 'given-up', { isAssisted: true });
  }

  /**
   * Tells the client. If the room may let it in, or has done so, it leaves, and sees neither answer. `isAssisted`: the server
   * may join for it later.
   */
  #tell(place: Place, cause: Cause, { isAssisted = false } = {}): void {
    this.#context.reports.count(place, 'told');
    if (this.#active.get(place)?.mayBeIn) {
      this.former.add(place);
      if (cause !== 'given-up') this.#context.joins.withdraw(place.join); // Else ping_muc sends the leave later.
    }
    this.#end(place);
    this.#queues.remove(place);
    if (!isAssisted) this.#places.setPayload(place, undefined);
    this.#context.pingMuc()?.tell(place.join, cause);
  }

  /** The client must not stay in the room that has let it in. It leaves; all lost clients of the room are told. */
  leaveRoom(place: Place, cause: Cause): void {
    this.#tell(place, cause);
    this.#tellRoom(place, cause);
  }

  #tellRoom({ room }: Place, cause: Cause): void {
    if (cause === 'room-gone') room.facts = undefined; // So clients that are found lost later are told, too.
    inChunks(room.places.values(), this.#context.after, (chunk) => {
      for (const other of chunk) if (other.state !== 'in') this.#tell(other, cause);
    });
  }

  // ── Links, sleep, reload ─────────────────────────────────────────────────────────────────────────────────────

  linkUp(remote: string): void {
    this.#context.reports.linkUp(remote, this.#context.joins.domain(remote)?.brokenAt);
    this.#queues.linkUp(remote);
  }

  linkDown(remote: string): void {
    this.archives.linkDown(remote);
    for (const place of this.#active.keys()) {
      const isUnderWay = place.state === 'joining' || place.state === 'catching-up';
      if (isUnderWay && place.room.domain === remote) this.loseAgain(place);
    }
  }

  resumed(session: C2SSession): void {
    this.unconfirmed.woke(session);
    this.#goOn(session);
  }

  /** The client can be given the messages of further rooms. */
  #goOn(session: C2SSession): void {
    for (const place of session.state.mucPlaces?.values() ?? []) {
      const rejoining = this.#active.get(place);
      if (place.state === 'lost') this.#queues.of(place).add(place);
      else if (rejoining) this.catchUp.goOn(place, rejoining);
    }
  }

  /** Continues with a place whose join was under way when the module was reloaded. */
  resume(place: Place): void {
    const wasUnderWay = place.state !== 'lost';
    this.#begin(place);
    const rejoining = this.#active.get(place)!;
    rejoining.isPartial = wasUnderWay;
    if (wasUnderWay) rejoining.id = newId();
    this.#queues.of(place).add(place);
  }

  #readyAt({ session, room }: Place): number {
    if (!this.unconfirmed.takes(session)) return Number.POSITIVE_INFINITY;
    return this.#budget.readyAt(session, room.jid);
  }
}
