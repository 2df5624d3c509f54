// The outage of one remote, whose joins are in doubt. While the remote does not answer, one question at a time is
// asked, for any number of rooms and joins. When it answers, all joins in doubt are asked about.
//
//             trigger          delay             answer               all settled
//     idle ───────────▶ waiting ─────▶ canary ─────────────▶ fan-out ─────────────▶ idle
//                                       ▲  │ no answer           │ some undecided
//                        pause, or link │  ▼                     ▼
//                                       down ◀──────────────────── ── give-up: notify all ──▶ idle

import { CHUNK_SIZE, inChunks, nextChunk, Rate, ResettableTimer, type Stanza } from 'enjamb/api';
import type { Context, Join } from './context.ts';
import { Episode, type EpisodeRecord, entries, type Trigger } from './episode.ts';
import { InDoubt, isIn } from './in_doubt.ts';
import type { NoticeCause, Notices } from './notices.ts';
import type { Questions, Reply } from './questions.ts';
import { type Finding, type Outage, Survey, type SurveyParts } from './survey.ts';
import { isAnswer, isUnknown, judgePing, newEvidence, type Outcome, type Verdict } from './verdict.ts';

export type OutageState = 'idle' | 'waiting' | 'canary' | 'fan-out' | 'down';

export interface OutageParts extends Omit<SurveyParts, 'rates' | 'outage'> {
  readonly notices: Notices;
  /** The rate of all remotes. */
  readonly total: Rate;
  /** The present outage of a remote; an answer may arrive after the outage that asked has ended. */
  current(remote: string): RemoteOutage;
  /** Called when an outage has ended. */
  ended(record: EpisodeRecord): void;
}

/** The number of undecided joins in a row after which the remote counts as down again. */
const MAX_FAILURES = 8;
/** Triggers by which stanzas may have been lost. */
const LOSSES: ReadonlySet<Trigger> = new Set(['link-lost', 'link-silent', 'service-down']);

export class RemoteOutage implements Outage {
  readonly remote: string;
  readonly #context: Context;
  readonly #parts: OutageParts;
  readonly #notices: Notices;
  readonly #questions: Questions;
  readonly #survey: Survey;
  readonly #inDoubt: InDoubt;
  readonly #timer: ResettableTimer;
  readonly #deadline: ResettableTimer;
  #state: OutageState = 'idle';
  #episode: Episode | undefined;
  #lastWakeUp = Number.NEGATIVE_INFINITY;
  #recoveredAt: number | undefined;
  #answeredAt = Number.NEGATIVE_INFINITY;
  /** When the link last broke while questions were pending; 0 if it did not. */
  #brokenAgainAt = 0;
  /** Undecided joins in a row. */
  #failures = 0;
  #canary: Join | undefined;
  #canaryAt = 0;
  /** Whether the survey has not got all joins in doubt yet. */
  #isFeeding = false;
  /** Withdraws the want of the link. */
  #unwant: (() => void) | undefined;
  /** Whether other modules want the remote to be asked when it is reachable. */
  #isUrgent = false;

  constructor(remote: string, parts: OutageParts) {
    const { context, notices, questions, total } = parts;
    this.remote = remote;
    this.#context = context;
    this.#parts = parts;
    this.#notices = notices;
    this.#questions = questions;
    this.#inDoubt = new InDoubt(remote, context.joins, (join) => notices.isSettled(join));
    this.#timer = new ResettableTimer(context.clock);
    this.#deadline = new ResettableTimer(context.clock);
    const rates = [new Rate(context.settings.rate, context.clock), total];
    this.#survey = new Survey({ ...parts, rates, outage: this });
  }

  get state(): OutageState {
    return this.#state;
  }

  /** Whether no question is pending and no state is needed. */
  get isOver(): boolean {
    return this.#state === 'idle' && this.#survey.isIdle && !this.#isUrgent;
  }

  /** When the remote last answered a question. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  /** Whether this join is being asked about. */
  has(join: Join): boolean {
    return this.#survey.has(join);
  }

  // ── Triggers ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Call this when joins may have been lost. The first trigger of a burst starts the delay. */
  trigger(cause: Trigger): void {
    const { metrics, now, settings } = this.#context;
    metrics.triggers.of(cause).add();
    // An unreachable remote has not lost anything new. Our own questions fail with the same trigger.
    const isLoss = LOSSES.has(cause);
    if (isLoss || this.#state === 'idle') this.#doubt();
    if (isLoss) this.#recoveredAt = undefined;
    if (this.#state === 'idle') this.#start(cause);
    else if (cause === 'link-silent') this.#timer.bringForward(settings.soon);
    // The old stream was dead for a while, so a new one may work immediately.
    if (cause === 'link-silent') this.#want();
    if (isLoss && (this.#state === 'canary' || this.#state === 'fan-out')) this.#brokenAgainAt = now();
  }

  /** Call this when a stream with the remote is up. */
  linkUp(): void {
    const { now, settings } = this.#context;
    const { fast, wakeUp, wakeUpSpread, wakeUpGap } = settings;
    this.#questions.linkUp(this.remote);
    this.#recoveredAt ??= now();
    this.#unwant?.();
    this.#unwant = undefined;
    if (this.#isUrgent) return this.#hurry();
    const isEager = fast || this.#episode?.cause === 'link-silent';
    if (this.#state !== 'down' && !(this.#state === 'waiting' && isEager)) return;
    const at = Math.max(now() + wakeUp + wakeUpSpread * Math.random(), this.#lastWakeUp + wakeUpGap);
    if (this.#timer.bringForward(at - now())) this.#lastWakeUp = at;
  }

  /** Wants the link, and asks 1–2 s after it is up, or from now if it is already up. */
  askSoon(): void {
    this.#isUrgent = true;
    if (this.#recoveredAt !== undefined) this.#hurry();
    else this.#want();
  }

  #hurry(): void {
    this.#isUrgent = false;
    if (this.#state === 'canary' || this.#state === 'fan-out') return;
    if (this.#state === 'idle') this.#start('asked');
    this.#timer.bringForward(1_000 + 1_000 * Math.random());
  }

  /** Asks about one join immediately. `concernsRoom`: whether its loss puts the room's other joins in doubt. */
  confirm(join: Join, concernsRoom = false): void {
    if (!this.isSettled(join)) this.#survey.askNow(join, concernsRoom);
  }

  /** The same for several joins, as fast as the window allows. */
  confirmAll(joins: readonly Join[], concernsRooms: boolean): void {
    const open = joins.filter((join) => !this.isSettled(join));
    this.#survey.enqueue(open, concernsRooms);
  }

  /** Drops a join that was settled without an answer to us. */
  drop(join: Join): void {
    this.#survey.drop(join);
  }

  /** Asks about all joins now. Returns their number. */
  askNow(): number {
    if (this.#state === 'idle') this.#begin('asked');
    this.#doubt();
    const count = entries(this.remote, this.#context);
    if (this.#state !== 'canary' && this.#state !== 'fan-out') this.#nextCanary();
    return count;
  }

  #doubt(): void {
    const { joins, settings } = this.#context;
    const domain = joins.domain(this.remote);
    if (domain) joins.doubt(domain, settings.settle);
  }

  // ── The steps ────────────────────────────────────────────────────────────────────────────────────────────────

  #start(cause: Trigger): void {
    this.#begin(cause);
    const { delay, jitter, soon } = this.#context.settings;
    this.#state = 'waiting';
    const delayMs = cause === 'link-silent' ? soon : delay + jitter * Math.random();
    this.#timer.set(delayMs, () => this.#nextCanary());
  }

  #begin(cause: Trigger): void {
    this.#episode = new Episode(this.remote, cause, this.#context);
    const { giveUp } = this.#context.settings;
    if (Number.isFinite(giveUp)) this.#deadline.set(giveUp, () => this.#timeIsUp());
  }

  #nextCanary(): void {
    this.#timer.cancel();
    const waitMs = this.#questions.waitMs(this.remote);
    if (waitMs === Number.POSITIVE_INFINITY) return this.#goDown(); // Only one question waits for the link.
    if (waitMs > 0) return this.#pause(waitMs);
    this.#survey.forgetRooms();
    const canary = this.#inDoubt.canary();
    if (canary === undefined) return this.#finish();
    this.#canary = canary;
    this.#canaryAt = this.#context.now();
    this.#state = 'canary';
    this.#survey.askNow(canary);
  }

  #fanOut(): void {
    this.#state = 'fan-out';
    this.#recoveredAt ??= this.#context.now();
    this.#failures = 0;
    this.#survey.reset();
    this.#isFeeding = true;
    this.#feed(this.#inDoubt[Symbol.iterator]());
  }

  /** Adds one chunk per tick, so that many joins do not block the process. */
  #feed(inDoubt: Iterator<Join>): void {
    const chunk = nextChunk(inDoubt);
    this.#isFeeding = chunk.length === CHUNK_SIZE;
    this.#survey.add(chunk);
    if (!this.#isFeeding) return;
    this.#context.after(0, () => {
      if (this.#isFeeding) this.#feed(inDoubt);
    });
  }

  #goDown(): void {
    const { giveUp } = this.#context.settings;
    const episode = this.#episode!;
    // The link broke during the canary and is up again: the question may have been lost with the old stream.
    const isBack = this.#recoveredAt !== undefined && this.#brokenAgainAt >= this.#canaryAt;
    this.#recoveredAt = undefined;
    if (episode.age >= giveUp) return this.#giveUp();
    this.#want();
    this.#pause(episode.backoff.failed());
    if (isBack) this.linkUp();
  }

  #pause(ms: number): void {
    this.#state = 'down';
    this.#timer.set(ms, () => this.#nextCanary());
  }

  /** Wants the link, because nothing else may open it. */
  #want(): void {
    const link = this.#context.module.link(this.remote);
    if (link.state !== 'up') this.#unwant ??= link.want({ soon: true });
  }

  /** Gives up, unless a fan-out is running, which decides itself. */
  #timeIsUp(): void {
    if (this.#state === 'canary' || this.#state === 'down') this.#giveUp();
  }

  /** Sends notices to all clients in doubt, and leaves to their rooms when the remote is reachable. */
  #giveUp(): void {
    this.#state = 'down';
    this.#timer.cancel();
    this.#survey.clear();
    const chunk = nextChunk(this.#inDoubt[Symbol.iterator]());
    this.#context.metrics.giveUps.add(chunk.length);
    this.#episode!.unknown += chunk.length;
    for (const join of chunk) this.#giveUpOn(join);
    if (chunk.length === CHUNK_SIZE) this.#timer.set(0, () => this.#giveUp());
    else this.#finish();
  }

  #giveUpOn(join: Join): void {
    if (this.#notices.isTaken(join, 'given-up')) {
      this.#inDoubt.settle(join, this.#context.now());
      this.#isUrgent = true; // It is asked about when the link is up.
      return;
    }
    this.#context.joins.leaveLater(join);
    this.#notices.tell(join, 'given-up');
  }

  #finish(): void {
    const { now, settings } = this.#context;
    if (this.#episode) this.#parts.ended(this.#episode.end());
    this.#episode = undefined;
    this.#state = 'idle';
    this.#timer.cancel();
    this.#deadline.cancel();
    if (!this.#isUrgent) {
      this.#unwant?.();
      this.#unwant = undefined;
    }
    this.#inDoubt.clear();
    this.#survey.forgetRooms();
    this.#canary = undefined;
    const brokenAt = this.#brokenAgainAt;
    this.#brokenAgainAt = 0;
    if (brokenAt === 0) return;
    this.#start('link-lost');
    this.#timer.bringForward(Math.max(0, brokenAt + settings.delay + settings.jitter - now()));
  }

  // ── Reports of the survey ────────────────────────────────────────────────────────────────────────────────────

  isSettled(join: Join): boolean {
    return this.#notices.isSettled(join);
  }

  judged(join: Join, verdict: Verdict): void {
    if (this.#episode) this.#episode.pings++;
    if (isAnswer(verdict)) this.#answeredAt = this.#context.now();
    // Any answer shows that the remote can be asked.
    if (this.#isCanary(join) && !('conclude' in verdict)) this.#fanOut();
  }

  concluded({ join, outcome, concernsRoom, reply }: Finding): void {
    this.#episode?.concluded(outcome);
    if (isUnknown(outcome)) {
      this.#undecided(join);
      return;
    }
    this.#failures = 0;
    this.#apply(join, outcome, reply);
    if (outcome === 'lost' && concernsRoom) this.#askOthers(join);
    if (this.#isCanary(join)) this.#fanOut();
  }

  /** Applies a late answer that decides, and wakes up, because the remote is reachable. */
  late(join: Join, reply: Reply): void {
    const current = this.#parts.current(this.remote);
    if (current !== this) return current.late(join, reply);
    const verdict = judgePing(reply.answer, reply.relay, newEvidence(1));
    this.#context.metrics.answered(reply.answer, verdict);
    if ('conclude' in verdict && (verdict.conclude === 'joined' || verdict.conclude === 'lost')) {
      this.#apply(join, verdict.conclude, reply.stanza);
      this.#survey.drop(join);
    }
    if (isAnswer(verdict)) this.linkUp();
  }

  surveyed(): void {
    if (this.#state === 'canary')
      this.#nextCanary(); // The canary was settled without an answer.
    else if (this.#state === 'fan-out' && !this.#isFeeding) this.#roundOver();
    else if (this.#state === 'idle') this.#survey.forgetRooms();
  }

  #roundOver(): void {
    if (this.#inDoubt.isEmpty || this.#brokenAgainAt > 0) this.#finish();
    else this.#goDown();
  }

  #undecided(join: Join): void {
    if (this.#isCanary(join)) this.#goDown();
    else if (this.#state === 'idle') this.trigger('unanswered');
    else if (this.#state === 'fan-out' && ++this.#failures >= MAX_FAILURES) {
      this.#isFeeding = false;
      this.#survey.stop();
    }
  }

  #askOthers(join: Join): void {
    inChunks(join.room.joins.values(), this.#context.after, (chunk) => {
      this.#survey.enqueue(chunk.filter((other) => other !== join && isIn(other)));
    });
  }

  #apply(join: Join, outcome: Outcome, reply: Stanza | undefined): void {
    const { joins, proofs } = this.#context;
    if (isOut(join, outcome)) this.#lost(join, outcome, reply);
    else if (outcome === 'joined') proofs.answered(join);
    if (outcome === 'unproven') {
      joins.presume(join);
      this.#inDoubt.settle(join, this.#context.now());
    }
  }

  #lost(join: Join, outcome: Outcome, reply: Stanza | undefined): void {
    const { joins } = this.#context;
    const isTaken = this.#notices.isTaken(join, causeOf(outcome), reply);
    // The room has the client under an unknown nick, or its answer to the join was lost: a leave makes both sides
    // agree.
    if (outcome === 'desync' || (!isTaken && outcome !== 'lost' && outcome !== 'room-gone'))
      joins.leave(join);
    if (isTaken) this.#inDoubt.settle(join, this.#context.now());
    else this.#notices.tell(join, causeOf(outcome), this.#recoveredAt);
    const others = outcome === 'room-gone' ? this.#notices.tellRoom(join, this.#recoveredAt) : 0;
    if (this.#episode) this.#episode.lost += 1 + others;
  }

  #isCanary(join: Join): boolean {
    return this.#state === 'canary' && join === this.#canary;
  }
}

function isOut(join: Join, outcome: Outcome): boolean {
  if (outcome === 'lost' || outcome === 'room-gone' || outcome === 'desync') return true;
  // A client that is entering must join again, whatever the answer: the answer to its join was lost.
  return join.state === 'joining' && !isUnknown(outcome);
}

function causeOf(outcome: Outcome): NoticeCause {
  return outcome === 'room-gone' || outcome === 'desync' ? outcome : 'lost';
}
