// Links that modules want although no stanza waits for them. Each pair of domains is tried until a stream is open.
//
//   want ──▶ pause ──▶ in line: 1/s, or 10/s if soon ──▶ attempt ──▶ open: done
//              ▲                                            │
//              └──────────────── failed ────────────────────┘

import type { Link as LinkView } from '../api/link.ts';
import type { ElapsedClock, Timer } from '../util/clock.ts';
import { Backoff, Rate } from '../util/flow/index.ts';

const PAUSES = { firstMs: 15_000, longestMs: 5 * 60_000, jitter: 0.2 };
/** Pauses of a `soon` want. The longest one holds for the first hour, and grows with the outage then. */
const SOON_PAUSES = { firstMs: 2_000, longestMs: 30_000, jitter: 0.25 };
/** The pause of a `soon` want, as a share of the time since the first want. */
const SOON_SHARE = 1 / 5;
/** The longest pause of a `soon` want after an hour, as a share of that time: 30 s of one hour. */
const LATE_SHARE = 1 / 120;

/** Attempts that are begun per second, over all links. */
const PER_SECOND = 1;
const SOON_PER_SECOND = 10;
/** Pairs of domains that are wanted. More are ignored, since their attempts would come hours later. */
const MAX_WANTED = 100_000;

export interface WantsParts {
  readonly clock: ElapsedClock;
  /**
   * Begins an attempt now, or joins the one under way. `failed` is called once if it ends without an open stream.
   * The returned function withdraws it.
   */
  attempt(local: string, remote: string, failed: () => void): () => void;
}

/** Options of one want. */
export type WantOptions = Parameters<LinkView['want']>[0];

interface Want {
  readonly owner: object;
  readonly isSoon: boolean;
}

/** All wants of one pair of domains. */
interface Wanted {
  readonly local: string;
  readonly remote: string;
  readonly wants: Set<Want>;
  /** When the first of the wants was placed. All times are in ms of `clock.elapsed`. */
  readonly since: number;
  readonly backoff: Backoff;
  /** When the pause ends. */
  dueAt: number;
  timer: Timer | undefined;
  /** Withdraws the attempt under way. */
  withdraw: (() => void) | undefined;
}

export class Wants {
  readonly #parts: WantsParts;
  readonly #wanted = new Map<string, Wanted>();
  /** Remotes with an attempt under way, for any of our domains. */
  readonly #trying = new Set<string>();
  readonly #line: AttemptLine;
  readonly #soonLine: AttemptLine;

  constructor(parts: WantsParts) {
    this.#parts = parts;
    const attempt = (wanted: Wanted) => this.#attempt(wanted);
    this.#line = new AttemptLine(PER_SECOND, parts.clock, attempt);
    this.#soonLine = new AttemptLine(SOON_PER_SECOND, parts.clock, attempt);
  }

  /** Places a want of `owner`; returns the function that withdraws it. */
  add(local: string, remote: string, owner: object, options: WantOptions): () => void {
    const wanted = this.#wanted.get(keyOf(local, remote)) ?? this.#create(local, remote);
    if (!wanted) return () => {};
    const want = { owner, isSoon: options?.soon === true };
    wanted.wants.add(want);
    if (wanted.wants.size === 1) this.#pause(wanted);
    else if (want.isSoon) this.#hasten(wanted);
    return () => this.#remove(wanted, want);
  }

  /** When the next attempt for this pair of domains may begin; `undefined` when nothing is planned. */
  nextTry(local: string, remote: string): number | undefined {
    const wanted = this.#wanted.get(keyOf(local, remote));
    if (!wanted || wanted.withdraw) return undefined;
    return Math.max(wanted.dueAt, this.#parts.clock.elapsed());
  }

  /** An authenticated stream of this pair is open: its wants are fulfilled. */
  opened(local: string, remote: string): void {
    const wanted = this.#wanted.get(keyOf(local, remote));
    if (wanted) this.#delete(wanted);
  }

  /** Withdraws all wants of an owner. */
  forget(owner: object): void {
    for (const wanted of this.#wanted.values()) {
      for (const want of wanted.wants) if (want.owner === owner) this.#remove(wanted, want);
    }
  }

  /** Withdraws everything: the server stops. */
  stop(): void {
    for (const wanted of this.#wanted.values()) this.#delete(wanted);
  }

  #create(local: string, remote: string): Wanted | undefined {
    if (this.#wanted.size >= MAX_WANTED) return undefined;
    const now = this.#parts.clock.elapsed();
    const wanted: Wanted = {
      ...{ local, remote, wants: new Set(), since: now, backoff: new Backoff(PAUSES) },
      ...{ dueAt: now, timer: undefined, withdraw: undefined },
    };
    this.#wanted.set(keyOf(local, remote), wanted);
    return wanted;
  }

  #remove(wanted: Wanted, want: Want): void {
    wanted.wants.delete(want);
    if (wanted.wants.size === 0) this.#delete(wanted);
  }

  #delete(wanted: Wanted): void {
    const key = keyOf(wanted.local, wanted.remote);
    if (this.#wanted.get(key) !== wanted) return;
    this.#wanted.delete(key);
    this.#leaveLines(wanted);
    const { withdraw } = wanted;
    if (!withdraw) return;
    this.#ended(wanted);
    withdraw();
  }

  #leaveLines(wanted: Wanted): void {
    wanted.timer?.cancel();
    wanted.timer = undefined;
    this.#line.leave(wanted);
    this.#soonLine.leave(wanted);
  }

  #ended(wanted: Wanted): void {
    wanted.withdraw = undefined;
    this.#trying.delete(wanted.remote);
  }

  #pause(wanted: Wanted): void {
    const isSoon = [...wanted.wants].some((want) => want.isSoon);
    const pauseMs = isSoon ? this.#soonPause(wanted) : wanted.backoff.failed();
    this.#wait(wanted, pauseMs, isSoon ? this.#soonLine : this.#line);
  }

  /** Shortens the pause to that of a `soon` want. */
  #hasten(wanted: Wanted): void {
    const pauseMs = this.#soonPause(wanted);
    const isShorter = wanted.timer !== undefined && this.#parts.clock.elapsed() + pauseMs < wanted.dueAt;
    if (isShorter) this.#wait(wanted, pauseMs, this.#soonLine);
  }

  #wait(wanted: Wanted, pauseMs: number, line: AttemptLine): void {
    this.#leaveLines(wanted);
    const { clock } = this.#parts;
    wanted.dueAt = clock.elapsed() + pauseMs;
    wanted.timer = clock.after(pauseMs, () => {
      wanted.timer = undefined;
      line.enter(wanted);
    });
  }

  #soonPause({ since }: Wanted): number {
    const { firstMs, longestMs, jitter } = SOON_PAUSES;
    const outageMs = this.#parts.clock.elapsed() - since;
    const pauseMs = Math.max(firstMs, outageMs * SOON_SHARE) * (1 + jitter * Math.random());
    return Math.min(pauseMs, Math.max(longestMs, outageMs * LATE_SHARE), PAUSES.longestMs);
  }

  #attempt(wanted: Wanted): void {
    const { local, remote } = wanted;
    if (this.#trying.has(remote)) return this.#pause(wanted);
    this.#trying.add(remote);
    // Set before the attempt begins, because it may fail immediately.
    wanted.withdraw = () => {};
    const withdraw = this.#parts.attempt(local, remote, () => this.#failed(wanted));
    if (wanted.withdraw) wanted.withdraw = withdraw;
  }

  #failed(wanted: Wanted): void {
    if (!wanted.withdraw) return;
    this.#ended(wanted);
    this.#pause(wanted);
  }
}

/** The pairs whose pause has ended, which are tried in turn. */
class AttemptLine {
  readonly #clock: ElapsedClock;
  readonly #rate: Rate;
  readonly #attempt: (wanted: Wanted) => void;
  readonly #waiting = new Set<Wanted>();
  #timer: Timer | undefined;

  constructor(perSecond: number, clock: ElapsedClock, attempt: (wanted: Wanted) => void) {
    this.#clock = clock;
    this.#rate = new Rate(perSecond, clock);
    this.#attempt = attempt;
  }

  enter(wanted: Wanted): void {
    this.#waiting.add(wanted);
    this.#next();
  }

  leave(wanted: Wanted): void {
    this.#waiting.delete(wanted);
  }

  #next(): void {
    const [first] = this.#waiting;
    if (this.#timer || !first) return;
    const { waitMs } = this.#rate;
    if (waitMs === 0) {
      this.#rate.take();
      this.#waiting.delete(first);
    }
    // The timer is set first, because the attempt may throw (docs/adr/0024).
    if (this.#waiting.size > 0) this.#timer = this.#clock.after(this.#rate.waitMs, () => this.#fire());
    if (waitMs === 0) this.#attempt(first);
  }

  #fire(): void {
    this.#timer = undefined;
    this.#next();
  }
}

function keyOf(local: string, remote: string): string {
  return `${local} ${remote}`;
}
