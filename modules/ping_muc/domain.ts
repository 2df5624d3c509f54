// One domain whose rooms are in doubt. However many rooms and clients there are, an outage costs one question at a
// time; only when the domain answers are all clients asked about.
//
//             trigger          delay             answer               all settled
//     idle ───────────▶ waiting ─────▶ canary ─────────────▶ fan-out ─────────────▶ idle
//                                       ▲  │ no answer           │ some undecided
//                        pause, or link │  ▼                     ▼
//                                       down ◀────────────────────  ── give-up: tell all ──▶ idle

import { CHUNK_SIZE, inChunks, nextChunk, Rate, ResettableTimer } from 'enjamb/api';
import type { Case } from './case.ts';
import { conclude } from './conclude.ts';
import type { Context, Join } from './context.ts';
import { Episode, entries, type Trigger } from './episode.ts';
import { Inquiries, type InquiryParts } from './inquiries.ts';
import type { Notices } from './notice.ts';
import type { Probes } from './probe.ts';
import { isIn, Suspects } from './suspects.ts';
import {
  type Answer,
  isAnswer,
  isUnknown,
  judgePing,
  type Outcome,
  type Relay,
  type Verdict,
} from './verdict.ts';

export type WatchState = 'idle' | 'waiting' | 'canary' | 'fan-out' | 'down';

export interface WatchParts extends Omit<InquiryParts, 'rates' | 'isPending' | 'events'> {
  readonly notices: Notices;
  /** Of all domains together. */
  readonly total: Rate;
}

/** After so many clients in a row about whom nobody says anything, the domain counts as gone again. */
const HOPELESS = 8;
/** What may have lost something that was under way. */
const LOSSES: ReadonlySet<Trigger> = new Set(['link-lost', 'link-silent', 'service-down']);

export class DomainWatch {
  readonly name: string;
  readonly #context: Context;
  readonly #notices: Notices;
  readonly #probes: Probes;
  readonly #inquiries: Inquiries;
  readonly #suspects: Suspects;
  readonly #timer: ResettableTimer;
  readonly #deadline: ResettableTimer;
  readonly #scout: ResettableTimer;
  #isReaching = false;
  /** The last time that we knocked somebody was there. */
  #isReached = false;
  #state: WatchState = 'idle';
  #episode: Episode | undefined;
  #lastWakeUp = Number.NEGATIVE_INFINITY;
  /** When the domain was last there again, and when it last answered anything. */
  #recoveredAt: number | undefined;
  #answeredAt = Number.NEGATIVE_INFINITY;
  /** When the domain broke again while it was being asked; 0 if it did not. */
  #brokenAgainAt = 0;
  /** Clients in a row about whom nobody said anything. */
  #failures = 0;
  #canary: Join | undefined;
  #canaryAt = 0;
  /** Not all suspects have been handed to the inquiries yet. */
  #feeding = false;

  constructor(name: string, parts: WatchParts) {
    this.name = name;
    this.#context = parts.context;
    this.#notices = parts.notices;
    this.#probes = parts.probes;
    this.#suspects = new Suspects(name, parts.context, parts.notices);
    this.#timer = new ResettableTimer(parts.context.clock);
    this.#deadline = new ResettableTimer(parts.context.clock);
    this.#scout = new ResettableTimer(parts.context.clock);
    this.#inquiries = new Inquiries({
      ...parts,
      rates: [new Rate(parts.context.settings.rate, parts.context.clock), parts.total],
      isPending: (join) => parts.notices.isPending(join),
      events: {
        judged: (subject, verdict) => this.#judged(subject, verdict),
        concluded: (subject, outcome) => this.#concluded(subject, outcome),
        idle: () => this.#idle(),
      },
    });
  }

  get state(): WatchState {
    return this.#state;
  }

  /** Nothing is under way, nothing has to be remembered. */
  get isOver(): boolean {
    return this.#state === 'idle' && this.#inquiries.isIdle;
  }

  /** When the domain last became reachable again. */
  get recoveredAt(): number | undefined {
    return this.#recoveredAt;
  }

  /** When the domain has last answered a question. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  /** Whether this client is being asked about. */
  has(join: Join): boolean {
    return this.#inquiries.has(join);
  }

  /** Something has happened that may have put clients out of rooms. The first of a burst starts the clock. */
  trigger(cause: Trigger): void {
    const { measures, now, settings } = this.#context;
    measures.triggers.of(cause).add();
    // Who cannot be reached has not lost anything new; our own questions fail in that way too.
    const isLoss = LOSSES.has(cause);
    if (isLoss || this.#state === 'idle') this.#doubt();
    if (isLoss) this.#recoveredAt = undefined;
    if (this.#state === 'idle') this.#start(cause);
    else if (cause === 'link-silent') this.#timer.bringForward(settings.soon);
    // It was dead for a while, and may work at once when it is made anew.
    if (cause === 'link-silent') this.#reach();
    if (isLoss && (this.#state === 'canary' || this.#state === 'fan-out')) this.#brokenAgainAt = now();
  }

  /** A stream with the domain is up. */
  linkUp(): void {
    const { now, random, settings } = this.#context;
    const { fast, wakeUp, wakeUpSpread, wakeUpGap } = settings;
    this.#recoveredAt ??= now();
    const isEager = fast || this.#episode?.cause === 'link-silent';
    if (this.#state !== 'down' && !(this.#state === 'waiting' && isEager)) return;
    const at = Math.max(now() + wakeUp + wakeUpSpread * random(), this.#lastWakeUp + wakeUpGap);
    if (this.#timer.bringForward(at - now())) this.#lastWakeUp = at;
  }

  /** One client is in doubt, and whoever said so can be asked at once. */
  confirm(join: Join, concernsRoom = false): void {
    if (!this.#notices.isPending(join)) this.#inquiries.askNow(join, concernsRoom);
  }

  /** Several clients are in doubt, and are asked about as fast as the window lets it. */
  confirmAll(joins: readonly Join[], concernsRooms: boolean): void {
    this.#inquiries.enqueue(
      joins.filter((join) => !this.#notices.isPending(join)),
      concernsRooms,
    );
  }

  /** What was asked about this client has been answered otherwise. */
  drop(join: Join): void {
    this.#inquiries.drop(join);
  }

  /** Asks now about everybody, and gives their number. */
  askNow(): number {
    if (this.#state === 'idle') this.#begin('asked');
    this.#doubt();
    const count = entries(this.name, this.#context);
    if (this.#state !== 'canary' && this.#state !== 'fan-out') this.#nextCanary();
    return count;
  }

  /** An answer that was no longer waited for: what it decides counts, and the domain can be reached. */
  late(join: Join, answer: Answer, relay: Relay): void {
    const inquiry = { pings: 1, seen: [], room: undefined, irc: undefined, mayProbe: false };
    const verdict = judgePing(answer, relay, inquiry);
    this.#context.measures.answered(answer, verdict);
    if ('conclude' in verdict && (verdict.conclude === 'joined' || verdict.conclude === 'lost')) {
      this.#apply(join, verdict.conclude);
      this.#inquiries.drop(join);
    }
    if (isAnswer(verdict)) this.linkUp();
  }

  #doubt(): void {
    const domain = this.#context.joins.domain(this.name);
    if (domain) this.#context.joins.doubt(domain, this.#context.settings.settle);
  }

  #start(cause: Trigger): void {
    this.#begin(cause);
    const { delay, jitter, soon } = this.#context.settings;
    this.#state = 'waiting';
    this.#isReached = false;
    this.#timer.set(cause === 'link-silent' ? soon : delay + jitter * this.#context.random(), () =>
      this.#nextCanary(),
    );
  }

  #begin(cause: Trigger): void {
    this.#episode = new Episode(this.name, cause, this.#context);
    const { giveUp } = this.#context.settings;
    if (Number.isFinite(giveUp)) this.#deadline.set(giveUp, () => this.#timeIsUp());
  }

  #nextCanary(): void {
    this.#timer.cancel();
    if (this.#probes.isWaiting(this.name)) {
      this.#goDown(); // One question is enough for a link that may be made some time.
      return;
    }
    this.#inquiries.forgetRooms();
    const canary = this.#suspects.canary();
    if (canary === undefined) {
      this.#finish();
      return;
    }
    this.#canary = canary;
    this.#canaryAt = this.#context.now();
    this.#state = 'canary';
    this.#scout.cancel();
    this.#inquiries.askNow(canary);
  }

  #judged({ join }: Case, verdict: Verdict): void {
    if (this.#episode) this.#episode.pings++;
    if (isAnswer(verdict)) this.#answeredAt = this.#context.now();
    // Whatever it says, somebody answers there.
    if (this.#isCanary(join) && !('conclude' in verdict)) this.#fanOut();
  }

  #concluded(subject: Case, outcome: Outcome): void {
    const { join } = subject;
    this.#episode?.concluded(outcome);
    if (isUnknown(outcome)) {
      this.#undecided(join);
      return;
    }
    this.#failures = 0;
    this.#apply(join, outcome);
    if (outcome === 'lost' && subject.concernsRoom) this.#askOthers(join);
    if (this.#isCanary(join)) this.#fanOut();
  }

  #askOthers(join: Join): void {
    inChunks(join.room.joins.values(), this.#context.after, (chunk) => {
      this.#inquiries.enqueue(chunk.filter((other) => other !== join && isIn(other)));
    });
  }

  #undecided(join: Join): void {
    if (this.#isCanary(join)) this.#goDown();
    else if (this.#state === 'idle') this.trigger('unanswered');
    else if (this.#state === 'fan-out' && ++this.#failures >= HOPELESS) {
      this.#feeding = false;
      this.#inquiries.stop();
    }
  }

  #apply(join: Join, outcome: Outcome): void {
    const episode = this.#episode;
    conclude(join, outcome, {
      context: this.#context,
      notices: this.#notices,
      lost(count) {
        if (episode) episode.lost += count;
      },
    });
    if (outcome === 'unproven') this.#suspects.presume(join);
  }

  #fanOut(): void {
    this.#state = 'fan-out';
    this.#recoveredAt ??= this.#context.now();
    this.#failures = 0;
    this.#inquiries.reset();
    this.#feeding = true;
    this.#feed(this.#suspects[Symbol.iterator]());
  }

  /** So many in one tick that nobody notices. */
  #feed(suspects: Iterator<Join>): void {
    const chunk = nextChunk(suspects);
    this.#feeding = chunk.length === CHUNK_SIZE;
    this.#inquiries.add(chunk);
    if (!this.#feeding) return;
    this.#context.after(0, () => {
      if (this.#feeding) this.#feed(suspects);
    });
  }

  #idle(): void {
    if (this.#state === 'canary')
      this.#nextCanary(); // The canary was settled without an answer.
    else if (this.#state === 'fan-out' && !this.#feeding) this.#roundOver();
    else if (this.#state === 'idle') this.#inquiries.forgetRooms();
  }

  #roundOver(): void {
    if (this.#suspects.isEmpty || this.#brokenAgainAt > 0) this.#finish();
    else this.#goDown();
  }

  #goDown(): void {
    const { giveUp } = this.#context.settings;
    const episode = this.#episode!;
    // A link that broke and is new since the canary was asked: it may have been lost with the old one.
    const isBack = this.#recoveredAt !== undefined && this.#brokenAgainAt >= this.#canaryAt;
    this.#recoveredAt = undefined;
    if (episode.age >= giveUp) {
      this.#giveUp();
      return;
    }
    this.#state = 'down';
    this.#scout.set(this.#context.settings.scout, () => this.#reach());
    this.#timer.set(episode.backoff.failed(), () => this.#nextCanary());
    if (isBack) this.linkUp();
  }

  /** While it is down nobody may have anything to send there; so that its return is noticed, we knock. */
  #reach(): void {
    if (this.#isReaching) return;
    this.#isReaching = true;
    this.#context.spawn(this.#attempt());
  }

  async #attempt(): Promise<void> {
    let isReached = false;
    try {
      isReached = await this.#context.reach(this.name);
    } finally {
      this.#isReaching = false;
      // The timer is set first, because the code below may throw.
      if (this.#state === 'down') this.#scout.set(this.#context.settings.scout, () => this.#reach());
    }
    if (this.#state !== 'down') return;
    // The canary finds out whether stanzas get through as well; if they do not, it asks only once.
    if (isReached && !this.#isReached) this.linkUp();
    this.#isReached = isReached;
  }

  /** While clients are being asked about, the end of that is waited for. */
  #timeIsUp(): void {
    if (this.#state === 'canary' || this.#state === 'down') this.#giveUp();
  }

  /** Better told late than never; and should a room still have them, it is to let them go. */
  #giveUp(): void {
    this.#state = 'down';
    this.#timer.cancel();
    this.#inquiries.clear();
    const chunk = nextChunk(this.#suspects[Symbol.iterator]());
    this.#context.measures.giveUps.add(chunk.length);
    this.#episode!.unknown += chunk.length;
    for (const join of chunk) {
      this.#context.joins.leaveLater(join);
      this.#notices.tell(join, 'given-up');
    }
    if (chunk.length === CHUNK_SIZE) this.#timer.set(0, () => this.#giveUp());
    else this.#finish();
  }

  #finish(): void {
    const { now, settings } = this.#context;
    this.#episode?.end();
    this.#episode = undefined;
    this.#state = 'idle';
    this.#timer.cancel();
    this.#deadline.cancel();
    this.#scout.cancel();
    this.#suspects.clear();
    this.#inquiries.forgetRooms();
    this.#canary = undefined;
    const brokenAt = this.#brokenAgainAt;
    this.#brokenAgainAt = 0;
    if (brokenAt === 0) return;
    this.#start('link-lost');
    this.#timer.bringForward(Math.max(0, brokenAt + settings.delay + settings.jitter - now()));
  }

  #isCanary(join: Join): boolean {
    return this.#state === 'canary' && join === this.#canary;
  }
}
