// The questions to one remote: how many at a time, how fast, and what each answer leads to.

import {
  CHUNK_SIZE,
  CongestionWindow,
  type Rate,
  ResettableTimer,
  type Stanza,
  type Timer,
} from 'enjamb/api';
import type { Context, Join } from './context.ts';
import { isDoubtful } from './in_doubt.ts';
import { AskingOrder } from './order.ts';
import type { PresenceProbes } from './presence_probes.ts';
import type { Questions, Reply } from './questions.ts';
import { RoomGates } from './room_gate.ts';
import {
  type Answer,
  type Evidence,
  isAnswer,
  isUnknown,
  judgePing,
  judgePresence,
  judgeRoom,
  judgeService,
  newEvidence,
  type Outcome,
  type Question,
  type Relay,
  type Verdict,
} from './verdict.ts';

/** What a survey reports to. */
export interface Outage {
  /** An answer has been judged, or its absence. */
  judged(join: Join, verdict: Verdict): void;
  concluded(finding: Finding): void;
  /** A ping was answered after its timeout. */
  late(join: Join, reply: Reply): void;
  /** Nothing is being asked, and nothing waits to be asked. */
  surveyed(): void;
  /** Whether the client is about to be told that it is out. */
  isToldOf(join: Join): boolean;
}

/** What was found out about one join. */
export interface Finding {
  readonly join: Join;
  readonly outcome: Outcome;
  /** Whether the room's other joins are in doubt if this one is lost. */
  readonly concernsRoom: boolean;
  /** The last answer. */
  readonly reply: Stanza | undefined;
}

export interface SurveyParts {
  readonly context: Context;
  readonly questions: Questions;
  readonly presence: PresenceProbes;
  /** Of this remote, and of all remotes together. */
  readonly rates: readonly Rate[];
  readonly outage: Outage;
}

/** One join that is asked about. */
interface Case {
  readonly join: Join;
  readonly evidence: Evidence;
  /** A join that was proved after this is no longer in doubt. */
  readonly since: number;
  readonly concernsRoom: boolean;
  reply: Stanza | undefined;
  isClosed: boolean;
  /** A question is not answered yet. */
  isAsking: boolean;
  /** Runs until the next question. */
  timer: Timer | undefined;
  /** A nick change is unanswered, and the new nick was not the client's: the old one is next. */
  triesOldNick: boolean;
}

/** Questions that may be unanswered at a time. */
const WINDOW = { first: 8, largest: 256 };

export class Survey {
  readonly #parts: SurveyParts;
  readonly #cases = new Map<Join, Case>();
  readonly #gates = new RoomGates<Case>();
  readonly #window = new CongestionWindow(WINDOW);
  /** Asked about as soon as the window lets it, before the joins of the order. */
  #ready: Case[] = [];
  #order = new AskingOrder();
  #asking = 0;
  readonly #timer: ResettableTimer;
  #irc: boolean | undefined;

  constructor(parts: SurveyParts) {
    this.#parts = parts;
    this.#timer = new ResettableTimer(parts.context.clock);
  }

  has(join: Join): boolean {
    return this.#cases.has(join);
  }

  get isIdle(): boolean {
    return this.#cases.size === 0;
  }

  /** Asks about one join immediately, whatever else is being asked. */
  askNow(join: Join, concernsRoom = false): void {
    if (this.#cases.has(join)) return;
    const subject = this.#begin(join, this.#parts.context.now(), concernsRoom);
    this.#gates.claim(subject);
    this.#step(subject, () => this.#ask(subject));
  }

  /** Forgets what rooms have said about themselves, unless joins are being asked about. */
  forgetRooms(): void {
    if (this.isIdle) this.#gates.clear();
  }

  /** A round of questions begins, with a small window. */
  reset(): void {
    this.#window.reset();
    this.#order = new AskingOrder();
  }

  /** Asks about all of these in their order, as fast as the window allows. */
  add(joins: Iterable<Join>): void {
    this.#order.add(joins);
    this.#pump();
  }

  /** Asks about these before all others. */
  enqueue(joins: Iterable<Join>, concernsRoom = false): void {
    const now = this.#parts.context.now();
    for (const join of joins) {
      if (!this.#cases.has(join)) this.#ready.push(this.#begin(join, now, concernsRoom));
    }
    this.#pump();
  }

  /** Drops what was not asked yet. Questions that were sent continue. */
  stop(): void {
    this.#order = new AskingOrder();
    for (const subject of this.#cases.values()) if (!subject.isAsking) this.#close(subject);
    this.#ready = [];
    this.#gates.clear();
  }

  /** Ends everything. Answers that still come are late ones. */
  clear(): void {
    for (const subject of this.#cases.values()) this.#close(subject);
    this.stop();
    this.#timer.cancel();
  }

  /** The join was settled by something else than an answer to us. */
  drop(join: Join): void {
    const subject = this.#cases.get(join);
    if (!subject) return;
    this.#close(subject);
    this.#requeue(this.#gates.open(subject));
    this.#pump();
  }

  #begin(join: Join, since: number, concernsRoom: boolean): Case {
    const subject: Case = {
      join,
      evidence: newEvidence(),
      since,
      concernsRoom,
      reply: undefined,
      isClosed: false,
      isAsking: false,
      timer: undefined,
      triesOldNick: false,
    };
    this.#cases.set(join, subject);
    return subject;
  }

  /** Asks as many questions as the limits allow now. After an exception it continues a little later. */
  #pump(): void {
    const { context } = this.#parts;
    try {
      this.#askNext();
    } catch (error) {
      context.module.report(error);
      this.#pumpAfter(context.settings.soon);
    }
  }

  #pumpAfter(delayMs: number): void {
    this.#timer.set(delayMs, () => this.#pump());
  }

  #askNext(): void {
    this.#timer.cancel();
    const { rates, outage } = this.#parts;
    while (this.#asking < this.#window.size) {
      const wait = Math.max(...rates.map((rate) => rate.waitMs));
      if (wait > 0) return this.#pumpAfter(wait);
      const subject = this.#next();
      if (subject === 'later') return this.#pumpAfter(0);
      if (subject === undefined) break;
      this.#step(subject, () => this.#ask(subject));
    }
    if (this.isIdle) outage.surveyed();
  }

  /** Runs one step for one join. If it throws, the join counts as unanswered, and the others continue. */
  #step(subject: Case, step: () => void): void {
    const { module } = this.#parts.context;
    try {
      step();
    } catch (error) {
      module.report(error, { room: subject.join.room.jid });
      this.#pumpAfter(0);
      if (subject.isClosed) return;
      this.#settled(subject);
      this.#report(subject, 'silent');
    }
  }

  /** `later`: too many were passed over, because they wait for their rooms or are settled. */
  #next(): Case | 'later' | undefined {
    const { outage } = this.#parts;
    for (let passed = 0; passed < CHUNK_SIZE; passed++) {
      const subject = this.#ready.shift() ?? this.#fromOrder();
      if (subject === undefined) return undefined;
      if (!this.#isOpen(subject) || outage.isToldOf(subject.join)) this.#settled(subject);
      else if (this.#gates.admits(subject)) return subject;
    }
    return 'later';
  }

  #fromOrder(): Case | undefined {
    for (let join = this.#order.next(); join; join = this.#order.next()) {
      if (!this.#cases.has(join)) return this.#begin(join, join.room.domain.brokenAt, false);
    }
    return undefined;
  }

  /** Whether the answer is still wanted. */
  #isOpen({ join, since, isClosed }: Case): boolean {
    return !isClosed && isDoubtful(join, since, this.#parts.context.joins);
  }

  #ask(subject: Case): void {
    const { context, presence, rates } = this.#parts;
    const { join, evidence } = subject;
    const delay = untilNickIsKnown(join, context);
    if (delay > 0) {
      this.#requeue(this.#gates.open(subject));
      this.#wait(subject, delay);
      return;
    }
    subject.isAsking = true;
    this.#asking++;
    evidence.pings++;
    for (const rate of rates) rate.take();
    const nick = nickFor(subject, context);
    evidence.irc = this.#irc;
    // The answer to a probe cannot be told from the room's answer to a join.
    evidence.mayProbe = join.state !== 'joining' && presence.may(join.room.jid);
    this.#question(subject, 'ping', nick, (answer, relay) => {
      const verdict = judgePing(answer, relay, evidence);
      if ('conclude' in verdict && verdict.conclude === 'joined' && nick !== join.nick)
        context.joins.adopt(join, nick);
      return verdict;
    });
  }

  #question(
    subject: Case,
    question: Question,
    nick: string,
    judge: (answer: Answer, relay: Relay) => Verdict,
  ): void {
    const { questions, outage } = this.#parts;
    questions.ask(subject.join, question, nick, (reply) => {
      if (reply?.late) return outage.late(subject.join, reply);
      if (subject.isClosed) return;
      this.#step(subject, () => {
        if (reply === undefined) return this.#askAnew(subject);
        subject.reply = reply.stanza;
        this.#judged(subject, reply.answer, judge(reply.answer, reply.relay));
      });
    });
  }

  #judged(subject: Case, answer: Answer, verdict: Verdict): void {
    this.#parts.context.metrics.answered(answer, verdict);
    this.#parts.outage.judged(subject.join, verdict);
    if (!subject.isClosed) this.#proceed(subject, verdict);
  }

  #proceed(subject: Case, verdict: Verdict): void {
    if (isAnswer(verdict)) this.#window.answered();
    if ('conclude' in verdict) {
      this.#conclude(subject, verdict.conclude);
      this.#pump();
    } else if ('again' in verdict) {
      const { soon, later } = this.#parts.context.settings;
      this.#release(subject);
      this.#requeue(this.#gates.open(subject));
      if (verdict.again === 'later') subject.triesOldNick = true;
      this.#wait(subject, verdict.again === 'soon' ? soon : later);
      this.#pump();
    } else this.#askFurther(subject, verdict.ask);
  }

  /** Another question about the same join, because the answer to the ping did not decide. */
  #askFurther(subject: Case, question: 'room' | 'service' | 'presence'): void {
    const { join, evidence } = subject;
    if (question === 'presence') this.#question(subject, question, join.nick, judgePresence);
    else if (question === 'service') {
      this.#question(subject, question, join.nick, (answer) => {
        const verdict = judgeService(answer, evidence);
        this.#irc = evidence.irc;
        return verdict;
      });
    } else {
      const facts = this.#gates.facts(join.room.jid);
      if (facts) this.#proceed(subject, judgeRoom({ kind: 'result', facts }, evidence));
      else this.#question(subject, question, join.nick, (answer) => this.#roomAnswered(subject, answer));
    }
  }

  #roomAnswered({ join, evidence }: Case, answer: Answer): Verdict {
    const verdict = judgeRoom(answer, evidence);
    this.#gates.learn(join.room.jid, evidence.room);
    return verdict;
  }

  #conclude(subject: Case, outcome: Outcome): void {
    if (isUnknown(outcome)) this.#window.failed();
    this.#close(subject);
    this.#report(subject, outcome);
    if (!isUnknown(outcome)) this.#requeue(this.#gates.open(subject));
    else for (const waiting of this.#gates.fail(subject)) this.#close(waiting);
  }

  #report({ join, concernsRoom, reply }: Case, outcome: Outcome): void {
    this.#parts.outage.concluded({ join, outcome, concernsRoom, reply });
  }

  /** The client has joined, left or changed its nick meanwhile. Asks again, unless that settles it. */
  #askAnew(subject: Case): void {
    const { join, since, concernsRoom } = subject;
    this.#settled(subject);
    this.#ready.push(this.#begin(join, since, concernsRoom));
    this.#pump();
  }

  #settled(subject: Case): void {
    this.#close(subject);
    this.#requeue(this.#gates.open(subject));
  }

  #wait(subject: Case, delayMs: number): void {
    subject.timer = this.#parts.context.after(delayMs, () => {
      subject.timer = undefined;
      this.#ready.unshift(subject);
      this.#pump();
    });
  }

  #requeue(cases: readonly Case[]): void {
    for (const subject of cases) if (!subject.isClosed) this.#ready.push(subject);
  }

  #close(subject: Case): void {
    if (subject.isClosed) return;
    this.#release(subject);
    subject.isClosed = true;
    subject.timer?.cancel();
    if (this.#cases.get(subject.join) === subject) this.#cases.delete(subject.join);
  }

  #release(subject: Case): void {
    if (subject.isAsking) this.#asking--;
    subject.isAsking = false;
  }
}

/** XEP-0410 §4: no ping between a nick change and its answer, for at most `settings.renaming`. In ms. */
function untilNickIsKnown(join: Join, { joins, settings, now }: Context): number {
  const requested = join.state === 'renaming' ? joins.requested(join) : undefined;
  return requested === undefined ? 0 : Math.max(0, requested.at + settings.renaming - now());
}

/** The nick to ask about. After an unanswered nick change the new one comes first: the room has most likely made it. */
function nickFor({ join, triesOldNick }: Case, { joins }: Context): string {
  const requested = join.state === 'renaming' ? joins.requested(join)?.nick : undefined;
  return requested === undefined || triesOldNick ? join.nick : requested;
}
