// The questions to one remote: bounds their number and rate, and handles their answers.

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
import { nickToAskAbout, untilEntered, untilNickIsKnown } from './requested.ts';
import { RoomGates } from './room_gate.ts';
import {
  type Answer,
  type Evidence,
  isAnswer,
  isUnknown,
  judgeEntering,
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

/** The outage to which a survey reports. */
export interface Outage {
  /** An answer, or a timeout, was judged. */
  judged(join: Join, verdict: Verdict): void;
  concluded(finding: Finding): void;
  /** A ping was answered after its timeout. */
  late(join: Join, reply: Reply): void;
  /** No question is pending or waiting. */
  surveyed(): void;
  /** Whether no question about this join is needed. */
  isSettled(join: Join): boolean;
}

/** The result for one join. */
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
  /** The rate of this remote and that of all remotes. */
  readonly rates: readonly Rate[];
  readonly outage: Outage;
}

/** A join in the survey. */
interface Entry {
  readonly join: Join;
  readonly evidence: Evidence;
  /** A join that was proved after this is no longer in doubt. */
  readonly since: number;
  readonly concernsRoom: boolean;
  reply: Stanza | undefined;
  isClosed: boolean;
  /** Whether a question is pending. */
  isAsking: boolean;
  /** The timer of the next question. */
  timer: Timer | undefined;
  /** Whether to ask about the old nick next: a nick change is unanswered, and the client does not have the new nick. */
  triesOldNick: boolean;
}

/** The most pending questions. */
const WINDOW = { first: 8, largest: 256 };

export class Survey {
  readonly #parts: SurveyParts;
  readonly #entries = new Map<Join, Entry>();
  readonly #gates = new RoomGates<Entry>();
  readonly #window = new CongestionWindow(WINDOW);
  /** The entries to ask about next, before those of the order. */
  #ready: Entry[] = [];
  #order = new AskingOrder();
  #asking = 0;
  readonly #timer: ResettableTimer;
  /** What the service has said of itself. */
  #service: Pick<Evidence, 'irc' | 'gateway'> = { irc: undefined, gateway: undefined };

  constructor(parts: SurveyParts) {
    this.#parts = parts;
    this.#timer = new ResettableTimer(parts.context.clock);
  }

  has(join: Join): boolean {
    return this.#entries.has(join);
  }

  get isIdle(): boolean {
    return this.#entries.size === 0;
  }

  /** Asks about one join immediately, regardless of the window. */
  askNow(join: Join, concernsRoom = false): void {
    if (this.#entries.has(join)) return;
    const entry = this.#begin(join, this.#parts.context.now(), concernsRoom);
    this.#gates.claim(entry);
    this.#step(entry, () => this.#ask(entry));
  }

  /** Forgets the facts about rooms, unless questions are pending. */
  forgetRooms(): void {
    if (this.isIdle) this.#gates.clear();
  }

  /** Starts a new round of questions, with a small window. */
  reset(): void {
    this.#window.reset();
    this.#order = new AskingOrder();
  }

  /** Asks about these joins in their order, as fast as the window allows. */
  add(joins: Iterable<Join>): void {
    this.#order.add(joins);
    this.#pump();
  }

  /** Asks about these joins before all others. */
  enqueue(joins: Iterable<Join>, concernsRoom = false): void {
    const now = this.#parts.context.now();
    for (const join of joins) {
      if (!this.#entries.has(join)) this.#ready.push(this.#begin(join, now, concernsRoom));
    }
    this.#pump();
  }

  /** Drops the joins that were not asked about. Pending questions continue. */
  stop(): void {
    this.#order = new AskingOrder();
    for (const entry of this.#entries.values()) if (!entry.isAsking) this.#close(entry);
    this.#ready = [];
    this.#gates.clear();
  }

  /** Drops all joins. Answers to pending questions count as late. */
  clear(): void {
    for (const entry of this.#entries.values()) this.#close(entry);
    this.stop();
    this.#timer.cancel();
  }

  /** Drops a join that was settled without an answer to us. */
  drop(join: Join): void {
    const entry = this.#entries.get(join);
    if (!entry) return;
    this.#close(entry);
    this.#requeue(this.#gates.open(entry));
    this.#pump();
  }

  #begin(join: Join, since: number, concernsRoom: boolean): Entry {
    const entry: Entry = {
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
    this.#entries.set(join, entry);
    return entry;
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
      const entry = this.#next();
      if (entry === 'later') return this.#pumpAfter(0);
      if (entry === undefined) break;
      this.#step(entry, () => this.#ask(entry));
    }
    if (this.isIdle) outage.surveyed();
  }

  /** Runs one step for one join. If it throws, the join counts as unanswered; the other joins are not affected. */
  #step(entry: Entry, step: () => void): void {
    const { module } = this.#parts.context;
    try {
      step();
    } catch (error) {
      module.report(error, { room: entry.join.room.jid });
      this.#pumpAfter(0);
      if (entry.isClosed) return;
      this.#settled(entry);
      this.#report(entry, 'silent');
    }
  }

  /** Returns `later` after skipping a whole chunk of entries that wait for their rooms or are settled. */
  #next(): Entry | 'later' | undefined {
    const { outage } = this.#parts;
    for (let passed = 0; passed < CHUNK_SIZE; passed++) {
      const entry = this.#ready.shift() ?? this.#fromOrder();
      if (entry === undefined) return undefined;
      if (!this.#isOpen(entry) || outage.isSettled(entry.join)) this.#settled(entry);
      else if (this.#gates.admits(entry)) return entry;
    }
    return 'later';
  }

  #fromOrder(): Entry | undefined {
    for (let join = this.#order.next(); join; join = this.#order.next()) {
      if (!this.#entries.has(join)) return this.#begin(join, join.room.domain.brokenAt, false);
    }
    return undefined;
  }

  /** Whether the join is still in doubt. */
  #isOpen({ join, since, isClosed }: Entry): boolean {
    return !isClosed && isDoubtful(join, since, this.#parts.context.joins);
  }

  #ask(entry: Entry): void {
    const { context, presence, rates } = this.#parts;
    const { join, evidence } = entry;
    const delay = untilNickIsKnown(join, context);
    if (delay > 0) {
      this.#requeue(this.#gates.open(entry));
      this.#wait(entry, delay);
      return;
    }
    entry.isAsking = true;
    this.#asking++;
    evidence.pings++;
    for (const rate of rates) rate.take();
    const nick = nickToAskAbout(join, entry.triesOldNick, context);
    Object.assign(evidence, this.#service);
    // The answer to a probe looks like the answer to a join.
    evidence.isUnanswered = join.state === 'joining';
    evidence.mayProbe = join.state !== 'joining' && presence.may(join.room.jid);
    this.#question(entry, 'ping', nick, (answer, relay) => {
      const verdict = judgePing(answer, relay, evidence);
      if ('conclude' in verdict && verdict.conclude === 'joined' && nick !== join.nick)
        context.joins.adopt(join, nick);
      return verdict;
    });
  }

  #question(
    entry: Entry,
    question: Question,
    nick: string,
    judge: (answer: Answer, relay: Relay) => Verdict,
  ): void {
    const { questions, outage } = this.#parts;
    questions.ask(entry.join, question, nick, (reply) => {
      if (reply?.late) return outage.late(entry.join, reply);
      if (entry.isClosed) return;
      this.#step(entry, () => {
        if (reply === undefined) return this.#askAnew(entry);
        entry.reply = reply.stanza;
        this.#judged(entry, reply.answer, judge(reply.answer, reply.relay));
      });
    });
  }

  #judged(entry: Entry, answer: Answer, found: Verdict): void {
    const { context } = this.#parts;
    const isEntering = untilEntered(entry.join, context) > 0;
    const verdict = isEntering ? judgeEntering(found, entry.evidence) : found;
    context.metrics.answered(answer, verdict);
    this.#parts.outage.judged(entry.join, verdict);
    if (!entry.isClosed) this.#proceed(entry, verdict);
  }

  #proceed(entry: Entry, verdict: Verdict): void {
    if (isAnswer(verdict)) this.#window.answered();
    if ('conclude' in verdict) {
      this.#conclude(entry, verdict.conclude);
      this.#pump();
    } else if ('again' in verdict) {
      const { context } = this.#parts;
      const { soon, later } = context.settings;
      const waits = { soon, later, entered: untilEntered(entry.join, context) };
      this.#release(entry);
      this.#requeue(this.#gates.open(entry));
      if (verdict.again === 'later') entry.triesOldNick = true;
      this.#wait(entry, waits[verdict.again]);
      this.#pump();
    } else this.#askFurther(entry, verdict.ask);
  }

  /** Another question about the same join, because the answer to the ping did not decide. */
  #askFurther(entry: Entry, question: 'room' | 'service' | 'presence'): void {
    const { join, evidence } = entry;
    if (question === 'presence') this.#question(entry, question, join.nick, judgePresence);
    else if (question === 'service') {
      this.#question(entry, question, join.nick, (answer) => {
        const verdict = judgeService(answer, evidence);
        this.#service = { irc: evidence.irc, gateway: evidence.gateway };
        return verdict;
      });
    } else {
      const facts = this.#gates.facts(join.room.jid);
      if (facts) this.#proceed(entry, judgeRoom({ kind: 'result', facts }, evidence));
      else this.#question(entry, question, join.nick, (answer) => this.#roomAnswered(entry, answer));
    }
  }

  #roomAnswered({ join, evidence }: Entry, answer: Answer): Verdict {
    const verdict = judgeRoom(answer, evidence);
    this.#gates.learn(join.room.jid, evidence.room);
    return verdict;
  }

  #conclude(entry: Entry, outcome: Outcome): void {
    if (isUnknown(outcome)) this.#window.failed();
    this.#close(entry);
    this.#report(entry, outcome);
    if (!isUnknown(outcome)) this.#requeue(this.#gates.open(entry));
    else for (const waiting of this.#gates.fail(entry)) this.#close(waiting);
  }

  #report({ join, concernsRoom, reply }: Entry, outcome: Outcome): void {
    this.#parts.outage.concluded({ join, outcome, concernsRoom, reply });
  }

  /** Asks again, because the client has joined, left or changed its nick since the question. */
  #askAnew(entry: Entry): void {
    const { join, since, concernsRoom } = entry;
    this.#settled(entry);
    this.#ready.push(this.#begin(join, since, concernsRoom));
    this.#pump();
  }

  #settled(entry: Entry): void {
    this.#close(entry);
    this.#requeue(this.#gates.open(entry));
  }

  #wait(entry: Entry, delayMs: number): void {
    entry.timer = this.#parts.context.after(delayMs, () => {
      entry.timer = undefined;
      this.#ready.unshift(entry);
      this.#pump();
    });
  }

  #requeue(entries: readonly Entry[]): void {
    for (const entry of entries) if (!entry.isClosed) this.#ready.push(entry);
  }

  #close(entry: Entry): void {
    if (entry.isClosed) return;
    this.#release(entry);
    entry.isClosed = true;
    entry.timer?.cancel();
    if (this.#entries.get(entry.join) === entry) this.#entries.delete(entry.join);
  }

  #release(entry: Entry): void {
    if (entry.isAsking) this.#asking--;
    entry.isAsking = false;
  }
}
