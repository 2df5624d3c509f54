// The investigations at one domain: how many at once, how fast, and what is asked next after each answer.

import { CHUNK_SIZE, CongestionWindow, type Rate, ResettableTimer } from 'enjamb/api';
import { type Case, isOpen, newCase } from './case.ts';
import type { Context, Join } from './context.ts';
import { nickFor, untilNickIsKnown } from './nicks.ts';
import type { Probes } from './probe.ts';
import { Rooms } from './rooms.ts';
import { Rotation } from './rotation.ts';
import {
  type Answer,
  isAnswer,
  isUnknown,
  judgePing,
  judgePresence,
  judgeRoom,
  judgeService,
  type Outcome,
  type Question,
  type Relay,
  type Verdict,
} from './verdict.ts';

export interface InquiryEvents {
  /** An answer has been judged, or its absence. */
  judged(subject: Case, verdict: Verdict): void;
  concluded(subject: Case, outcome: Outcome): void;
  /** Nothing is under way, nothing waits. */
  idle(): void;
}

export interface InquiryParts {
  readonly context: Context;
  readonly probes: Probes;
  /** Of this domain, and of all domains together. */
  readonly rates: readonly Rate[];
  /** Which rooms have been sent a presence probe of late. */
  readonly presenceProbes: { may(room: string): boolean; sent(room: string): void };
  /** Whether the client is about to be told that it is out. */
  isPending(join: Join): boolean;
  readonly events: InquiryEvents;
}

/** Questions that may be unanswered at a time. */
const WINDOW = { first: 8, largest: 256 };

export class Inquiries {
  readonly #parts: InquiryParts;
  readonly #cases = new Map<Join, Case>();
  readonly #rooms = new Rooms();
  readonly #window = new CongestionWindow(WINDOW);
  /** To be asked about as soon as there is room, before those of the rotation. */
  #ready: Case[] = [];
  #rotation = new Rotation();
  #asking = 0;
  readonly #timer: ResettableTimer;
  #irc: boolean | undefined;

  constructor(parts: InquiryParts) {
    this.#parts = parts;
    this.#timer = new ResettableTimer(parts.context.clock);
  }

  has(join: Join): boolean {
    return this.#cases.has(join);
  }

  get isIdle(): boolean {
    return this.#cases.size === 0;
  }

  /** Asks about one client now, whatever else is under way. */
  askNow(join: Join, concernsRoom = false): void {
    if (this.#cases.has(join)) return;
    const subject = this.#begin(join, this.#parts.context.now(), concernsRoom);
    this.#rooms.claim(subject);
    this.#step(subject, () => this.#ask(subject));
  }

  /** What rooms said about themselves long ago counts no longer. */
  forgetRooms(): void {
    if (this.isIdle) this.#rooms.clear();
  }

  /** A round of questions begins, carefully. */
  reset(): void {
    this.#window.reset();
    this.#rotation = new Rotation();
  }

  /** Asks about all of these, each in its turn, as fast as the window lets it. */
  add(joins: Iterable<Join>): void {
    this.#rotation.add(joins);
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

  /** Drops what has not been asked yet; what is under way goes on. */
  stop(): void {
    this.#rotation = new Rotation();
    for (const subject of this.#cases.values()) if (!subject.isAsking) this.#close(subject);
    this.#ready = [];
    this.#rooms.clear();
  }

  /** Ends everything; answers that still come are late ones. */
  clear(): void {
    for (const subject of this.#cases.values()) this.#close(subject);
    this.stop();
    this.#timer.cancel();
  }

  /** The question about this client has been settled otherwise. */
  drop(join: Join): void {
    const subject = this.#cases.get(join);
    if (!subject) return;
    this.#close(subject);
    this.#requeue(this.#rooms.open(subject));
    this.#pump();
  }

  #begin(join: Join, since: number, concernsRoom: boolean): Case {
    const subject = newCase(join, since, concernsRoom);
    this.#cases.set(join, subject);
    return subject;
  }

  /** Asks as many rooms as the limits allow now. After an exception it continues a little later. */
  #pump(): void {
    const { context } = this.#parts;
    try {
      this.#askNext();
    } catch (error) {
      context.report(error);
      this.#pumpAfter(context.settings.soon);
    }
  }

  #pumpAfter(delayMs: number): void {
    this.#timer.set(delayMs, () => this.#pump());
  }

  #askNext(): void {
    this.#timer.cancel();
    const { rates } = this.#parts;
    while (this.#asking < this.#window.size) {
      const wait = Math.max(...rates.map((rate) => rate.waitMs));
      if (wait > 0) return this.#pumpAfter(wait);
      const subject = this.#next();
      if (subject === 'later') return this.#pumpAfter(0);
      if (subject === undefined) break;
      this.#step(subject, () => this.#ask(subject));
    }
    if (this.isIdle) this.#parts.events.idle();
  }

  /** Runs one step for one client. If it throws, the client counts as unanswered, and the other clients continue. */
  #step(subject: Case, step: () => void): void {
    const { context } = this.#parts;
    try {
      step();
    } catch (error) {
      context.report(error, { room: subject.join.room.jid });
      this.#pumpAfter(0);
      if (subject.isClosed) return;
      this.#settled(subject);
      this.#parts.events.concluded(subject, 'silent');
    }
  }

  /** `later`: too many had to be passed over, as they wait for their rooms or are settled. */
  #next(): Case | 'later' | undefined {
    for (let passed = 0; passed < CHUNK_SIZE; passed++) {
      const subject = this.#ready.shift() ?? this.#fromRotation();
      if (subject === undefined) return undefined;
      if (!isOpen(subject, this.#parts.context.joins) || this.#parts.isPending(subject.join))
        this.#settled(subject);
      else if (this.#rooms.admits(subject)) return subject;
    }
    return 'later';
  }

  #fromRotation(): Case | undefined {
    for (let join = this.#rotation.next(); join; join = this.#rotation.next()) {
      if (!this.#cases.has(join)) return this.#begin(join, join.room.domain.brokenAt, false);
    }
    return undefined;
  }

  #ask(subject: Case): void {
    const { join, inquiry } = subject;
    const delay = untilNickIsKnown(join, this.#parts.context);
    if (delay > 0) {
      this.#requeue(this.#rooms.open(subject));
      this.#wait(subject, delay);
      return;
    }
    subject.isAsking = true;
    this.#asking++;
    inquiry.pings++;
    for (const rate of this.#parts.rates) rate.take();
    const nick = nickFor(subject, this.#parts.context);
    inquiry.irc = this.#irc;
    // To a client that waits to be let in, the same presence would be the room's answer.
    inquiry.mayProbe = join.state !== 'joining' && this.#parts.presenceProbes.may(join.room.jid);
    this.#question(subject, 'ping', nick, (answer, relay) => {
      const verdict = judgePing(answer, relay, inquiry);
      if ('conclude' in verdict && verdict.conclude === 'joined' && nick !== join.nick) {
        this.#parts.context.joins.adopt(join, nick);
      }
      return verdict;
    });
  }

  #question(
    subject: Case,
    question: Question,
    nick: string,
    judge: (answer: Answer, relay: Relay) => Verdict,
  ): void {
    this.#parts.probes.ask(subject.join, question, nick, (answer, relay) => {
      if (subject.isClosed) return;
      this.#step(subject, () => {
        if (answer === undefined) this.#void(subject);
        else this.#judged(subject, answer, judge(answer, relay));
      });
    });
  }

  #judged(subject: Case, answer: Answer, verdict: Verdict): void {
    this.#parts.context.measures.answered(answer, verdict);
    this.#parts.events.judged(subject, verdict);
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
      this.#requeue(this.#rooms.open(subject));
      if (verdict.again === 'later') subject.triesOldNick = true;
      this.#wait(subject, verdict.again === 'soon' ? soon : later);
      this.#pump();
    } else this.#askFurther(subject, verdict.ask);
  }

  /** A tie-break: another question about the same client. */
  #askFurther(subject: Case, question: 'room' | 'service' | 'presence'): void {
    const { join, inquiry } = subject;
    if (question === 'presence') {
      this.#parts.presenceProbes.sent(join.room.jid);
      this.#question(subject, question, join.nick, judgePresence);
    } else if (question === 'service') {
      this.#question(subject, question, join.nick, (answer) => {
        const verdict = judgeService(answer, inquiry);
        this.#irc = inquiry.irc;
        return verdict;
      });
    } else {
      const facts = this.#rooms.facts(join.room.jid);
      if (facts) this.#proceed(subject, judgeRoom({ kind: 'result', facts }, inquiry));
      else this.#question(subject, question, join.nick, (answer) => this.#roomAnswered(subject, answer));
    }
  }

  #roomAnswered(subject: Case, answer: Answer): Verdict {
    const verdict = judgeRoom(answer, subject.inquiry);
    this.#rooms.learn(subject.join.room.jid, subject.inquiry.room);
    return verdict;
  }

  #conclude(subject: Case, outcome: Outcome): void {
    const unknown = isUnknown(outcome);
    if (unknown) this.#window.failed();
    this.#close(subject);
    this.#parts.events.concluded(subject, outcome);
    if (!unknown) this.#requeue(this.#rooms.open(subject));
    else for (const waiting of this.#rooms.fail(subject)) this.#close(waiting);
  }

  /** The client has done something itself meanwhile: either that settles it, or it is asked about anew. */
  #void(subject: Case): void {
    const { join, since, concernsRoom } = subject;
    this.#settled(subject);
    this.#ready.push(this.#begin(join, since, concernsRoom));
    this.#pump();
  }

  #settled(subject: Case): void {
    this.#close(subject);
    this.#requeue(this.#rooms.open(subject));
  }

  #wait(subject: Case, delay: number): void {
    subject.timer = this.#parts.context.after(delay, () => {
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
